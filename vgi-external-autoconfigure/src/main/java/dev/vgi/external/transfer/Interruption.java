package dev.vgi.external.transfer;

import org.jspecify.annotations.Nullable;

/**
 * Lets other threads end what one thread does, by an interrupt that does not outlive it.
 * Created by that thread. Thread-safe.
 */
final class Interruption {

	/** Guarded by this, as is everything else; {@code null} once it is over. */
	private @Nullable Thread thread = Thread.currentThread();

	private boolean requested;

	/** Whether the thread was interrupted for another reason before. */
	private boolean interruptedBefore;

	/**
	 * Interrupt the thread, unless it is done.
	 */
	synchronized void request() {
		if (this.thread != null) {
			this.interruptedBefore |= !this.requested && this.thread.isInterrupted();
			this.requested = true;
			this.thread.interrupt();
		}
	}

	/**
	 * Let nobody interrupt the thread any more, which calls this when it is done. Of two
	 * interrupts one cannot be told from the other: one for another reason remains only
	 * if it came first.
	 * @return whether anybody has
	 */
	synchronized boolean over() {
		if (this.thread != null && this.requested && !this.interruptedBefore) {
			Thread.interrupted();
		}
		this.thread = null;
		return this.requested;
	}

}
