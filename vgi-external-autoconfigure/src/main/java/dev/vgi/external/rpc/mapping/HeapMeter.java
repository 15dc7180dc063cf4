package dev.vgi.external.rpc.mapping;

import dev.vgi.external.memory.RequestMemory;
import org.apache.arrow.memory.BufferAllocator;

/**
 * Charges a request for the objects that are made of its columns, ahead of them and in
 * steps that double. Used for one batch.
 */
final class HeapMeter {

	/** A boxed number and the reference to it. */
	static final long OBJECT = 24;

	/** A string or an array without what it holds, and the reference to it. */
	static final long TEXT = 64;

	private final BufferAllocator allocator;

	private long charged;

	private long used;

	/**
	 * Create a meter.
	 * @param allocator tells who pays
	 */
	HeapMeter(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	/**
	 * Something is about to be made.
	 * @param bytes about how much of the heap it takes
	 * @throws dev.vgi.external.memory.BudgetExhaustedException if there is no room for it
	 */
	void charge(long bytes) {
		this.used += bytes;
		if (this.used > this.charged) {
			long charge = Math.max(this.used, 2 * this.charged);
			RequestMemory.charge(this.allocator, charge - this.charged);
			this.charged = charge;
		}
	}

	/**
	 * Something is about to be made of bytes.
	 * @param length how many; characters may take two
	 */
	void chargeText(long length) {
		charge(TEXT + 2 * length);
	}

}
