package dev.vgi.external.rpc.pipe.client;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.CallTransport;
import dev.vgi.external.call.StreamTransport;
import dev.vgi.external.location.LocationResolver;
import org.apache.arrow.memory.BufferAllocator;

/**
 * Carries calls over pipes: each call, and each stream until it is over, has a connection
 * of its own. Nothing is sent twice. Thread-safe.
 */
final class PipeTransport implements CallTransport {

	private final ConnectionSource connections;

	private final LocationResolver resolver;

	private final BufferAllocator allocator;

	/**
	 * Create a transport.
	 * @param connections lends the connections
	 * @param resolver resolves the pointers of answers
	 * @param allocator the owner of the memory of requests and answers
	 */
	PipeTransport(ConnectionSource connections, LocationResolver resolver, BufferAllocator allocator) {
		this.connections = connections;
		this.resolver = resolver;
		this.allocator = allocator;
	}

	@Override
	public String name() {
		return this.connections.transport();
	}

	@Override
	public AnnotatedBatch call(AnnotatedBatch request, CallContext context) {
		PipeConnection connection = this.connections.take();
		try {
			return connection.call(request, context);
		}
		finally {
			this.connections.giveBack(connection);
		}
	}

	@Override
	public StreamTransport openProducer(AnnotatedBatch request, boolean header, CallContext context) {
		return open(request, header, context);
	}

	@Override
	public StreamTransport openExchange(AnnotatedBatch request, boolean header, CallContext context) {
		return open(request, header, context);
	}

	private PipeStream open(AnnotatedBatch request, boolean header, CallContext context) {
		PipeConnection connection = this.connections.take();
		PipeStream stream = null;
		try {
			stream = connection.open(request, header, context);
			stream.whenOver(() -> this.connections.giveBack(connection));
			return stream;
		}
		finally {
			if (stream == null) {
				this.connections.giveBack(connection);
			}
		}
	}

	@Override
	public LocationResolver resolver() {
		return this.resolver;
	}

	@Override
	public BufferAllocator allocator() {
		return this.allocator;
	}

}
