package dev.vgi.external.rpc.server;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogMessage;
import org.jspecify.annotations.Nullable;

/**
 * What one turn of a stream sends.
 *
 * @param logs the messages that come first
 * @param batch the batch or its pointer, or {@code null} if the stream ends without one
 */
public record TurnOutput(List<LogMessage> logs, @Nullable AnnotatedBatch batch) implements AutoCloseable {

	/**
	 * Free the batch. Idempotent.
	 */
	@Override
	public void close() {
		if (this.batch != null) {
			this.batch.close();
		}
	}

}
