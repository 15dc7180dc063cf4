package dev.vgi.external.autoconfigure;

import java.time.Duration;
import java.util.List;
import java.util.Map;

import dev.vgi.external.autoconfigure.start.Ranges;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.Assert;
import org.springframework.util.StringUtils;

/**
 * Settings of the workers that are called over their standard streams or a Unix socket.
 *
 * @param workers Workers by their names, each with 'command' or 'unix'.
 */
@ConfigurationProperties("vgi.rpc")
public record VgiWorkersProperties(@DefaultValue Map<String, Worker> workers) {

	/** Prefix of all keys. */
	static final String PREFIX = "vgi.rpc.workers.";

	public VgiWorkersProperties {
		workers = Map.copyOf(workers);
		workers.forEach((name, worker) -> worker.check(PREFIX + name + "."));
	}

	/**
	 * One worker. A connection is one process that is started, or one connection to the
	 * socket.
	 *
	 * @param command Program and arguments, as a list. No shell is involved.
	 * @param unix Path of a Unix socket to connect to, instead of a command.
	 * @param directory Working directory of the command. That of the application by
	 * default.
	 * @param environment Additional environment variables of the command. Values are
	 * never shown.
	 * @param size Most connections at once, each of which serves one call at a time. Use
	 * more than 1 for a socket only if its worker serves several connections at once.
	 * @param startTimeout Longest time until a new connection answers.
	 * @param callTimeout Longest wait for an answer: a result, the opening of a stream,
	 * or one turn of it. Also the longest wait for a connection.
	 * @param idleTimeout How long an unused connection is kept. As long as the
	 * application runs by default.
	 * @param maxWaiting Most calls that wait for a connection at once. Further ones fail.
	 * @param eager Whether all connections are opened with the application, and not when
	 * they are first needed.
	 */
	public record Worker(@DefaultValue List<String> command, @Nullable String unix, @Nullable String directory,
			@DefaultValue Map<String, String> environment, @DefaultValue("1") int size,
			@DefaultValue("30s") Duration startTimeout, @DefaultValue("5m") Duration callTimeout,
			@Nullable Duration idleTimeout, @DefaultValue("64") int maxWaiting, @DefaultValue("false") boolean eager) {

		public Worker {
			command = List.copyOf(command);
			environment = Map.copyOf(environment);
		}

		private void check(String prefix) {
			boolean program = !this.command.isEmpty();
			boolean socket = StringUtils.hasText(this.unix);
			Assert.isTrue(program != socket, () -> prefix + "command or " + prefix + "unix must be set, and not both");
			Assert.isTrue(!program || StringUtils.hasText(this.command.get(0)),
					() -> prefix + "command must begin with a program");
			Assert.isTrue(program || !StringUtils.hasText(this.directory),
					() -> prefix + "directory has no effect without " + prefix + "command");
			Assert.isTrue(program || this.environment.isEmpty(),
					() -> prefix + "environment has no effect without " + prefix + "command");
			Assert.isTrue(!this.eager || this.idleTimeout == null,
					() -> prefix + "idle-timeout must not be set with " + prefix + "eager=true");
			Ranges.check(prefix + "size", this.size, "1", "1024");
			Ranges.check(prefix + "start-timeout", this.startTimeout, "1ms", Ranges.LONGEST);
			Ranges.check(prefix + "call-timeout", this.callTimeout, "1ms", Ranges.LONGEST);
			Ranges.check(prefix + "idle-timeout", this.idleTimeout, "1ms", Ranges.LONGEST);
			Ranges.check(prefix + "max-waiting", this.maxWaiting, "0");
		}

		@Override
		public String toString() {
			return "Worker[command=" + this.command + ", unix=" + this.unix + ", directory=" + this.directory
					+ ", environment=" + this.environment.keySet() + ", size=" + this.size + ", eager=" + this.eager
					+ "]";
		}

	}

}
