package dev.vgi.external.rpc.mapping;

import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * A record as a batch of one row whose columns are its components: the header of a
 * stream, or its state.
 *
 * @param type the record's class
 * @param binding takes the record apart
 * @param row its components as columns
 */
public record RecordRow(Class<?> type, RecordBinding binding, RowMapping row) {

	/**
	 * Write a record.
	 * @param value the record
	 * @param metadata the batch's metadata
	 * @param allocator the owner of the batch's memory
	 * @param embedded receives the embedded batches among the components
	 * @return the batch; the caller closes it
	 * @throws IllegalArgumentException if a component does not fit, naming it
	 */
	public AnnotatedBatch write(Object value, BatchMetadata metadata, BufferAllocator allocator,
			Consumer<AutoCloseable> embedded) {
		@Nullable Object[] values = new @Nullable Object[this.row.schema().getFields().size()];
		for (int i = 0; i < values.length; i++) {
			values[i] = this.binding.get(value, i);
		}
		return this.row.write(values, metadata, allocator, embedded);
	}

	/**
	 * Read a record.
	 * @param batch borrowed
	 * @param allocator the owner of embedded batches
	 * @param embedded receives every embedded batch; the receiver closes them
	 * @return the record
	 * @throws dev.vgi.external.location.SchemaMismatchException if a component does not
	 * fit, naming it, or the record refuses it
	 */
	public Object read(AnnotatedBatch batch, BufferAllocator allocator, Consumer<AutoCloseable> embedded) {
		return this.binding.create(this.row.read(batch, allocator, embedded));
	}

}
