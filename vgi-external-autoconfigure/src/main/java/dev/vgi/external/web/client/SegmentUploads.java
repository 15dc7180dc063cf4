package dev.vgi.external.web.client;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.function.LongSupplier;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.segment.Segments;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.location.Pointer;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.url.UrlValidator;

/**
 * Uploads what a reader yields through vended URLs, segment by segment: while segments
 * are uploaded, the next one is pulled. Thread-safe.
 */
final class SegmentUploads {

	/** URLs that are asked for at once. They expire, so not more than are needed soon. */
	private static final int GROUP = 4;

	/** How long the URLs of a group are used, whatever the clocks say. */
	private static final Duration FRESH = Duration.ofMinutes(1);

	private final ServiceConnection service;

	private final UploadUrls uploadUrls;

	private final PayloadUploader uploader;

	private final UrlValidator validator;

	private final TransferThreads threads;

	private final int parallel;

	private final LongSupplier nanoTime;

	SegmentUploads(VgiClient.Builder builder, ServiceConnection service, UploadUrls uploadUrls) {
		this.service = service;
		this.uploadUrls = uploadUrls;
		this.uploader = builder.uploader;
		this.validator = builder.validator;
		this.threads = builder.threads;
		this.parallel = builder.parallelSegments;
		this.nanoTime = builder.nanoTime;
	}

	/**
	 * Upload all segments.
	 * @param segments pulled on this thread; borrowed
	 * @param context counts the bytes
	 * @return the metadata of their pointers, in order
	 * @throws VgiExternalException if an upload fails, which ends the others
	 */
	List<BatchMetadata> upload(Segments segments, CallContext context) {
		try (Uploads uploads = new Uploads(context)) {
			while (!segments.isExhausted()) {
				AnnotatedBatch segment = segments.pull();
				if (segment != null) {
					uploads.start(segment);
				}
			}
			return uploads.await();
		}
	}

	/**
	 * The uploads of one reader.
	 */
	private final class Uploads implements AutoCloseable {

		private final CallContext context;

		private final Semaphore room = new Semaphore(SegmentUploads.this.parallel);

		private final List<FutureTask<BatchMetadata>> uploads = new ArrayList<>();

		private final List<Thread> running = new ArrayList<>();

		private final Deque<UploadUrl> urls = new ArrayDeque<>();

		private long vended;

		Uploads(CallContext context) {
			this.context = context;
		}

		/**
		 * Start an upload, once there is room for it.
		 * @param segment taken over, also on failure
		 */
		void start(AnnotatedBatch segment) {
			boolean started = false;
			try {
				this.room.acquire();
				this.uploads.stream().filter(FutureTask::isDone).forEach(this::result);
				UploadUrl target = nextUrl();
				int number = this.uploads.size() + 1;
				FutureTask<BatchMetadata> upload = new FutureTask<>(() -> upload(segment, target, number));
				Thread thread = SegmentUploads.this.threads.serving("segment").newThread(() -> {
					upload.run();
					try {
						segment.close();
					}
					finally {
						this.room.release();
					}
				});
				this.running.removeIf((earlier) -> !earlier.isAlive());
				this.running.add(thread);
				thread.start();
				started = true;
				this.uploads.add(upload);
			}
			catch (InterruptedException ex) {
				throw cancelled();
			}
			finally {
				if (!started) {
					segment.close();
				}
			}
		}

		private UploadUrl nextUrl() {
			long now = SegmentUploads.this.nanoTime.getAsLong();
			if (this.urls.isEmpty() || now - this.vended > FRESH.toNanos()) {
				this.urls.clear();
				this.urls.addAll(SegmentUploads.this.uploadUrls.request(GROUP));
				this.vended = now;
			}
			return this.urls.remove();
		}

		private BatchMetadata upload(AnnotatedBatch segment, UploadUrl target, int number) {
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(segment))) {
				Pointer pointer = SegmentUploads.this.uploader.upload(stream, target,
						SegmentUploads.this.validator.or(SegmentUploads.this.service.ownStore()), number);
				this.context.uploaded(stream.length());
				return pointer.toMetadata();
			}
		}

		List<BatchMetadata> await() {
			return this.uploads.stream().map(this::result).toList();
		}

		private BatchMetadata result(FutureTask<BatchMetadata> upload) {
			try {
				return upload.get();
			}
			catch (InterruptedException ex) {
				throw cancelled();
			}
			catch (ExecutionException ex) {
				if (ex.getCause() instanceof RuntimeException failure) {
					throw failure;
				}
				throw (Error) ex.getCause();
			}
		}

		private static TransferCancelledException cancelled() {
			Thread.currentThread().interrupt();
			return new TransferCancelledException("Interrupted while the segments of an input were uploaded");
		}

		/**
		 * End the uploads that are still running, and wait for their threads.
		 */
		@Override
		public void close() {
			this.running.forEach(Thread::interrupt);
			this.running.forEach(Uninterruptibles::join);
		}

	}

}
