package dev.vgi.external.fetch;

import java.nio.ByteBuffer;
import java.util.Queue;

import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.TransferRequest;
import org.jspecify.annotations.Nullable;

/**
 * One request for one range, on its own thread. Writes to memory that no other thread
 * writes to, counts the bytes, and reports its end.
 */
final class RangeAttempt implements Runnable {

	private final OpenedObject object;

	/** Receives this request when it has made progress and when it has ended. */
	private final Queue<? super RangeAttempt> events;

	/** Index of the range in the plan. */
	final int index;

	/** Whether this is a second request for a late range. */
	final boolean hedge;

	/** The requested range: the whole chunk, or what an earlier attempt left of it. */
	final ByteRange range;

	/** Where the bytes go. */
	final Slab target;

	/** Position in the target of the first requested byte. */
	private final long offset;

	/** Tells when it is sent. */
	private final TransferRequest request;

	/** The response if there is one already, or {@code null}. */
	private final @Nullable StorageResponse response;

	private volatile @Nullable Thread thread;

	private volatile boolean firstByte;

	private volatile boolean reportsProgress;

	private volatile long written;

	private volatile @Nullable RuntimeException failure;

	private volatile boolean ended;

	RangeAttempt(OpenedObject object, Queue<? super RangeAttempt> events, int index, boolean hedge, ByteRange range,
			Slab target, long offset, @Nullable StorageResponse response) {
		this.object = object;
		this.events = events;
		this.index = index;
		this.hedge = hedge;
		this.range = range;
		this.target = target;
		this.offset = offset;
		this.request = object.requests.request(hedge, object.requests.watchRange(index, range));
		this.response = response;
		this.firstByte = response != null;
	}

	void start(Thread worker) {
		this.thread = worker;
		worker.start();
	}

	@Override
	public void run() {
		try (StorageResponse open = (this.response != null) ? this.response
				: this.object.requestExactly(this.range, this.request)) {
			this.firstByte = true;
			receive(open);
		}
		catch (RuntimeException ex) {
			this.failure = ex;
		}
		catch (Error ex) {
			this.failure = new IllegalStateException("A range could not be fetched: " + ex.getClass().getSimpleName());
		}
		finally {
			this.ended = true;
			this.events.add(this);
		}
	}

	private void receive(StorageResponse open) {
		long length = this.range.length();
		long reported = 0;
		long count = 0;
		while (count < length) {
			ByteBuffer window = this.target.window(this.offset + count,
					(int) Math.min(BodyAssembly.STEP, length - count));
			while (window.hasRemaining()) {
				int read = open.read(window);
				if (read < 0) {
					throw this.object.brokenOff(count, length);
				}
				count += read;
				this.written = count;
			}
			if (this.reportsProgress && count - reported >= BodyAssembly.STEP) {
				reported = count;
				this.events.add(this);
			}
		}
		if (open.read(ByteBuffer.allocate(1)) > 0) {
			throw this.object.tooLong(length);
		}
	}

	/**
	 * Report progress from now on: only the bytes of the first missing range can be
	 * processed.
	 */
	void reportProgress() {
		this.reportsProgress = true;
	}

	/**
	 * Stop as soon as possible. The end is still reported.
	 */
	void cancel() {
		Thread worker = this.thread;
		if (worker != null) {
			worker.interrupt();
		}
	}

	/**
	 * Wait for the thread, which has reported its end or was cancelled.
	 */
	void join() {
		Thread worker = this.thread;
		if (worker != null) {
			Uninterruptibles.join(worker);
		}
	}

	boolean hasEnded() {
		return this.ended;
	}

	/**
	 * Return when the request was sent.
	 * @return the time, or {@link TransferRequest#NOT_SENT} as long as it waits
	 */
	long sentAt() {
		return (this.response != null) ? this.object.sentAt : this.request.sentAt();
	}

	/**
	 * Return whether its bytes come from the second copy of a late request, which the one
	 * that opened the object may be.
	 * @return whether they do
	 */
	boolean isHedge() {
		return this.hedge || (this.response != null && this.object.hedge);
	}

	boolean hasFirstByte() {
		return this.firstByte;
	}

	/**
	 * Return how many bytes were written to the target and will not change.
	 * @return the number, which grows while this runs
	 */
	long written() {
		return this.written;
	}

	/**
	 * Return why this failed. Valid once it has ended.
	 * @return the failure, or {@code null} if the range is complete
	 */
	@Nullable RuntimeException failure() {
		return this.failure;
	}

}
