package dev.vgi.external.batch;

import java.util.List;

/**
 * The output of one call or one turn of a stream: log messages and then one data batch.
 * Externalised and resolved as a unit. Owns the batch.
 *
 * @param logs messages in the order in which they were logged
 * @param data the data batch; taken over; may be a pointer or have no rows
 */
public record OutputCycle(List<LogMessage> logs, AnnotatedBatch data) implements AutoCloseable {

	public OutputCycle {
		logs = List.copyOf(logs);
	}

	/**
	 * Create a cycle without logs.
	 * @param data the data batch; taken over
	 * @return the cycle; the caller closes it
	 */
	public static OutputCycle of(AnnotatedBatch data) {
		return new OutputCycle(List.of(), data);
	}

	/**
	 * Free the data batch. Idempotent.
	 */
	@Override
	public void close() {
		this.data.close();
	}

}
