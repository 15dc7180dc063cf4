package dev.vgi.external.web.client;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.batch.segment.Segments;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.location.BatchSource;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.ResolvedBatches;
import dev.vgi.external.location.ResolvedReader;
import dev.vgi.external.web.client.CapabilitiesCache.Announcement;
import dev.vgi.external.web.client.InputSender.Attempt;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Sends everything that a reader yields in one request: inline if it is small, else
 * through storage, segment by segment. A reader can be read only once, so what is sent
 * inline is kept until the service has taken it. Thread-safe.
 */
final class ReaderSender {

	/** Most bytes that are kept for a service that announces no cap. */
	private static final long MAX_KEPT = 64 << 20;

	private final ServiceConnection service;

	private final SegmentUploads uploads;

	private final LocationResolver resolver;

	private final BufferAllocator allocator;

	private final long uploadThreshold;

	private final long segmentSize;

	ReaderSender(VgiClient.Builder builder, ServiceConnection service, UploadUrls uploadUrls) {
		this.service = service;
		this.uploads = new SegmentUploads(builder, service, uploadUrls);
		this.resolver = builder.resolver;
		this.allocator = builder.allocator;
		this.uploadThreshold = builder.uploadThreshold;
		this.segmentSize = builder.segmentSize;
	}

	/**
	 * Send an input.
	 * @param <T> the result
	 * @param input the reader; taken over, also on failure
	 * @param context the call
	 * @param attempt sends the input itself, or the pointers to it
	 * @return the result
	 */
	<T> T send(ArrowReader input, CallContext context, Attempt<T> attempt) {
		try (ReaderBatches batches = new ReaderBatches(input, this.allocator);
				AnnotatedBatch shape = batches.zeroRows()) {
			Announcement known = batches.reaches(Math.min(InputSender.ASK_FIRST, this.uploadThreshold))
					? this.service.knownOrAsked() : this.service.known();
			if (batches.reaches(mostInline(known))) {
				requireUploads(known);
				return sendPointers(batches, shape, context, attempt);
			}
			try (Kept kept = new Kept(batches)) {
				T answer = sendInline(kept, shape, context, attempt);
				if (answer != null) {
					return answer;
				}
				requireUploads(this.service.knownOrAsked());
				return sendPointers(kept.again(), shape, context, attempt);
			}
		}
	}

	private long mostInline(@Nullable Announcement known) {
		Long cap = (known != null) ? known.capabilities().maxRequestBytes() : null;
		long most = (cap != null) ? cap : MAX_KEPT;
		return vendsUploads(known) ? Math.min(most, this.uploadThreshold) : most;
	}

	private static boolean vendsUploads(@Nullable Announcement known) {
		return known != null && known.capabilities().uploadUrlSupport();
	}

	private static void requireUploads(@Nullable Announcement known) {
		if (!vendsUploads(known)) {
			throw InputSender.tooLarge("The input",
					(known != null) ? "it vends no upload URLs" : "it does not say whether it vends upload URLs");
		}
	}

	private <T> @Nullable T sendInline(Kept kept, AnnotatedBatch shape, CallContext context, Attempt<T> attempt) {
		try (GatheredStream body = kept.gather(shape)) {
			Announcement known = this.service.known();
			if (known != null && known.refuses(body.length())) {
				return null;
			}
			context.sent(body.length());
			return attempt.send(body);
		}
	}

	private <T> T sendPointers(ReaderBatches batches, AnnotatedBatch shape, CallContext context, Attempt<T> attempt) {
		List<BatchMetadata> pointers;
		try (Segments segments = new Segments(batches, segmentSize(), this.allocator)) {
			pointers = this.uploads.upload(segments, context);
		}
		try (GatheredStream body = IpcStreamWriter.gather(shape, pointers, null, List.of())) {
			context.sent(body.length());
			T answer = attempt.send(body);
			if (answer == null) {
				throw InputSender.tooLarge("The input", "it refuses even the pointers to it");
			}
			return answer;
		}
	}

	// A segment may become half as large again.
	private long segmentSize() {
		Announcement known = this.service.known();
		Long max = (known != null) ? known.capabilities().maxUploadBytes() : null;
		return (max != null) ? Math.max(1, Math.min(this.segmentSize, max / 2)) : this.segmentSize;
	}

	/**
	 * Batches that are kept until the service has taken them.
	 */
	private final class Kept implements BatchSource {

		private final Schema schema;

		private final Deque<AnnotatedBatch> batches = new ArrayDeque<>();

		Kept(ReaderBatches all) {
			this.schema = all.schema();
			try {
				for (AnnotatedBatch batch = all.next(); batch != null; batch = all.next()) {
					this.batches.add(batch);
				}
			}
			catch (RuntimeException ex) {
				close();
				throw ex;
			}
		}

		GatheredStream gather(AnnotatedBatch shape) {
			// Without a batch, the dictionaries of the schema are those of the shape.
			return this.batches.isEmpty() ? IpcStreamWriter.gather(shape, List.of(), null, List.of())
					: IpcStreamWriter.gather(this.schema, new ArrayList<>(this.batches));
		}

		ReaderBatches again() {
			// The memory of the reader may have another root than ours.
			BufferAllocator owner = this.batches.stream()
				.flatMap((batch) -> batch.root().getFieldVectors().stream())
				.findFirst()
				.map(FieldVector::getAllocator)
				.orElse(ReaderSender.this.allocator);
			ResolvedBatches again = ReaderSender.this.resolver.ahead(this, owner, LogSink.discarding(), false);
			return new ReaderBatches(new ResolvedReader(again, owner), ReaderSender.this.allocator);
		}

		@Override
		public Schema schema() {
			return this.schema;
		}

		@Override
		public @Nullable AnnotatedBatch next() {
			return this.batches.poll();
		}

		@Override
		public boolean isReady() {
			return true;
		}

		@Override
		public void close() {
			this.batches.forEach(AnnotatedBatch::close);
			this.batches.clear();
		}

	}

}
