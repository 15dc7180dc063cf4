package dev.vgi.external.time;

import java.time.Duration;
import java.util.function.BooleanSupplier;

import dev.vgi.external.Internal;

/**
 * Waits that ignore interrupts, for threads that are about to end.
 */
@Internal
public final class Uninterruptibles {

	private Uninterruptibles() {
	}

	/**
	 * Wait until a thread has ended. The interrupt flag is restored afterwards.
	 * @param thread the thread, which was started and has been asked to end
	 */
	public static void join(Thread thread) {
		boolean interrupted = false;
		while (thread.isAlive()) {
			try {
				thread.join();
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * Wait until a condition holds. The interrupt flag is restored afterwards.
	 * @param most how long
	 * @param condition what is waited for
	 * @param waiting waits for a change
	 * @return whether the condition holds
	 */
	public static boolean await(Duration most, BooleanSupplier condition, Waiting waiting) {
		long start = System.nanoTime();
		boolean interrupted = false;
		for (long left = most.toNanos(); left > 0
				&& !condition.getAsBoolean(); left = most.toNanos() - (System.nanoTime() - start)) {
			try {
				waiting.await(left);
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
		return condition.getAsBoolean();
	}

	/**
	 * Waits for a change.
	 */
	@FunctionalInterface
	public interface Waiting {

		/**
		 * Wait.
		 * @param nanos how long at most
		 * @throws InterruptedException if interrupted
		 */
		void await(long nanos) throws InterruptedException;

	}

}
