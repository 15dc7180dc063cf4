package dev.vgi.external.rpc.server;

import dev.vgi.external.batch.BatchMetadata;
import org.jspecify.annotations.Nullable;

/**
 * What the caller of a method sent.
 *
 * @param metadata the metadata of the request, including that of a pointer
 * @param arguments one value per column of the method; none for a turn of a stream
 */
public record RpcRequest(BatchMetadata metadata, @Nullable Object[] arguments) {

	/**
	 * Create the request of a stream's turn.
	 * @param metadata the metadata of its input
	 * @return the request
	 */
	public static RpcRequest ofTurn(BatchMetadata metadata) {
		return new RpcRequest(metadata, new @Nullable Object[0]);
	}

}
