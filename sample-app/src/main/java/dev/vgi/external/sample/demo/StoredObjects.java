package dev.vgi.external.sample.demo;

import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferListener;

/**
 * Counts the objects that the client fetches from storage and uploads there. Thread-safe.
 */
final class StoredObjects implements TransferListener {

	private final AtomicInteger count = new AtomicInteger();

	@Override
	public Watch begin(Transfer transfer) {
		return new Watch() {

			@Override
			public void ended() {
				if (transfer.statistics() != null) {
					StoredObjects.this.count.incrementAndGet();
				}
			}

		};
	}

	/**
	 * Start over.
	 * @return the number of objects so far
	 */
	int reset() {
		return this.count.getAndSet(0);
	}

}
