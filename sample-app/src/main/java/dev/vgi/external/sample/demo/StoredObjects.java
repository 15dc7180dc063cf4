package dev.vgi.external.sample.demo;

import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.transfer.FetchStatistics;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.UploadStatistics;

/**
 * Counts the objects that the client fetches from storage and uploads there. Thread-safe.
 */
final class StoredObjects implements TransferListener {

	private final AtomicInteger count = new AtomicInteger();

	@Override
	public void fetched(FetchStatistics statistics) {
		this.count.incrementAndGet();
	}

	@Override
	public void uploaded(UploadStatistics statistics) {
		this.count.incrementAndGet();
	}

	/**
	 * Start over.
	 * @return the number of objects so far
	 */
	int reset() {
		return this.count.getAndSet(0);
	}

}
