package dev.vgi.external.transport;

/**
 * Waits that an interruption does not end, for what is about to end by itself.
 */
public final class Uninterruptibles {

	private Uninterruptibles() {
	}

	/**
	 * Wait until a thread has ended. An interruption is kept for afterwards.
	 * @param thread the thread, which was started and told to end
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
