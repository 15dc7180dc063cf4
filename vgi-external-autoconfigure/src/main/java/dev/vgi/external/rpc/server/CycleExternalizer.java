package dev.vgi.external.rpc.server;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.ResponseBudget;

/**
 * Sends large batches through storage before a response is written. All failures happen
 * here, while an error can still be sent instead.
 */
public interface CycleExternalizer {

	/**
	 * Externalise a turn of a stream as one unit, logs included.
	 * @param cycle the cycle; taken over, also on failure
	 * @param budget the budget of the response
	 * @return the cycle to write, which may be the same; the caller closes it
	 */
	OutputCycle wholeCycle(OutputCycle cycle, ResponseBudget budget);

	/**
	 * Externalise only a result or a header; its logs stay inline.
	 * @param cycle the cycle; taken over, also on failure
	 * @param budget the budget of the response
	 * @return the cycle to write, which may be the same; the caller closes it
	 */
	OutputCycle dataOnly(OutputCycle cycle, ResponseBudget budget);

	/**
	 * Store a batch for use in any number of responses.
	 * @param batch borrowed
	 * @return the reference
	 * @throws IllegalStateException if there is no storage
	 */
	ExternalRef publish(AnnotatedBatch batch);

	/**
	 * Return an externalizer that keeps everything inline.
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
	 * Return an externalizer that stores large batches.
	 * @param externalizer stores them
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
