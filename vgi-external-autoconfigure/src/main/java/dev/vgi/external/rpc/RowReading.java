package dev.vgi.external.rpc;

import java.util.function.Consumer;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.dictionary.DictionaryProvider;

/**
 * What reading the values of one batch needs.
 *
 * @param dictionaries the batch's dictionaries
 * @param allocator owner of embedded batches
 * @param embedded told of every embedded batch that was read
 */
record RowReading(DictionaryProvider dictionaries, BufferAllocator allocator, Consumer<AutoCloseable> embedded) {

}
