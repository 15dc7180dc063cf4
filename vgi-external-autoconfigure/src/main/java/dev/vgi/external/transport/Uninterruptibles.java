package dev.vgi.external.transport;

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

}
