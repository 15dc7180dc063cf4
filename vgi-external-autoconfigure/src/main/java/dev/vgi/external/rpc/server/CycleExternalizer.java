package dev.vgi.external.rpc.server;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.ResponseBudget;

/**
 * Sends large batches through storage before a response is written. Whatever can fail
 * fails here, so that an error can still be sent instead.
 */
public interface CycleExternalizer {

	/**
	 * Externalise a turn of a stream as one unit, logs included.
	 * @param cycle taken over, also on failure
	 * @param budget of the response
	 * @return what to write, which may be the same; the caller closes it
	 */
	OutputCycle wholeCycle(OutputCycle cycle, ResponseBudget budget);

	/**
	 * Externalise a result or a header alone; its logs stay inline.
	 * @param cycle taken over, also on failure
	 * @param budget of the response
	 * @return what to write, which may be the same; the caller closes it
	 */
	OutputCycle dataOnly(OutputCycle cycle, ResponseBudget budget);

	/**
	 * Store a batch for any number of answers.
	 * @param batch borrowed
	 * @return the reference
	 * @throws IllegalStateException if there is nowhere to store it
	 */
	ExternalRef publish(AnnotatedBatch batch);

	/**
	 * Keep everything inline.
	 * @return the externalizer
	 */
	static CycleExternalizer inline() {
		return new CycleExternalizer() {

			@Override
			public OutputCycle wholeCycle(OutputCycle cycle, ResponseBudget budget) {
				return cycle;
			}

			@Override
			public OutputCycle dataOnly(OutputCycle cycle, ResponseBudget budget) {
				return cycle;
			}

			@Override
			public ExternalRef publish(AnnotatedBatch batch) {
				throw new IllegalStateException("A method that keeps its results inline cannot publish one");
			}

		};
	}

	/**
	 * Store what is large.
	 * @param externalizer stores it
	 * @return the externalizer
	 */
	static CycleExternalizer of(Externalizer externalizer) {
		return new CycleExternalizer() {

			@Override
			public OutputCycle wholeCycle(OutputCycle cycle, ResponseBudget budget) {
				return externalizer.externalize(cycle, budget);
			}

			@Override
			public OutputCycle dataOnly(OutputCycle cycle, ResponseBudget budget) {
				return externalizer.externalizeData(cycle, budget);
			}

			@Override
			public ExternalRef publish(AnnotatedBatch batch) {
				return externalizer.publish(batch);
			}

		};
	}

}
