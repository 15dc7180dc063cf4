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

	FetchAttempt(FetchContext context, URI url, @Nullable String sha256, BufferAllocator allocator, Deadline deadline) {
		this.context = context;
		this.config = context.config();
		this.url = url;
		this.signature = SignedUrl.of(url);
		this.sha256 = sha256;
		this.allocator = allocator;
		this.deadline = deadline;
		this.started = context.transport().timer().nanoTime();
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
				return finish(assembly, object.contentCoding(), 0);
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
					ContentCodec codec = ContentCodec.forCoding(opened.coding);
					ByteBuffer head = ByteBuffer.allocate((codec != null) ? HEAD_LENGTH : 0);
					while (head.hasRemaining() && opened.response.read(head) >= 0) {
						continue;
					}
					head.flip();
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
							return (plan.size() > 1) ? transferInParallel(opened, plan, head, assembly, lease)
									: transfer(opened, head, assembly);
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
				this.context.progress());
	}

	private FetchedBody transfer(Opened opened, ByteBuffer head, BodyAssembly assembly) {
		if (head.hasRemaining()) {
			assembly.input().put(head);
			assembly.advance();
		}
		feed(opened.response, opened.length, assembly);
		while (opened.ranged && assembly.encoded() < opened.total) {
			ByteRange range = new ByteRange(assembly.encoded(), opened.total - 1);
			try (StorageResponse response = get(range, opened.strongTag())) {
				feed(response, assembly.encoded() + opened.checkRange(this, response, range), assembly);
			}
		}
		if (opened.total >= 0 && assembly.encoded() != opened.total) {
			throw new CorruptStreamException("Range chunk size mismatch: got " + assembly.encoded() + " of "
					+ opened.total + " bytes of " + RedactedUrl.of(this.url));
		}
		return finish(assembly, opened.coding, 0);
	}

	private FetchedBody transferInParallel(Opened opened, List<ByteRange> plan, ByteBuffer head, BodyAssembly assembly,
			Lease lease) {
		HedgePolicy hedging = new HedgePolicy(this.config.speculativeRetryMultiplier(),
				this.config.maxSpeculativeHedges(), this.context.firstByteTimes().median(origin()));
		new RangedDownload(this.config, plan, assembly, this.context.slabs(), lease, new OpenedRequests(opened),
				hedging, this.context.transport().timer(), this.context.workers())
			.run(opened.response, head, opened.sentAt);
		return finish(assembly, opened.coding, hedging.hedges());
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

	private FetchedBody finish(BodyAssembly assembly, @Nullable String coding, int hedges) {
		ArrowBuf buffer = assembly.finish(this.allocator);
		Duration elapsed = Duration.ofNanos(nanoTime() - this.started);
		return new FetchedBody(buffer, assembly.length(), new FetchStatistics(assembly.encoded(), assembly.length(),
				coding, this.requests.get(), hedges, elapsed));
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
		if (this.config.probe() == FetchConfig.Probe.HEAD && !this.signature.isSigned()) {
			try (StorageResponse head = this.context.transport()
				.head(this.url, this.context.validator(), this.config.maxRedirects(), this.deadline)) {
				this.requests.addAndGet(head.requests());
				if (head.status() / 100 == 2) {
					checkSize(head.contentLength());
					return prefersRanges(head) ? openRanged() : openWhole(head.header("Content-Encoding"));
				}
				if (!isRefusal(head.status())) {
					throw failed(head);
				}
			}
		}
		return openRanged();
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
	private Opened openRanged() {
		ByteRange range = new ByteRange(0, Math.min(this.config.chunkSize(), this.config.maxFetchSize()) - 1);
		long sentAt = nanoTime();
		StorageResponse response = get(range, null);
		try {
			int status = response.status();
			if (status == 200) {
				return whole(response, null);
			}
			ContentRange answered = ContentRange.parse(response.header("Content-Range"));
			if (status == 206 && answered != null && answered.first() == 0 && answered.last() <= range.last()
					&& (response.contentLength() < 0 || response.contentLength() == answered.length())) {
				if (answered.total() >= 0) {
					checkSize(answered.total());
					return new Opened(response, true, answered.length(), answered.total(),
							response.header("Content-Encoding"), sentAt);
				}
				// The size stays unknown: one GET without a range.
			}
			else if (status == 206) {
				throw new CorruptStreamException("Range chunk size mismatch: " + RedactedUrl.of(this.url)
						+ " answered another range than asked for");
			}
			else if (status == 416 && answered != null && answered.total() == 0) {
				throw new CorruptStreamException("The fetched object is empty");
			}
			else if (!isRefusal(status) && status != 416) {
				throw failed(response);
			}
		}
		catch (RuntimeException ex) {
			response.close();
			throw ex;
		}
		response.close();
		return openWhole(null);
	}

	private Opened openWhole(@Nullable String probedCoding) {
		StorageResponse response = get(null, null);
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
		String coding = response.header("Content-Encoding");
		return new Opened(response, false, response.contentLength(), response.contentLength(),
				(coding != null) ? coding : probedCoding, 0);
	}

	// Also called by workers.
	private StorageResponse get(@Nullable ByteRange range, @Nullable String entityTag) {
		long sentAt = nanoTime();
		StorageResponse response;
		try {
			response = this.context.transport()
				.get(this.url, range, entityTag, this.context.validator(), this.config.maxRedirects(), this.deadline);
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

		private final @Nullable String entityTag;

		private final long sentAt;

		Opened(StorageResponse response, boolean ranged, long length, long total, @Nullable String coding,
				long sentAt) {
			this.response = response;
			this.ranged = ranged;
			this.length = length;
			this.total = total;
			this.coding = coding;
			this.entityTag = response.header("ETag");
			this.sentAt = sentAt;
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

		// Check that a response is the asked range of the same object. @return how many
		// bytes
		// of it follow
		long checkRange(FetchAttempt attempt, StorageResponse later, ByteRange asked) {
			String shown = RedactedUrl.of(attempt.url);
			String tag = later.header("ETag");
			if (later.status() == 412 || (later.status() == 206 && tag != null && this.entityTag != null
					&& !tag.equals(this.entityTag))) {
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
			StorageResponse response = FetchAttempt.this.get(range, this.opened.strongTag());
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
