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
import dev.vgi.external.transfer.FetchStatistics;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.Cancellation;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.SignedUrl;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to fetch one object. Belongs to the caller's thread.
 */
final class FetchAttempt {

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
			ContentCodec codec = ContentCodec.ofAnswer(object.contentCoding());
			ByteBuffer head = ByteBuffer.allocateDirect(OpenedObject.HEAD_LENGTH);
			if (codec != null) {
				while (head.hasRemaining() && channel.read(head) >= 0) {
					continue;
				}
				channel.position(channel.position() - head.position());
			}
			long size = (codec != null) ? declaredSize(codec, head.flip()) : object.length();
			long window = (codec != null) ? codec.window(head) : 0;
			long memory = BodyAssembly.memoryFor(codec, size) + window;
			try (Lease lease = this.context.budget().acquire(memory, this.deadline.remaining());
					BodyAssembly assembly = assembly(lease, codec, size, window, memory)) {
				while (assembly.encoded() < object.length() && channel.read(assembly.input()) >= 0) {
					assembly.advance();
					if (this.deadline.hasPassed()) {
						throw new TransferTimeoutException("Reading " + RedactedUrl.of(this.url)
								+ " did not finish within " + this.deadline.timeout().toMillis() + " ms", null);
					}
				}
				checkLength(object, channel, assembly.encoded());
				return finish(assembly, (codec != null) ? codec.coding() : null);
			}
		}
		catch (IOException ex) {
			throw new StorageUnavailableException(
					"Cannot read " + RedactedUrl.of(this.url) + ": " + FailureReason.of(ex), 0, null);
		}
	}

	private void checkLength(StoredObject object, SeekableByteChannel channel, long read) throws IOException {
		if (read < object.length()) {
			throw new StorageUnavailableException("The object at " + RedactedUrl.of(this.url) + " ended after " + read
					+ " of " + object.length() + " bytes", 0, null);
		}
		if (read > object.length() || channel.read(ByteBuffer.allocate(1)) > 0) {
			throw new CorruptStreamException(
					"The object at " + RedactedUrl.of(this.url) + " has more than its " + object.length() + " bytes");
		}
	}

	private FetchedBody download() {
		Lease lease = null;
		OpenedObject restarted = null;
		long reserved = 0;
		try {
			while (true) {
				long memory;
				try (OpenedObject opened = (restarted != null) ? restarted : open()) {
					restarted = null;
					ContentCodec codec = opened.codec;
					long size = (codec != null) ? declaredSize(codec, opened.head) : opened.total;
					List<ByteRange> plan = opened.plan(this.config);
					long window = (codec != null) ? codec.window(opened.head) : 0;
					long body = BodyAssembly.memoryFor(codec, size) + window;
					memory = body + ((codec != null && plan.size() > 1)
							? RangedDownload.slotMemory(plan, this.config.maxParallelRequests()) : 0);
					if (lease == null) {
						lease = this.context.budget().tryAcquire(memory);
					}
					else if (memory > reserved) {
						lease.grow(memory - reserved);
					}
					if (lease != null) {
						reserved = Math.max(reserved, memory);
						long more;
						try (BodyAssembly assembly = assembly(lease, codec, size, window, body)) {
							StorageResponse whole = transfer(opened, plan, assembly, lease);
							if (whole == null) {
								return finish(assembly, opened.coding);
							}
							restarted = whole(whole, Announcement.ofCoding(opened.coding));
							more = assembly.charged() - body;
						}
						lease.shrink(more);
						continue;
					}
				}
				// The connection was released above, since a running transfer may need
				// it.
				lease = this.context.budget().acquire(memory, this.deadline.remaining());
				reserved = memory;
			}
		}
		finally {
			if (restarted != null) {
				restarted.close();
			}
			if (lease != null) {
				lease.close();
			}
		}
	}

	private BodyAssembly assembly(Lease lease, @Nullable ContentCodec codec, long size, long window, long reserved) {
		return new BodyAssembly(this.config, this.context.slabs(), lease, codec, size, window, reserved, this.sha256,
				this.context.progress(), this.context.workers());
	}

	// Returns null, or the response with which the object has to be started over.
	private @Nullable StorageResponse transfer(OpenedObject opened, List<ByteRange> plan, BodyAssembly assembly,
			Lease lease) {
		if (plan.size() <= 1) {
			return new SequentialDownload(this.config, opened, assembly, (range) -> getMore(opened, range),
					this.context.retryPolicy().begin(this.deadline))
				.run();
		}
		new RangedDownload(this.context, plan, assembly, lease, new OpenedRequests(opened), this.hedging, this.deadline)
			.run(opened.response, opened.head, opened.sentAt);
		return null;
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

	private OpenedObject open() {
		Announcement announced = Announcement.NONE;
		if (this.config.probe() == FetchConfig.Probe.HEAD && !this.signature.isSigned()) {
			try (StorageResponse head = this.context.transport()
				.head(this.url, this.context.validator(), this.config.maxRedirects(), this.deadline)) {
				this.requests.addAndGet(head.requests());
				if (head.status() / 100 == 2) {
					checkSize(head.contentLength());
					announced = Announcement.of(head);
					if (!prefersRanges(head)) {
						return openWhole(announced);
					}
				}
				else if (!isRefusal(head.status())) {
					throw failed(head);
				}
			}
		}
		OpenedObject opened = openRanged(announced);
		return (opened != null) ? opened : openWhole(announced);
	}

	private boolean prefersRanges(StorageResponse head) {
		String ranges = head.header("Accept-Ranges");
		return head.contentLength() >= this.config.parallelThreshold() && ranges != null && ranges.contains("bytes");
	}

	// Whether storage refuses the method or the range with this status, and not the
	// object.
	private static boolean isRefusal(int status) {
		return status == 403 || status == 405 || status == 501;
	}

	// The first ranged GET is probe and first chunk in one.
	private @Nullable OpenedObject openRanged(Announcement announced) {
		ByteRange range = new ByteRange(0, Math.min(this.config.chunkSize(), this.config.maxFetchSize()) - 1);
		FirstRequest<FirstAnswer> first = new FirstRequest<>((cancellation) -> {
			long sentAt = nanoTime();
			return new FirstAnswer(openRanged(get(range, null, cancellation), range, announced, sentAt));
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

	// Returns null if a GET without a range is required.
	private @Nullable OpenedObject openRanged(StorageResponse response, ByteRange range, Announcement announced,
			long sentAt) {
		boolean open = false;
		try {
			OpenedObject opened = null;
			int status = response.status();
			ContentRange answered = ContentRange.parse(response.header("Content-Range"));
			if (status == 200) {
				opened = whole(response, announced);
			}
			else if (status == 206) {
				if (answered == null || answered.first() != 0 || answered.last() > range.last()
						|| (response.contentLength() >= 0 && response.contentLength() != answered.length())) {
					throw new CorruptStreamException("Range chunk size mismatch: " + RedactedUrl.of(this.url)
							+ " answered another range than asked for");
				}
				checkVersion(response, announced);
				checkSize(answered.total());
				long total = announced.agree(answered.total(), answered.length(), RedactedUrl.of(this.url));
				opened = opened(response, true, answered.length(), total, announced, sentAt);
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

	private OpenedObject opened(StorageResponse response, boolean ranged, long length, long total,
			Announcement announced, long sentAt) {
		String coding = response.contentEncoding();
		return new OpenedObject(this.url, this::failed, response, ranged, length, total,
				(coding != null) ? coding : announced.coding(), sentAt);
	}

	private OpenedObject openWhole(Announcement announced) {
		return whole(get(null, null, null), announced);
	}

	private OpenedObject whole(StorageResponse response, Announcement announced) {
		try {
			if (response.status() / 100 != 2 || response.status() == 206) {
				throw failed(response);
			}
			checkVersion(response, announced);
			checkSize(response.contentLength());
			long total = announced.agree(response.contentLength(), 0, RedactedUrl.of(this.url));
			return opened(response, false, total, total, announced, 0);
		}
		catch (RuntimeException ex) {
			response.close();
			throw ex;
		}
	}

	private void checkVersion(StorageResponse response, Announcement announced) {
		if (!announced.version().mayBe(ObjectVersion.of(response))) {
			throw OpenedObject.changed(RedactedUrl.of(this.url), response);
		}
	}

	// Workers call this, too.
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

	/**
	 * Ask for a range of the object that is already open. Some stores reject an
	 * {@code If-Match} that is true; the request is then sent without the condition, and
	 * the tag of the response decides. Workers call this, too.
	 * @param opened the object
	 * @param range the range
	 * @return a response of any status
	 */
	private StorageResponse getMore(OpenedObject opened, ByteRange range) {
		String condition = opened.condition();
		StorageResponse response = get(range, condition, null);
		if (condition == null || (response.status() != 412 && response.status() != 501)) {
			return response;
		}
		response.close();
		opened.refusesConditions();
		return get(range, null, null);
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
	 * The result of the first ranged GET.
	 *
	 * @param opened the object, or {@code null} if the range was refused
	 */
	private record FirstAnswer(@Nullable OpenedObject opened) implements AutoCloseable {

		@Override
		public void close() {
			if (this.opened != null) {
				this.opened.close();
			}
		}

	}

	/**
	 * Requests for further ranges of an object that is already open.
	 */
	private final class OpenedRequests implements RangedDownload.Requests {

		private final OpenedObject opened;

		OpenedRequests(OpenedObject opened) {
			this.opened = opened;
		}

		@Override
		public StorageResponse get(ByteRange range) {
			StorageResponse response = getMore(this.opened, range);
			try {
				if (this.opened.checkRange(response, range, this.opened.total).length() != range.length()) {
					throw this.opened.tooShort(range.length());
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
			return this.opened.brokenOff(count, range.length());
		}

		@Override
		public RuntimeException longer(ByteRange range) {
			return this.opened.tooLong(range.length());
		}

	}

}
