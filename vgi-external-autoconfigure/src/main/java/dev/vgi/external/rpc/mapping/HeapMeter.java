package dev.vgi.external.rpc.mapping;

import dev.vgi.external.memory.RequestMemory;
import org.apache.arrow.memory.BufferAllocator;

/**
 * Charges a request for the objects that are created from its columns, in advance and in
 * steps that double. Used for one batch.
 */
final class HeapMeter {

	/** A boxed number and the reference to it. */
	static final long OBJECT = 24;

	/** A string or an array without its content, and the reference to it. */
	static final long TEXT = 64;

	private final BufferAllocator allocator;

	private long charged;

	private long used;

	/**
	 * Create a meter.
	 * @param allocator identifies the request to charge
	 */
	HeapMeter(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	/**
	 * Charge for an object that is about to be created.
	 * @param bytes its approximate size on the heap
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
	 * Charge for a text that is about to be created from bytes.
	 * @param length number of bytes; each may become a character of two bytes
	 */
	void chargeText(long length) {
		charge(TEXT + 2 * length);
	}

}
