package dev.vgi.external.location;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.batch.segment.Segments;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * The pointers to the segments of a result set. While one segment is being filled, those
 * before it are uploaded. Each has a share of the memory budget: the first one waits for
 * it, a further one that gets none is filled once an upload has ended.
 */
final class StoredSegments implements ResultBatches {

	private final ExternalLocationConfig config;

	private final TransferResources resources;

	private final Externalizer externalizer;

	private final StreamUploads uploads;

	private final ResponseBudget budget;

	private final BufferAllocator allocator;

	private final AnnotatedBatch shape;

	private final Segments segments;

	private final long share;

	/** Uploads whose pointers were not returned yet, in order. */
	private final Deque<Upload> running = new ArrayDeque<>();

	/** The share of the segment that is being filled. */
	private @Nullable Lease filling;

	/** A segment that is complete and not being uploaded yet. */
	private @Nullable AnnotatedBatch complete;

	private int count;

	/** Whether the rest travels inline, because a segment could not be stored. */
	private boolean inline;

	StoredSegments(ReaderBatches batches, ExternalLocationConfig config, TransferResources resources,
			Externalizer externalizer, StreamUploads uploads, ResponseBudget budget, BufferAllocator allocator) {
		this.config = config;
		this.resources = resources;
		this.externalizer = externalizer;
		this.uploads = uploads;
		this.budget = budget;
		this.allocator = allocator;
		long size = Math.max(config.segmentSize(), config.externalizeThreshold());
		this.share = Math.min(size, resources.budget().maxPerRequest());
		this.shape = batches.zeroRows();
		this.segments = new Segments(batches, size, allocator, resources.slabs());
	}

	@Override
	public AnnotatedBatch shape() {
		return this.shape.zeroRows(this.shape.metadata(), this.allocator);
	}

	@Override
	public boolean hasPointers() {
		return true;
	}

	@Override
	public @Nullable AnnotatedBatch next() {
		while (true) {
			Upload oldest = this.running.peek();
			if (oldest != null && (oldest.hasEnded() || !mayGoOn())) {
				this.running.remove();
				return result(oldest);
			}
			if (!mayGoOn()) {
				return null;
			}
			AnnotatedBatch segment = (this.complete != null) ? this.complete : this.segments.pull();
			this.complete = segment;
			if (segment != null && mayGoOn()) {
				this.complete = null;
				if (this.inline) {
					return segment;
				}
				upload(segment);
			}
		}
	}

	/**
	 * Return whether there is something to do that does not have to wait for an upload.
	 * @return {@code false} at the end, too
	 */
	private boolean mayGoOn() {
		if (this.complete != null) {
			return this.running.size() < (this.inline ? 1 : this.config.maxParallelSegments());
		}
		return !this.segments.isExhausted() && hasShare();
	}

	private boolean hasShare() {
		if (this.filling == null) {
			// Waiting while uploads hold memory could block them and other transfers.
			this.filling = this.running.isEmpty()
					? this.resources.budget().acquire(this.share, this.config.fetchConfig().timeout()) : tryAcquire();
		}
		return this.filling != null;
	}

	private @Nullable Lease tryAcquire() {
		try {
			return this.resources.budget().tryAcquire(this.share);
		}
		catch (BudgetExhaustedException ex) {
			// What the uploads hold may be what is missing.
			return null;
		}
	}

	private void upload(AnnotatedBatch segment) {
		Lease lease = Objects.requireNonNull(this.filling);
		this.filling = null;
		Upload upload = new Upload(segment, lease, ++this.count);
		this.running.add(upload);
		upload.start();
	}

	private AnnotatedBatch result(Upload upload) {
		try {
			return this.shape.zeroRows(this.budget.metadata(upload.await()), this.allocator);
		}
		catch (VgiExternalException ex) {
			if (!this.externalizer.mayFallBack(ex)) {
				throw ex;
			}
			this.externalizer.fallBack(ex);
			this.inline = true;
			return upload.takeSegment();
		}
		finally {
			upload.close();
		}
	}

	@Override
	public void close() {
		this.running.forEach(Upload::cancel);
		this.running.forEach(Upload::close);
		this.running.clear();
		if (this.complete != null) {
			this.complete.close();
			this.complete = null;
		}
		if (this.filling != null) {
			this.filling.close();
			this.filling = null;
		}
		this.shape.close();
		this.segments.close();
	}

	/**
	 * The upload of one segment. Frees the segment as soon as it is stored.
	 */
	private final class Upload implements AutoCloseable {

		private final AnnotatedBatch segment;

		private final Lease lease;

		private final FutureTask<Pointer> task;

		private final Thread thread;

		private boolean cancelled;

		private boolean taken;

		/**
		 * Create an upload.
		 * @param segment taken over, also on failure
		 * @param lease its share of the budget, taken over as well
		 * @param number the number of the segment
		 */
		Upload(AnnotatedBatch segment, Lease lease, int number) {
			this.segment = segment;
			this.lease = lease;
			this.task = new FutureTask<>(() -> store(number));
			this.thread = StoredSegments.this.resources.threads().serving("segment").newThread(this.task);
		}

		void start() {
			try {
				this.thread.start();
			}
			catch (OutOfMemoryError ex) {
				// No further thread can be created, so the calling one does the work.
				this.task.run();
			}
		}

		private Pointer store(int number) {
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(this.segment))) {
				StoredSegments.this.budget.store(stream.length());
				Pointer pointer = StoredSegments.this.uploads.upload(stream, this.segment.schema(), true, number,
						StoredSegments.this.budget.pointers().owner());
				free();
				return pointer;
			}
		}

		boolean hasEnded() {
			return this.task.isDone();
		}

		Pointer await() {
			try {
				return this.task.get();
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
				throw new TransferCancelledException("Interrupted while a segment was stored");
			}
			catch (ExecutionException ex) {
				if (ex.getCause() instanceof Error error) {
					throw error;
				}
				throw (RuntimeException) ex.getCause();
			}
		}

		/**
		 * Return the segment of an upload that has failed.
		 * @return the segment, which the caller closes
		 */
		AnnotatedBatch takeSegment() {
			this.taken = true;
			this.lease.close();
			return this.segment;
		}

		private void free() {
			this.segment.close();
			this.lease.close();
		}

		void cancel() {
			// A second interrupt would hit the removal of the parts that it has stored.
			if (!this.cancelled) {
				this.cancelled = true;
				this.thread.interrupt();
			}
		}

		@Override
		public void close() {
			cancel();
			Uninterruptibles.join(this.thread);
			if (!this.taken) {
				free();
			}
		}

	}

}
