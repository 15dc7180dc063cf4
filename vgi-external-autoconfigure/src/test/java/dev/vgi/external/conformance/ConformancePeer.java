package dev.vgi.external.conformance;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.rpc.client.RpcClients;
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

	static List<String> variants(String address) {
		return address.startsWith("http") ? List.of("prefetch", "no-prefetch") : List.of("one");
	}

	static ConformancePeer of(String address, String variant) {
		return new Http(address, variant.equals("prefetch"));
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

}
