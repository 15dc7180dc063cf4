package dev.vgi.external.fetch;

import java.net.URI;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Function;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;

/**
 * An object whose first response has been opened. Later responses are checked against
 * that response, so that all bytes are of the same version of the object.
 */
final class OpenedObject implements AutoCloseable {

	/** Enough of a coded body to read the decoded size that its frame declares. */
	static final int HEAD_LENGTH = 32;

	/** The first response, whose body starts at the first byte of the object. */
	final StorageResponse response;

	/** Whether it answers a ranged request, so that more may have to be requested. */
	final boolean ranged;

	/** Bytes of this response, or -1. */
	final long length;

	/** Bytes of the object, or -1. */
	final long total;

	final @Nullable String coding;

	final @Nullable ContentCodec codec;

	/** When the request was sent. */
	final long sentAt;

	/** The first bytes of a coded body, which declare its size. */
	final ByteBuffer head;

	private final String shown;

	private final Function<StorageResponse, ? extends RuntimeException> failures;

	private final ObjectVersion version;

	/** Whether storage refuses conditions, so that each response has to carry the tag. */
	private volatile boolean unconditional;

	/**
	 * Take over a response.
	 * @param url where the object is
	 * @param failures creates the error for a status that is not a success
	 * @param response the response; closed with this object
	 * @param ranged whether it answers a ranged request
	 * @param length bytes of the response, or -1
	 * @param total bytes of the object, or -1
	 * @param coding content coding of the object, or {@code null}
	 * @param sentAt when the request was sent
	 */
	OpenedObject(URI url, Function<StorageResponse, ? extends RuntimeException> failures, StorageResponse response,
			boolean ranged, long length, long total, @Nullable String coding, long sentAt) {
		this.shown = RedactedUrl.of(url);
		this.failures = failures;
		this.response = response;
		this.ranged = ranged;
		this.length = length;
		this.total = total;
		this.codec = ContentCodec.ofAnswer(coding);
		this.coding = (this.codec != null) ? this.codec.coding() : null;
		this.version = ObjectVersion.of(response);
		this.sentAt = sentAt;
		this.head = ByteBuffer.allocate((this.codec != null) ? HEAD_LENGTH : 0);
		while (this.head.hasRemaining() && response.read(this.head) >= 0) {
			continue;
		}
		this.head.flip();
	}

	/**
	 * Return how to fetch the object.
	 * @param config the threshold and the size of ranges
	 * @return the ranges to fetch in parallel, of which the first is this response; empty
	 * to fetch sequentially
	 */
	List<ByteRange> plan(FetchConfig config) {
		if (!this.ranged || this.total < config.parallelThreshold() || this.total == this.length) {
			return List.of();
		}
		return RangePlan.of(this.length, this.total, config.chunkSize(), config.maxParallelRequests());
	}

	/**
	 * Return the entity tag that a later range must have.
	 * @return the tag, or {@code null} if there is none that is valid in {@code If-Match}
	 */
	@Nullable String strongTag() {
		String tag = this.version.entityTag();
		return (tag != null && tag.startsWith("\"")) ? tag : null;
	}

	/**
	 * Return the value of {@code If-Match} for a later range.
	 * @return the tag that the range must have, or {@code null} if there is none or
	 * storage refuses conditions
	 */
	@Nullable String condition() {
		return this.unconditional ? null : strongTag();
	}

	/**
	 * Record that storage refused the condition, rightly or not. Later requests are sent
	 * without it.
	 */
	void refusesConditions() {
		this.unconditional = true;
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
					"Expected HTTP 206 for a range of " + this.shown + ", got " + later.status());
		}
		ContentRange range = ContentRange.parse(later.header("Content-Range"));
		boolean otherSize = range != null && range.total() >= 0 && size >= 0 && range.total() != size;
		if (!success && !(later.status() == 416 && otherSize)) {
			throw this.failures.apply(later);
		}
		if (range == null || otherSize || range.first() != asked.first() || range.last() > asked.last()
				|| (later.contentLength() >= 0 && later.contentLength() != range.length())) {
			throw new CorruptStreamException("Range chunk size mismatch: asked " + this.shown + " for bytes "
					+ asked.first() + "-" + asked.last() + ", got " + later.header("Content-Range"));
		}
		return range;
	}

	/**
	 * Return the error for a response of another version of the object.
	 * @param later the response
	 * @return the error
	 */
	StorageUnavailableException changed(StorageResponse later) {
		return changed(this.shown, later);
	}

	static StorageUnavailableException changed(String shown, StorageResponse later) {
		return new ChangedException("The object at " + shown + " changed while it was fetched", later.status());
	}

	/**
	 * Return the error for a response that broke off.
	 * @param count how many bytes arrived
	 * @param length how many bytes were expected
	 * @return the error
	 */
	StorageUnavailableException brokenOff(long count, long length) {
		return new StorageUnavailableException(
				"Range chunk size mismatch: " + this.shown + " broke off after " + count + " of " + length + " bytes",
				0, null);
	}

	/**
	 * Return the error for a response with fewer bytes than requested.
	 * @param length how many were requested
	 * @return the error
	 */
	CorruptStreamException tooShort(long length) {
		return new CorruptStreamException(
				"Range chunk size mismatch: " + this.shown + " answered less than the " + length + " bytes asked for");
	}

	/**
	 * Return the error for a response with more bytes than allowed.
	 * @param length how many were requested or announced
	 * @return the error
	 */
	CorruptStreamException tooLong(long length) {
		return new CorruptStreamException(
				"Range chunk size mismatch: " + this.shown + " answered more than the " + length + " bytes expected");
	}

	private boolean isSame(StorageResponse later) {
		ObjectVersion other = ObjectVersion.of(later);
		return this.version.mayBe(other) && (!this.unconditional || other.entityTag() != null);
	}

	@Override
	public void close() {
		this.response.close();
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
