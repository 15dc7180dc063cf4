package dev.vgi.external.batch.segment;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.memory.SlabPool;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Appends the batches of a reader to one another until they are as large as a segment. A
 * segment is complete once it has reached that size and its values are as large as its
 * dictionaries. A batch starts the next one if it would make the present one larger than
 * one and a half of it, if its dictionaries do not begin with those of the present one,
 * or if its values cannot be appended: views, unions and runs are never, others not
 * beyond what one vector can hold. A segment of one batch is that batch, without a
 * further copy; batches without rows are dropped. Not thread-safe.
 */
@Internal
public final class Segments implements AutoCloseable {

	private final ReaderBatches batches;

	private final long segmentSize;

	private final BufferAllocator allocator;

	private final @Nullable SlabPool slabs;

	/** The segment so far, if it is a single batch. */
	private @Nullable AnnotatedBatch single;

	/** The segment so far, if it is more than that. */
	private @Nullable SegmentBuilder builder;

	/** Bytes of the segment so far. */
	private long size;

	/**
	 * Bytes from which on the segment is complete. Its values are at least as large as
	 * its dictionaries, which each segment carries.
	 */
	private long wanted;

	private boolean ended;

	private boolean failed;

	/**
	 * Pack batches.
	 * @param batches the reader's batches; taken over
	 * @param segmentSize bytes from which on a segment is complete
	 * @param allocator the owner of the memory of segments that are more than one batch
	 */
	public Segments(ReaderBatches batches, long segmentSize, BufferAllocator allocator) {
		this(batches, segmentSize, allocator, null);
	}

	/**
	 * Pack batches into memory that is used again.
	 * @param batches the reader's batches; taken over
	 * @param segmentSize bytes from which on a segment is complete
	 * @param allocator charged for segments that are more than one batch
	 * @param slabs where their memory comes from, or {@code null} for fresh memory, whose
	 * page faults take several times as long as copying the values
	 */
	public Segments(ReaderBatches batches, long segmentSize, BufferAllocator allocator, @Nullable SlabPool slabs) {
		this.batches = batches;
		this.segmentSize = segmentSize;
		this.allocator = allocator;
		this.slabs = slabs;
	}

	/**
	 * Return the schema of all segments.
	 * @return the schema in memory format
	 */
	public Schema schema() {
		return this.batches.schema();
	}

	/**
	 * Pull at most one batch from the reader.
	 * @return a segment if one is complete now, or {@code null}. The caller closes it,
	 * before this object
	 * @throws java.io.UncheckedIOException if the reader fails
	 * @throws IllegalStateException if the reader changes its schema, or after a failure
	 */
	public @Nullable AnnotatedBatch pull() {
		Assert.state(!this.failed, "An earlier pull has failed");
		this.failed = true;
		AnnotatedBatch segment = isComplete() ? complete() : pullOne();
		this.failed = false;
		return segment;
	}

	private @Nullable AnnotatedBatch pullOne() {
		ReaderBatches.Pulled next = this.batches.borrow();
		if (next == null) {
			this.ended = true;
			return complete();
		}
		AnnotatedBatch batch = next.batch();
		try {
			if (batch.rowCount() == 0 || append(batch)) {
				batch.close();
				return isComplete() ? complete() : null;
			}
			batch = this.batches.keep(next);
			AnnotatedBatch segment = complete();
			this.single = batch;
			this.size = batch.bufferSize();
			long dictionaries = this.size - VectorMemory.size(batch.root().getFieldVectors());
			this.wanted = Math.max(this.segmentSize, 2 * dictionaries);
			return (segment == null && isComplete()) ? complete() : segment;
		}
		catch (RuntimeException ex) {
			batch.close();
			throw ex;
		}
	}

	private boolean isComplete() {
		return isPending() && this.size >= this.wanted;
	}

	private boolean isPending() {
		return this.single != null || this.builder != null;
	}

	private boolean append(AnnotatedBatch next) {
		long added = VectorMemory.size(next.root().getFieldVectors());
		if (!isPending() || this.size + added > this.wanted + this.wanted / 2) {
			return false;
		}
		// the last batch comes before the size is reached
		double growth = Math.max(1, (double) (this.wanted + added) / Math.max(1, this.size + added));
		if (this.builder != null) {
			if (!Dictionaries.extend(this.builder.dictionaries(), next.dictionaries())
					|| !this.builder.append(next, growth)) {
				return false;
			}
		}
		else if (this.single != null) {
			if (Dictionaries.extend(this.single.dictionaries(), next.dictionaries())) {
				this.builder = SegmentBuilder.start(this.single, next, growth, this.allocator, this.slabs);
			}
			if (this.builder == null) {
				return false;
			}
			this.single.close();
			this.single = null;
		}
		this.size += added;
		return true;
	}

	private @Nullable AnnotatedBatch complete() {
		AnnotatedBatch segment = this.single;
		this.single = null;
		if (this.builder != null) {
			segment = this.builder.build();
			this.builder.close();
			this.builder = null;
		}
		this.size = 0;
		return segment;
	}

	/**
	 * Return whether there is nothing more to pull.
	 * @return {@code true} once all was pulled and handed out
	 */
	public boolean isExhausted() {
		return this.ended && !isPending();
	}

	/**
	 * Close the reader, and free what was not handed out. Idempotent.
	 */
	@Override
	public void close() {
		if (this.single != null) {
			this.single.close();
			this.single = null;
		}
		if (this.builder != null) {
			this.builder.close();
			this.builder = null;
		}
		this.batches.close();
	}

}
