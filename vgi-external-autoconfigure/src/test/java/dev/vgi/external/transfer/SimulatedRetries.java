package dev.vgi.external.transfer;

import java.util.function.LongUnaryOperator;

import dev.vgi.external.time.TransferTimer;

/**
 * Makes retry policies as shipped, on another clock.
 */
public final class SimulatedRetries {

	private SimulatedRetries() {
	}

	/**
	 * Make a policy.
	 * @param timer measures the pauses
	 * @param random gives a number from 0 to its argument
	 * @return the policy
	 */
	public static RetryPolicy policy(TransferTimer timer, LongUnaryOperator random) {
		return new RetryPolicy(RetryPolicy.DEFAULT_MAX_RETRIES, RetryPolicy.DEFAULT_DELAY, timer, () -> false, random);
	}

}
