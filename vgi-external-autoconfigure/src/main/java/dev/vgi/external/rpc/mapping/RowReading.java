package dev.vgi.external.rpc.mapping;

import java.util.IdentityHashMap;
import java.util.Map;
import java.util.function.Consumer;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.DictionaryProvider;

/**
 * The context for reading the values of one batch.
 *
 * @param dictionaries the batch's dictionaries
 * @param allocator owner of embedded batches
 * @param embedded receives every embedded batch that was read
 * @param heap charges for the objects that are created
 * @param dictionaryColumns the dictionary values read so far, by column
 */
record RowReading(DictionaryProvider dictionaries, BufferAllocator allocator, Consumer<AutoCloseable> embedded,
		HeapMeter heap, Map<FieldVector, DictionaryMapping.Values> dictionaryColumns) {

	RowReading(DictionaryProvider dictionaries, BufferAllocator allocator, Consumer<AutoCloseable> embedded) {
		this(dictionaries, allocator, embedded, new HeapMeter(allocator), new IdentityHashMap<>());
	}

}
