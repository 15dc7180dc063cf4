package dev.vgi.external.rpc.mapping;

import java.util.IdentityHashMap;
import java.util.Map;
import java.util.function.Consumer;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.DictionaryProvider;

/**
 * What reading the values of one batch needs.
 *
 * @param dictionaries the batch's dictionaries
 * @param allocator owner of embedded batches
 * @param embedded told of every embedded batch that was read
 * @param heap pays for the objects that are made
 * @param dictionaryColumns what was read of the dictionaries so far, by column
 */
record RowReading(DictionaryProvider dictionaries, BufferAllocator allocator, Consumer<AutoCloseable> embedded,
		HeapMeter heap, Map<FieldVector, DictionaryMapping.Values> dictionaryColumns) {

	RowReading(DictionaryProvider dictionaries, BufferAllocator allocator, Consumer<AutoCloseable> embedded) {
		this(dictionaries, allocator, embedded, new HeapMeter(allocator), new IdentityHashMap<>());
	}

}
