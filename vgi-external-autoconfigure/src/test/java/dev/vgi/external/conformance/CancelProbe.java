package dev.vgi.external.conformance;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts what the cancel tests ask for.
 */
final class CancelProbe {

	private final AtomicLong produced = new AtomicLong();

	private final AtomicLong exchanged = new AtomicLong();

	private final AtomicLong cancelled = new AtomicLong();

	void producing() {
		this.produced.incrementAndGet();
	}

	void exchanging() {
		this.exchanged.incrementAndGet();
	}

	void cancelled() {
		this.cancelled.incrementAndGet();
	}

	List<Long> counters() {
		return List.of(this.produced.get(), this.exchanged.get(), this.cancelled.get());
	}

	void reset() {
		this.produced.set(0);
		this.exchanged.set(0);
		this.cancelled.set(0);
	}

}
