package dev.vgi.external;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.AppenderBase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

import org.springframework.context.ConfigurableApplicationContext;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Looks for the signatures of URLs, and for planted credentials, in everything that a
 * running service shows: error responses, exceptions, all logs at the finest level,
 * meters, observations and Actuator's endpoints. {@link WatchedSecretsTests} look at what
 * others show who watch the process.
 */
@Timeout(value = 100, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SecretsTests {

	@TempDir
	private Path folder;

	private final Recording recording = new Recording();

	@AfterEach
	void stopRecording() {
		this.recording.close();
	}

	@Test
	void bucket() throws Exception {
		SecretsScenario scenario = new SecretsScenario(this.folder, this.recording);
		scenario.bucket(SecretsBucket.FAULTS);
		assertThat(scenario.secrets()).anySatisfy((secret) -> assertThat(secret).matches("[0-9a-f]{64}"));
		assertNoSecret(scenario);
	}

	@Test
	void googleBucket() throws Exception {
		SecretsScenario scenario = new SecretsScenario(this.folder, this.recording);
		scenario.googleBucket();
		assertThat(scenario.secrets()).anySatisfy((secret) -> assertThat(secret).matches("[0-9a-f]{512}"));
		assertNoSecret(scenario);
	}

	@Test
	void localStore() throws Exception {
		SecretsScenario scenario = new SecretsScenario(this.folder, this.recording);
		scenario.localStore();
		assertNoSecret(scenario);
	}

	private void assertNoSecret(SecretsScenario scenario) {
		Set<String> secrets = scenario.secrets();
		assertThat(secrets).hasSizeGreaterThan(10);
		for (String text : scenario.shown()) {
			assertThat(secrets).as(text).noneMatch(text::contains);
		}
		assertThat(this.recording.observations).isNotEmpty();
		for (String text : this.recording.observations) {
			assertThat(secrets).as(text).noneMatch(text::contains);
		}
		Map<String, String> leaks = new ConcurrentHashMap<>();
		this.recording.logs.forEach((event) -> {
			if (secrets.stream().anyMatch(event.text()::contains)) {
				leaks.putIfAbsent(event.logger(), event.text());
			}
		});
		leaks.keySet().removeAll(SecretsPage.rows("Logger"));
		assertThat(leaks).isEmpty();
		// Storage traffic is on none of these wires.
		assertThat(this.recording.logs)
			.anySatisfy((event) -> assertThat(event.logger()).startsWith("org.apache.hc.client5"))
			.noneSatisfy((event) -> assertThat(event.text()).containsPattern("(PUT|GET|HEAD) /our-bucket/vgi-rpc"));
	}

	/**
	 * Listens to all logs and observations of an application until it is closed.
	 */
	private static final class Recording extends AppenderBase<ILoggingEvent>
			implements SecretsScenario.Watch, AutoCloseable {

		private final List<Event> logs = new CopyOnWriteArrayList<>();

		private final LoggerContext logging = (LoggerContext) LoggerFactory.getILoggerFactory();

		private final Logger root = this.logging.getLogger(Logger.ROOT_LOGGER_NAME);

		private final Map<Logger, Level> levels = new HashMap<>();

		private final List<Appender<ILoggingEvent>> consoles = new ArrayList<>();

		private List<String> observations = List.of();

		@Override
		public void started(ConfigurableApplicationContext context) {
			this.observations = context.getBean(SecretsApplication.Observations.class).seen();
			this.logging.getLoggerList().forEach((logger) -> {
				if (logger.getLevel() != null) {
					this.levels.put(logger, logger.getLevel());
				}
			});
			this.root.iteratorForAppenders().forEachRemaining(this.consoles::add);
			// Millions of lines are nothing for a console.
			this.consoles.forEach(this.root::detachAppender);
			setContext(this.logging);
			start();
			this.root.addAppender(this);
			this.levels.keySet().forEach((logger) -> logger.setLevel((logger == this.root) ? Level.TRACE : null));
			for (String name : List.of("org.springframework", "org.apache.catalina", "org.apache.coyote",
					"org.apache.tomcat", "org.apache.hc", "dev.vgi", "software.amazon.awssdk")) {
				this.logging.getLogger(name).setLevel(Level.TRACE);
			}
		}

		@Override
		protected void append(ILoggingEvent event) {
			String failure = (event.getThrowableProxy() != null)
					? ThrowableProxyUtil.asString(event.getThrowableProxy()) : "";
			this.logs.add(new Event(event.getLoggerName(), event.getFormattedMessage() + "\n" + failure));
		}

		@Override
		public void close() {
			this.logging.getLoggerList().forEach((logger) -> logger.setLevel(this.levels.get(logger)));
			this.root.detachAppender(this);
			this.consoles.forEach(this.root::addAppender);
			stop();
		}

	}

	/**
	 * What was logged.
	 *
	 * @param logger by whom
	 * @param text the message and the exception
	 */
	private record Event(String logger, String text) {

	}

}
