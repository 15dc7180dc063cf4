package dev.vgi.external.fetch;

import java.net.URI;
import java.nio.ByteBuffer;
import java.util.List;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.fetch.ObjectRequests.Answer;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import org.jspecify.annotations.Nullable;

/**
 * An object whose first response has been opened. Later responses are checked against
 * that response, so that all bytes are of the same version of the object.
 */
final class OpenedObject implements AutoCloseable {

	/** Enough of a coded body to read the decoded size that its frame declares. */
	static final int HEAD_LENGTH = 32;

	/** Worth a retry, since only ranges inside the object are requested. */
	private static final int NOT_SATISFIABLE = 416;

	/** The first response, whose body starts at the first byte of the object. */
	final StorageResponse response;

	/** Whether it answers a ranged request, so that more may have to be requested. */
	final boolean ranged;

	/** Bytes of this response, or -1. */
	final long length;

	/** Bytes of the object, or -1. */
	final long total;

	/** Coding of the bytes, or {@code null} for none. */
	final @Nullable ContentCodec codec;

	/** When the request was sent. */
	final long sentAt;

	/** Whether it was the second copy of a late one. */
	final boolean hedge;

	/** The first bytes of a coded body, which declare its size. */
	final ByteBuffer head;

	/** The requests of the fetch that opened the object. */
	final ObjectRequests requests;

	private final Version version;

	/** The link that was answered by the first response. */
	private final URI link;

	/** Whether storage refuses conditions, so that each response has to carry the tag. */
	private volatile boolean unconditional;

	/**
	 * Take over a response.
	 * @param requests the requests of the fetch, which go on to further ranges
	 * @param answer the response and its link; closed with this object
	 * @param range the range that it has, or {@code null} if it has the whole object
	 * @param total bytes of the object, or -1
	 * @param coding content coding of the object, or {@code null}
	 * @param request the request that was answered; {@code null} if it was one for the
	 * rest of the object
	 */
	OpenedObject(ObjectRequests requests, Answer answer, @Nullable ContentRange range, long total,
			@Nullable String coding, @Nullable TransferRequest request) {
		StorageResponse response = answer.response();
		this.requests = requests;
		this.response = response;
		this.link = answer.link();
		this.ranged = range != null;
		this.length = (range != null) ? range.length() : total;
		this.total = total;
		this.codec = ContentCodec.ofAnswer(coding);
		this.version = Version.of(response);
		this.sentAt = (request != null) ? request.sentAt() : 0;
		this.hedge = request != null && request.isHedge();
		this.head = ByteBuffer.allocate((this.codec != null) ? HEAD_LENGTH : 0);
		while (this.head.hasRemaining() && response.read(this.head) >= 0) {
			continue;
		}
		this.head.flip();
	}

	/**
	 * Return how to fetch the object.
	 * @param config the size of ranges
	 * @param share how many requests may be used
	 * @return the ranges to fetch in parallel, of which the first is this response; empty
	 * to fetch sequentially
	 */
	List<ByteRange> plan(FetchConfig config, FetchShare share) {
		if (!this.ranged || this.total < 0 || this.total == this.length) {
			return List.of();
		}
		int parallel = share.connectionsFor(this.total, config);
		return (parallel > 0) ? RangePlan.of(this.length, this.total, config.chunkSize(), parallel) : List.of();
	}

	/**
	 * Request a range on the condition that the object has not changed. Some stores
	 * reject an {@code If-Match} that is true; the request is then sent without the
	 * condition, as all later ones are, and the tag of the response decides. Workers call
	 * this, too.
	 * @param range the range
	 * @param request tells when it is sent
	 * @return a response of any status; the caller closes it
	 */
	StorageResponse request(ByteRange range, TransferRequest request) {
		String condition = this.unconditional ? null : strongTag();
		Answer answer = this.requests.get(range, condition, request);
		int status = answer.response().status();
		if (condition != null && (status == 412 || status == 501)) {
			answer.response().close();
			this.unconditional = true;
			answer = this.requests.get(range, null, request);
		}
		return requireSame(answer);
	}

	// Another link may lead anywhere, so it has to name the same version.
	private StorageResponse requireSame(Answer answer) {
		StorageResponse response = answer.response();
		String tag = strongTag();
		if (response.status() / 100 != 2 || answer.link().equals(this.link)
				|| (tag != null && tag.equals(response.header("ETag")))) {
			return response;
		}
		response.close();
		throw new ChangedException(
				"The object at " + this.requests.shown
						+ " may have changed: its renewed link does not serve the same strong entity tag",
				response.status());
	}

	/**
	 * Request a range and check that the response has exactly that. Workers call this,
	 * too.
	 * @param range the range, inside the object
	 * @param request tells when it is sent
	 * @return the response; the caller closes it
	 */
	StorageResponse requestExactly(ByteRange range, TransferRequest request) {
		StorageResponse answer = request(range, request);
		try {
			if (checkRange(answer, range, this.total).length() != range.length()) {
				throw new CorruptStreamException("Range chunk size mismatch: " + this.requests.shown
						+ " answered less than the " + range.length() + " bytes asked for");
			}
			return answer;
		}
		catch (RuntimeException ex) {
			answer.close();
			throw ex;
		}
	}

	// A tag that is valid in If-Match, or null.
	private @Nullable String strongTag() {
		String tag = this.version.entityTag();
		return (tag != null && tag.startsWith("\"")) ? tag : null;
	}

	/**
	 * Return whether a body that broke off can be resumed. It can if storage has answered
	 * a range, or names the version so exactly that any other version is noticed.
	 * @return whether to request the rest
	 */
	boolean canResume() {
		return this.ranged || strongTag() != null;
	}

	/**
	 * Return whether a range may be requested again while all other bytes are kept.
	 * @param failure why the request failed
	 * @return {@code true} unless the range is refused or the object has changed
	 */
	static boolean isWorthARetry(RuntimeException failure) {
		return RetryPolicy.mayPass(failure) && !(failure instanceof ChangedException)
				&& failure instanceof StorageUnavailableException unavailable
				&& (failure instanceof StorageBusyException || unavailable.status() == 0
						|| unavailable.status() == NOT_SATISFIABLE || unavailable.status() / 100 == 5);
	}

	/**
	 * Return whether a response without a range has exactly the bytes of this object.
	 * @param later a response
	 * @return {@code true} if it is a success and has the same strong entity tag
	 */
	boolean isSameWhole(StorageResponse later) {
		String tag = strongTag();
		return later.status() == 200 && tag != null && tag.equals(later.header("ETag"));
	}

	/**
	 * Return whether a response without a range may start the object over, because
	 * storage ignores ranges after all and has not said how large the object is.
	 * @param later a response
	 * @return {@code true} if it is a success and may be of the same version
	 */
	boolean mayStartOver(StorageResponse later) {
		return later.status() == 200 && this.ranged && this.total < 0 && isSame(later);
	}

	/**
	 * Check that a response is part of the requested range of the same object.
	 * @param later the response
	 * @param asked the requested range
	 * @param size bytes of the object as far as known, or -1
	 * @return the range of the response, which begins where the requested one begins
	 */
	ContentRange checkRange(StorageResponse later, ByteRange asked, long size) {
		boolean success = later.status() / 100 == 2;
		if (later.status() == 412 || (success && !isSame(later))) {
			throw changed(later);
		}
		if (success && later.status() != 206) {
			throw new CorruptStreamException(
					"Expected HTTP 206 for a range of " + this.requests.shown + ", got " + later.status());
		}
		ContentRange range = ContentRange.parse(later.header("Content-Range"));
		boolean otherSize = range != null && range.total() >= 0 && size >= 0 && range.total() != size;
		if (!success && !(later.status() == 416 && otherSize)) {
			throw this.requests.failed(later);
		}
		if (range == null || otherSize || range.first() != asked.first() || range.last() > asked.last()
				|| (later.contentLength() >= 0 && later.contentLength() != range.length())) {
			throw new CorruptStreamException("Range chunk size mismatch: asked " + this.requests.shown + " for bytes "
					+ asked.first() + "-" + asked.last() + ", got " + later.header("Content-Range"));
		}
		return range;
	}

	StorageUnavailableException changed(StorageResponse later) {
		return changed(this.requests.shown, later);
	}

	static StorageUnavailableException changed(String shown, StorageResponse later) {
		return new ChangedException("The object at " + shown + " changed while it was fetched", later.status());
	}

	StorageUnavailableException brokenOff(long count, long length) {
		return new StorageUnavailableException("Range chunk size mismatch: " + this.requests.shown + " broke off after "
				+ count + " of " + length + " bytes", 0, null);
	}

	CorruptStreamException tooLong(long length) {
		return new CorruptStreamException("Range chunk size mismatch: " + this.requests.shown
				+ " answered more than the " + length + " bytes expected");
	}

	private boolean isSame(StorageResponse later) {
		Version other = Version.of(later);
		return this.version.mayBe(other) && (!this.unconditional || other.entityTag() != null);
	}

	@Override
	public void close() {
		this.response.close();
	}

	/**
	 * What distinguishes versions of an object.
	 *
	 * @param entityTag the entity tag, or {@code null}
	 * @param lastModified the modification date, used if there is no tag; or {@code null}
	 */
	record Version(@Nullable String entityTag, @Nullable String lastModified) {

		static Version of(StorageResponse response) {
			return new Version(response.header("ETag"), response.header("Last-Modified"));
		}

		/**
		 * Return whether two responses may be of the same version.
		 * @param other the version of another response
		 * @return {@code false} if both state a version and the two differ
		 */
		boolean mayBe(Version other) {
			return (this.entityTag != null && other.entityTag != null) ? this.entityTag.equals(other.entityTag)
					: this.lastModified == null || other.lastModified == null
							|| this.lastModified.equals(other.lastModified);
		}

	}

	/**
	 * The response is of another version of the object. A new attempt from the start may
	 * succeed.
	 */
	static final class ChangedException extends StorageUnavailableException {

		ChangedException(String message, int status) {
			super(message, status, null);
		}

	}

}
