package dev.vgi.external.fetch;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.Cancellation;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.url.RedactedUrl;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to fetch one object. Belongs to the caller's thread.
 */
final class FetchAttempt {

	/** Enough of a coded body to see which decoded size its frame declares. */
	private static final int HEAD_LENGTH = 32;

	private final FetchContext context;

	private final FetchConfig config;

	private final URI url;

	private final SignedUrl signature;

	private final @Nullable String sha256;

	private final BufferAllocator allocator;

	private final Deadline deadline;

	private final long started;

	private final AtomicInteger requests = new AtomicInteger();

	private final HedgePolicy hedging;

	FetchAttempt(FetchContext context, URI url, @Nullable String sha256, BufferAllocator allocator, Deadline deadline) {
		this.context = context;
		this.config = context.config();
		this.url = url;
		this.signature = SignedUrl.of(url);
		this.sha256 = sha256;
		this.allocator = allocator;
		this.deadline = deadline;
		this.started = context.transport().timer().nanoTime();
		this.hedging = new HedgePolicy(this.config.speculativeRetryMultiplier(), this.config.maxSpeculativeHedges(),
				context.firstByteTimes().median(origin()));
	}

	FetchedBody run() {
		ExternalStorage storage = this.context.storage();
		StoredObject own = (storage != null && storage.isOwn(this.url)) ? storage.open(this.url) : null;
		try {
			return (own != null) ? read(own) : download();
		}
		catch (OutOfMemoryException ex) {
			throw new BudgetExhaustedException("No room in the Arrow allocator for the fetched object", null);
		}
	}

	private FetchedBody read(StoredObject object) {
		try (object; SeekableByteChannel channel = object.channel()) {
			checkSize(object.length());
			ContentCodec codec = ContentCodec.forCoding(object.contentCoding());
			ByteBuffer head = ByteBuffer.allocateDirect(HEAD_LENGTH);
			if (codec != null) {
				while (head.hasRemaining() && channel.read(head) >= 0) {
					continue;
				}
				channel.position(channel.position() - head.position());
			}
			long size = (codec != null) ? declaredSize(codec, head.flip()) : object.length();
			long memory = BodyAssembly.memoryFor(codec, size);
			try (Lease lease = this.context.budget().acquire(memory, this.deadline.remaining());
					BodyAssembly assembly = assembly(lease, codec, size, memory)) {
				while (assembly.encoded() < object.length() && channel.read(assembly.input()) >= 0) {
					assembly.advance();
					if (this.deadline.hasPassed()) {
						throw new TransferTimeoutException("Reading " + RedactedUrl.of(this.url)
								+ " did not finish within " + this.deadline.timeout().toMillis() + " ms", null);
					}
				}
				return finish(assembly, object.contentCoding());
			}
		}
		catch (IOException ex) {
			throw new StorageUnavailableException(
					"Cannot read " + RedactedUrl.of(this.url) + ": " + ex.getClass().getSimpleName(), 0, null);
		}
	}

	private FetchedBody download() {
		Lease lease = null;
		long reserved = 0;
		try {
			while (true) {
				long memory;
				try (Opened opened = open()) {
					ContentCodec codec = opened.codec;
					ByteBuffer head = opened.head;
					long size = (codec != null) ? declaredSize(codec, head) : opened.total;
					List<ByteRange> plan = opened.plan(this.config);
					long body = BodyAssembly.memoryFor(codec, size);
					memory = body + ((codec != null && plan.size() > 1)
							? RangedDownload.slotMemory(plan, this.config.maxParallelRequests()) : 0);
					if (lease == null) {
						lease = this.context.budget().tryAcquire(memory);
					}
					else if (memory > reserved) {
						lease.grow(memory - reserved);
					}
					if (lease != null) {
						try (BodyAssembly assembly = assembly(lease, codec, size, body)) {
							return (plan.size() > 1) ? transferInParallel(opened, plan, assembly, lease)
									: transfer(opened, assembly);
						}
					}
				}
				// The connection was given up above: a running transfer may need it.
				lease = this.context.budget().acquire(memory, this.deadline.remaining());
				reserved = memory;
			}
		}
		finally {
			if (lease != null) {
				lease.close();
			}
		}
	}

	private BodyAssembly assembly(Lease lease, @Nullable ContentCodec codec, long size, long reserved) {
		return new BodyAssembly(this.config, this.context.slabs(), lease, codec, size, reserved, this.sha256,
				this.context.progress(), this.context.workers());
	}

	private FetchedBody transfer(Opened opened, BodyAssembly assembly) {
		if (opened.head.hasRemaining()) {
			assembly.input().put(opened.head);
			assembly.advance();
		}
		feed(opened.response, opened.length, assembly);
		while (opened.ranged && assembly.encoded() < opened.total) {
			ByteRange range = new ByteRange(assembly.encoded(), opened.total - 1);
			try (StorageResponse response = get(range, opened.strongTag(), null)) {
				feed(response, assembly.encoded() + opened.checkRange(this, response, range), assembly);
			}
		}
		if (opened.total >= 0 && assembly.encoded() != opened.total) {
			throw new CorruptStreamException("Range chunk size mismatch: got " + assembly.encoded() + " of "
					+ opened.total + " bytes of " + RedactedUrl.of(this.url));
		}
		return finish(assembly, opened.coding);
	}

	private FetchedBody transferInParallel(Opened opened, List<ByteRange> plan, BodyAssembly assembly, Lease lease) {
		new RangedDownload(this.config, plan, assembly, this.context.slabs(), lease, new OpenedRequests(opened),
				this.hedging, this.context.transport().timer(), this.context.workers())
			.run(opened.response, opened.head, opened.sentAt);
		return finish(assembly, opened.coding);
	}

	// Read a response until this many bytes of the object are here, or to its end.
	private void feed(StorageResponse response, long end, BodyAssembly assembly) {
		while (end < 0 || assembly.encoded() < end) {
			if (response.read(assembly.input()) < 0) {
				if (end >= 0) {
					throw new StorageUnavailableException("Range chunk size mismatch: " + RedactedUrl.of(this.url)
							+ " ended after " + assembly.encoded() + " of " + end + " bytes", response.status(), null);
				}
				return;
			}
			assembly.advance();
		}
		if (end >= 0 && (assembly.encoded() > end || response.read(ByteBuffer.allocate(1)) > 0)) {
			throw new CorruptStreamException("Range chunk size mismatch: " + RedactedUrl.of(this.url)
					+ " has more than the " + end + " bytes announced");
		}
	}

	private FetchedBody finish(BodyAssembly assembly, @Nullable String coding) {
		ArrowBuf buffer = assembly.finish(this.allocator);
		Duration elapsed = Duration.ofNanos(nanoTime() - this.started);
		return new FetchedBody(buffer, assembly.length(), new FetchStatistics(assembly.encoded(), assembly.length(),
				coding, this.requests.get(), this.hedging.hedges(), elapsed));
	}

	private void checkSize(long size) {
		if (size > this.config.maxFetchSize()) {
			throw BodyAssembly.tooLargeEncoded(this.config);
		}
	}

	private long declaredSize(ContentCodec codec, ByteBuffer head) {
		long declared;
		try (ContentCodec.Decoder decoder = codec.decoder()) {
			declared = decoder.declaredSize(head);
		}
		if (declared > this.config.maxDecompressedSize()) {
			throw BodyAssembly.tooLargeDecoded(this.config);
		}
		return declared;
	}

	private Opened open() {
		String probedCoding = null;
		if (this.config.probe() == FetchConfig.Probe.HEAD && !this.signature.isSigned()) {
			try (StorageResponse head = this.context.transport()
				.head(this.url, this.context.validator(), this.config.maxRedirects(), this.deadline)) {
				this.requests.addAndGet(head.requests());
				if (head.status() / 100 == 2) {
					checkSize(head.contentLength());
					probedCoding = head.header("Content-Encoding");
					if (!prefersRanges(head)) {
						return openWhole(probedCoding);
					}
				}
				else if (!isRefusal(head.status())) {
					throw failed(head);
				}
			}
		}
		Opened opened = openRanged(probedCoding);
		return (opened != null) ? opened : openWhole(probedCoding);
	}

	private boolean prefersRanges(StorageResponse head) {
		String ranges = head.header("Accept-Ranges");
		return head.contentLength() >= this.config.parallelThreshold() && ranges != null && ranges.contains("bytes");
	}

	// Statuses by which storage refuses the method or the range, not the object.
	private static boolean isRefusal(int status) {
		return status == 403 || status == 405 || status == 501;
	}

	// The first ranged GET is probe and first chunk in one.
	private @Nullable Opened openRanged(@Nullable String probedCoding) {
		ByteRange range = new ByteRange(0, Math.min(this.config.chunkSize(), this.config.maxFetchSize()) - 1);
		FirstRequest<FirstAnswer> first = new FirstRequest<>((cancellation) -> {
			long sentAt = nanoTime();
			return new FirstAnswer(openRanged(get(range, null, cancellation), range, probedCoding, sentAt));
		}, this.context.transport().timer(), this.context.workers());
		try {
			return first.send((this.config.maxParallelRequests() > 1) ? this.hedging.lateAfter(false) : Long.MAX_VALUE)
				.opened();
		}
		finally {
			if (first.isHedged()) {
				this.hedging.hedged();
			}
		}
	}

	// null if a GET without a range is called for
	private @Nullable Opened openRanged(StorageResponse response, ByteRange range, @Nullable String probedCoding,
			long sentAt) {
		boolean open = false;
		try {
			Opened opened = null;
			int status = response.status();
			ContentRange answered = ContentRange.parse(response.header("Content-Range"));
			if (status == 200) {
				opened = whole(response, probedCoding);
			}
			else if (status == 206) {
				if (answered == null || answered.first() != 0 || answered.last() > range.last()
						|| (response.contentLength() >= 0 && response.contentLength() != answered.length())) {
					throw new CorruptStreamException("Range chunk size mismatch: " + RedactedUrl.of(this.url)
							+ " answered another range than asked for");
				}
				// Otherwise the size stays unknown: one GET without a range.
				if (answered.total() >= 0) {
					checkSize(answered.total());
					opened = new Opened(response, true, answered.length(), answered.total(),
							coding(response, probedCoding), sentAt);
				}
			}
			else if (status == 416 && answered != null && answered.total() == 0) {
				throw new CorruptStreamException("The fetched object is empty");
			}
			else if (!isRefusal(status) && status != 416) {
				throw failed(response);
			}
			open = opened != null;
			return opened;
		}
		finally {
			if (!open) {
				response.close();
			}
		}
	}

	private static @Nullable String coding(StorageResponse response, @Nullable String probedCoding) {
		String coding = response.header("Content-Encoding");
		return (coding != null) ? coding : probedCoding;
	}

	private Opened openWhole(@Nullable String probedCoding) {
		StorageResponse response = get(null, null, null);
		try {
			return whole(response, probedCoding);
		}
		catch (RuntimeException ex) {
			response.close();
			throw ex;
		}
	}

	private Opened whole(StorageResponse response, @Nullable String probedCoding) {
		if (response.status() / 100 != 2 || response.status() == 206) {
			throw failed(response);
		}
		checkSize(response.contentLength());
		return new Opened(response, false, response.contentLength(), response.contentLength(),
				coding(response, probedCoding), 0);
	}

	// Also called by workers.
	private StorageResponse get(@Nullable ByteRange range, @Nullable String entityTag,
			@Nullable Cancellation cancellation) {
		long sentAt = nanoTime();
		StorageResponse response;
		try {
			response = this.context.transport()
				.get(this.url, range, entityTag, this.context.validator(), this.config.maxRedirects(), this.deadline,
						cancellation);
		}
		catch (StorageUnavailableException ex) {
			this.requests.incrementAndGet();
			throw ex;
		}
		this.requests.addAndGet(response.requests());
		this.context.firstByteTimes().add(origin(), nanoTime() - sentAt);
		return response;
	}

	private long nanoTime() {
		return this.context.transport().timer().nanoTime();
	}

	private String origin() {
		return this.url.getHost() + ":" + this.url.getPort();
	}

	private RuntimeException failed(StorageResponse response) {
		return StatusFailure.of(this.url, this.signature, response, this.context.wallClock());
	}

	/**
	 * What came of the first ranged GET.
	 *
	 * @param opened the object, or {@code null} if the range was refused
	 */
	private record FirstAnswer(@Nullable Opened opened) implements AutoCloseable {

		@Override
		public void close() {
			if (this.opened != null) {
				this.opened.close();
			}
		}

	}

	/**
	 * A response whose body starts at the first byte of the object.
	 */
	private static final class Opened implements AutoCloseable {

		private final StorageResponse response;

		/** Whether more of the object has to be asked for by ranges. */
		private final boolean ranged;

		/** Bytes of this response, or -1. */
		private final long length;

		/** Bytes of the object, or -1. */
		private final long total;

		private final @Nullable String coding;

		private final @Nullable ContentCodec codec;

		private final @Nullable String entityTag;

		/** What tells versions of the object apart if there is no entity tag. */
		private final @Nullable String lastModified;

		private final long sentAt;

		/** The first bytes of a coded body, which declare its size. */
		private final ByteBuffer head;

		Opened(StorageResponse response, boolean ranged, long length, long total, @Nullable String coding,
				long sentAt) {
			this.response = response;
			this.ranged = ranged;
			this.length = length;
			this.total = total;
			this.coding = coding;
			this.codec = ContentCodec.forCoding(coding);
			this.entityTag = response.header("ETag");
			this.lastModified = response.header("Last-Modified");
			this.sentAt = sentAt;
			this.head = ByteBuffer.allocate((this.codec != null) ? HEAD_LENGTH : 0);
			while (this.head.hasRemaining() && response.read(this.head) >= 0) {
				continue;
			}
			this.head.flip();
		}

		/**
		 * Return how the object is to be fetched.
		 * @param config the threshold and the size of ranges
		 * @return the ranges to fetch in parallel, of which the first is this response;
		 * empty to fetch one after the other
		 */
		List<ByteRange> plan(FetchConfig config) {
			if (!this.ranged || this.total < config.parallelThreshold() || this.total == this.length) {
				return List.of();
			}
			return RangePlan.of(this.length, this.total, config.chunkSize(), config.maxParallelRequests());
		}

		/**
		 * Return the tag that a later range must have.
		 * @return the tag, or {@code null} if there is none that {@code If-Match} takes
		 */
		@Nullable String strongTag() {
			return (this.entityTag != null && this.entityTag.startsWith("\"")) ? this.entityTag : null;
		}

		// Check that a response is the asked range of the same object, and return how
		// many
		// bytes of it follow.
		long checkRange(FetchAttempt attempt, StorageResponse later, ByteRange asked) {
			String shown = RedactedUrl.of(attempt.url);
			if (later.status() == 412 || (later.status() == 206 && !isSame(later))) {
				throw new StorageUnavailableException("The object at " + shown + " changed while it was fetched",
						later.status(), null);
			}
			if (later.status() / 100 == 2 && later.status() != 206) {
				throw new CorruptStreamException(
						"Expected HTTP 206 for a range of " + shown + ", got " + later.status());
			}
			if (later.status() != 206) {
				throw attempt.failed(later);
			}
			ContentRange range = ContentRange.parse(later.header("Content-Range"));
			if (range == null || range.first() != asked.first() || range.last() > asked.last()
					|| (range.total() >= 0 && range.total() != this.total)
					|| (later.contentLength() >= 0 && later.contentLength() != range.length())) {
				throw new CorruptStreamException("Range chunk size mismatch: asked " + shown + " for bytes "
						+ asked.first() + "-" + asked.last() + ", got " + later.header("Content-Range"));
			}
			return range.length();
		}

		private boolean isSame(StorageResponse later) {
			String tag = later.header("ETag");
			String modified = later.header("Last-Modified");
			return (tag != null && this.entityTag != null) ? tag.equals(this.entityTag)
					: modified == null || this.lastModified == null || modified.equals(this.lastModified);
		}

		@Override
		public void close() {
			this.response.close();
		}

	}

	/**
	 * Requests for further ranges of an object that is already open.
	 */
	private final class OpenedRequests implements RangedDownload.Requests {

		private final Opened opened;

		OpenedRequests(Opened opened) {
			this.opened = opened;
		}

		@Override
		public StorageResponse get(ByteRange range) {
			StorageResponse response = FetchAttempt.this.get(range, this.opened.strongTag(), null);
			try {
				if (this.opened.checkRange(FetchAttempt.this, response, range) != range.length()) {
					throw shorter(range, -1);
				}
				return response;
			}
			catch (RuntimeException ex) {
				response.close();
				throw ex;
			}
		}

		@Override
		public RuntimeException shorter(ByteRange range, long count) {
			String shown = RedactedUrl.of(FetchAttempt.this.url);
			return (count < 0)
					? new CorruptStreamException("Range chunk size mismatch: " + shown + " answered less than the "
							+ range.length() + " bytes asked for")
					: new StorageUnavailableException("Range chunk size mismatch: " + shown + " broke off after "
							+ count + " of " + range.length() + " bytes", 0, null);
		}

		@Override
		public RuntimeException longer(ByteRange range) {
			return new CorruptStreamException("Range chunk size mismatch: " + RedactedUrl.of(FetchAttempt.this.url)
					+ " answered more than the " + range.length() + " bytes asked for");
		}

	}

}
