package dev.vgi.external.test;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;

/**
 * What an allocator still holds.
 *
 * @param bytes how much is allocated
 * @param details the allocator's own description
 */
record LeftMemory(long bytes, String details) {

	/**
	 * Look at an allocator.
	 * @param allocator borrowed
	 * @return what it holds
	 */
	static LeftMemory of(BufferAllocator allocator) {
		return new LeftMemory(allocator.getAllocatedMemory(), allocator.toVerboseString());
	}

	/**
	 * Describe a leak.
	 * @param culprit who has not freed the memory
	 * @return the message of the failure
	 */
	String describe(String culprit) {
		String where = RootAllocator.isDebug() ? "" : System.lineSeparator()
				+ "Run the test with -Darrow.memory.debug.allocator=true to see where they were allocated";
		return culprit + " has not freed " + this.bytes + " bytes of Arrow memory: close every batch, root, vector and"
				+ " reader" + where + System.lineSeparator() + this.details;
	}

}
