package dev.vgi.external.conformance;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.rpc.pipe.client.RpcConnection;
import dev.vgi.external.rpc.pipe.client.RpcConnectionBuilder;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.client.Dialect;
import dev.vgi.external.web.client.PlainClient;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.Nullable;

/**
 * A server that is not ours and the way to it: a URL, {@code pipe:} and a command, or
 * {@code unix:} and a path. One connection serves all rows.
 */
abstract class ConformancePeer implements AutoCloseable {

	private final BufferAllocator allocator = new RootAllocator();

	private final List<LogMessage> logs = new CopyOnWriteArrayList<>();

	static ConformancePeer of(String address, boolean prefetch) {
		if (address.startsWith("http:")) {
			return new Http(address, prefetch);
		}
		String rest = address.substring(address.indexOf(':') + 1);
		return new Piped(address.startsWith("unix:") ? RpcConnection.builder(Path.of(rest))
				: RpcConnection.builder(List.of(rest.split(" "))), prefetch);
	}

	/**
	 * Return what the peer has logged to its caller.
	 * @return the messages, which the caller may clear
	 */
	List<LogMessage> logs() {
		return this.logs;
	}

	BufferAllocator allocator() {
		return this.allocator;
	}

	abstract <T> T client(Class<T> type);

	/**
	 * Return what only HTTP has.
	 * @return the client, or {@code null} over pipes
	 */
	@Nullable VgiClient http() {
		return null;
	}

	void requireNothingLeft() {
		if (this.allocator.getAllocatedMemory() != 0) {
			throw new IllegalStateException(this.allocator.getAllocatedMemory() + " bytes are left");
		}
	}

	@Override
	public void close() {
		this.allocator.close();
	}

	private static final class Http extends ConformancePeer {

		private final PlainClient plain = new PlainClient(allocator());

		private final VgiClient client;

		private final RpcClients clients;

		Http(String url, boolean prefetch) {
			this.client = this.plain.builder(url).dialect(Dialect.AUTO).prefetch(prefetch).build();
			this.clients = new RpcClients(this.client, allocator(), logs()::add);
		}

		@Override
		<T> T client(Class<T> type) {
			return this.clients.createClient(type);
		}

		@Override
		VgiClient http() {
			return this.client;
		}

		@Override
		public void close() {
			this.plain.close();
			super.close();
		}

	}

	private static final class Piped extends ConformancePeer {

		private final RpcConnection connection;

		Piped(RpcConnectionBuilder builder, boolean prefetch) {
			this.connection = builder.allocator(allocator())
				.externalLocation(ExternalLocationConfig.defaults().withUrlValidator(UrlValidator.acceptAll()))
				.logs(logs()::add)
				.prefetch(prefetch)
				.build();
		}

		@Override
		<T> T client(Class<T> type) {
			return this.connection.client(type);
		}

		@Override
		public void close() {
			this.connection.close();
			super.close();
		}

	}

}
