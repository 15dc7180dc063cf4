package dev.vgi.external.fetch;

import java.nio.ByteBuffer;

import dev.vgi.external.transfer.Retries;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import org.jspecify.annotations.Nullable;

/**
 * Fetches one object into a {@link BodyAssembly} by one request after the other, usually
 * only by the one that opened it. If a response broke off or had only a part, the rest is
 * requested by a range from the first missing byte on, so that each byte is processed
 * once. Belongs to the caller's thread.
 */
final class SequentialDownload {

	private final FetchConfig config;

	private final TransferTrace trace;

	private final OpenedObject object;

	private final BodyAssembly assembly;

	private final Retries retries;

	/** Bytes of the object, or -1 as long as it is unknown. */
	private long total;

	/** Whether the body is known to be complete, although its size was never stated. */
	private boolean ended;

	/**
	 * Create a download.
	 * @param context the caps, and when missing bytes are requested again
	 * @param object the object; not closed here
	 * @param assembly receives the bytes
	 */
	SequentialDownload(FetchContext context, OpenedObject object, BodyAssembly assembly) {
		this.config = context.config();
		this.trace = context.trace();
		this.object = object;
		this.assembly = assembly;
		this.retries = context.retryPolicy().at(Retried.STEP).begin(object.requests.deadline);
		this.total = object.total;
	}

	/**
	 * Fetch the whole object.
	 * @return {@code null} if everything is here; otherwise the response of a storage
	 * that answered a range before and now ignores ranges: start over with it; the caller
	 * closes it
	 */
	@Nullable StorageResponse run() {
		StorageResponse restarted = null;
		boolean begun = false;
		while (restarted == null && !isComplete()) {
			try {
				if (begun) {
					restarted = resume(rest());
				}
				else {
					begun = true;
					begin();
				}
			}
			catch (StorageUnavailableException ex) {
				retry(ex);
			}
		}
		if (restarted == null) {
			this.trace.completed(0, this.object.hedge);
		}
		return restarted;
	}

	private boolean isComplete() {
		return this.ended || this.assembly.encoded() == this.total;
	}

	private void begin() {
		if (this.object.head.hasRemaining()) {
			this.assembly.input().put(this.object.head);
			this.assembly.advance();
		}
		receive(this.object.response, this.object.length);
		this.ended = this.total < 0 && (!this.object.ranged || this.assembly.isWhole());
	}

	// If the size is unknown, the range reaches one byte beyond the cap, so that a larger
	// object is noticed.
	private ByteRange rest() {
		long last = (this.total >= 0) ? this.total - 1 : this.config.maxFetchSize();
		return new ByteRange(this.assembly.encoded(), last);
	}

	private @Nullable StorageResponse resume(ByteRange asked) {
		StorageResponse response = this.object.request(asked,
				this.object.requests.request(false, this.object.requests.watchRange(0, asked)));
		boolean startsOver = false;
		try {
			if (this.total < 0 && response.status() == 416) {
				nothingFollows(response);
			}
			else if (this.object.isSameWhole(response)) {
				sizeIs(response.contentLength(), response);
				skip(response, asked.first());
				receive(response, this.total);
				this.ended = true;
			}
			else if (this.object.mayStartOver(response)) {
				startsOver = true;
				return response;
			}
			else {
				ContentRange range = this.object.checkRange(response, asked, this.total);
				sizeIs(range.total(), response);
				this.config.checkSize(range.last() + 1);
				receive(response, range.last() + 1);
				this.ended = this.total < 0 && this.assembly.isWhole();
			}
			return null;
		}
		finally {
			if (!startsOver) {
				response.close();
			}
		}
	}

	private void nothingFollows(StorageResponse response) {
		ContentRange range = ContentRange.parse(response.header("Content-Range"));
		if (range != null) {
			sizeIs(range.total(), response);
		}
		this.ended = this.total < 0;
	}

	private void sizeIs(long size, StorageResponse response) {
		if (size < 0) {
			return;
		}
		if ((this.total >= 0) ? size != this.total : size < this.assembly.encoded()) {
			throw this.object.changed(response);
		}
		this.config.checkSize(size);
		if (this.total < 0) {
			this.trace.sized(size, this.assembly.coding());
		}
		this.total = size;
	}

	// Skips bytes that are already here.
	private void skip(StorageResponse response, long count) {
		for (long left = count; left > 0;) {
			ByteBuffer unused = this.assembly.input();
			unused.limit((int) Math.min(left, unused.limit()));
			int read = response.read(unused);
			if (read < 0) {
				throw this.object.brokenOff(count - left, count);
			}
			left -= read;
		}
	}

	// Reads until this many bytes of the object are here, or to the end of the response.
	private void receive(StorageResponse response, long end) {
		while (end < 0 || this.assembly.encoded() < end) {
			if (response.read(this.assembly.input()) < 0) {
				if (end >= 0) {
					throw this.object.brokenOff(this.assembly.encoded(), end);
				}
				return;
			}
			this.assembly.advance();
		}
		if (this.assembly.encoded() > end || response.read(ByteBuffer.allocate(1)) > 0) {
			throw this.object.tooLong(end);
		}
	}

	// The bytes that are here are kept if the rest can be fetched.
	private void retry(StorageUnavailableException failure) {
		if (this.assembly.encoded() == this.total) {
			return; // It broke off after its last byte.
		}
		if (!this.object.canResume() || !OpenedObject.isWorthARetry(failure)) {
			throw failure;
		}
		this.retries.pauseAfter(failure);
	}

}
