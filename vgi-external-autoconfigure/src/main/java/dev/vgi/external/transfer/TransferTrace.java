package dev.vgi.external.transfer;

import java.net.URI;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.PhaseBegan;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferEvent.RangeCompleted;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferEvent.Sized;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;

/**
 * One transfer as the engines see it: they report what happens, and whoever listens is
 * told. If nobody does, an event costs nothing. Begins and ends on the same thread, which
 * must call {@link #succeeded} or {@link #failed} exactly once; events may come from any
 * thread until then. A failure is logged here.
 */
public final class TransferTrace implements Transfer {

	private static final TransferTrace NONE = new TransferTrace();

	private final String id;

	private final Direction direction;

	private final String storage;

	private final int segment;

	private final long start = System.nanoTime();

	/** Set once, before any other thread works for the transfer. */
	private TransferListener.Watch watch = TransferListener.Watch.NONE;

	private final AtomicInteger requests = new AtomicInteger();

	/** A bit for each phase that has begun and is not over. */
	private final AtomicInteger phases = new AtomicInteger();

	private volatile @Nullable String location;

	private volatile long storedBytes;

	/** The storage's own identifier of the last request that was answered. */
	private volatile @Nullable String requestId;

	private volatile int retries;

	private volatile @Nullable TransferStatistics statistics;

	private volatile @Nullable Throwable failure;

	private volatile @Nullable Duration duration;

	/** Ends the work of the thread that transfers, if somebody wants that. */
	private final Interruption interruption = new Interruption();

	private volatile boolean gaveWay;

	// Nobody listens, and nothing is logged.
	private TransferTrace() {
		this.id = "0".repeat(16);
		this.direction = Direction.FETCH;
		this.storage = "none";
		this.segment = 0;
		this.interruption.over();
	}

	private TransferTrace(Direction direction, String storage, @Nullable URI location, int segment) {
		this.id = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
		this.direction = direction;
		this.storage = storage;
		this.location = (location != null) ? RedactedUrl.of(location) : null;
		this.segment = segment;
	}

	/**
	 * Return the trace of work that nobody watches.
	 * @return a trace that ignores everything
	 */
	public static TransferTrace none() {
		return NONE;
	}

	/**
	 * Begin a transfer on this thread.
	 * @param listener is told about it
	 * @param direction where the batch goes
	 * @param storage name of the backend, as for {@link #storage()}
	 * @param location where the object is, or {@code null} if that is not known yet
	 * @param segment its place in a stream, list or result set, from 1; or 0
	 * @return the trace
	 */
	static TransferTrace begin(TransferListener listener, Direction direction, String storage, @Nullable URI location,
			int segment) {
		TransferTrace trace = new TransferTrace(direction, storage, location, segment);
		trace.watch = TransferListeners.begin(listener, trace);
		return trace;
	}

	private boolean isWatched() {
		return this.watch != TransferListener.Watch.NONE && this.duration == null;
	}

	/**
	 * Report that a phase begins. Ignored as long as it lasts already.
	 * @param phase which one
	 */
	public void begins(Phase phase) {
		if (isWatched() && lasts(phase, true)) {
			this.watch.happened(new PhaseBegan(phase));
		}
	}

	/**
	 * Report that a phase is over. Ignored if it had not begun.
	 * @param phase which one
	 */
	public void over(Phase phase) {
		if (isWatched() && lasts(phase, false)) {
			this.watch.happened(new PhaseEnded(phase));
		}
	}

	// Returns whether this is a change.
	private boolean lasts(Phase phase, boolean lasts) {
		int bit = 1 << phase.ordinal();
		while (true) {
			int open = this.phases.get();
			if (((open & bit) != 0) == lasts) {
				return false;
			}
			if (this.phases.compareAndSet(open, open ^ bit)) {
				return true;
			}
		}
	}

	/**
	 * Report where the object is.
	 * @param url its URL, of which the query is not kept
	 */
	public void located(URI url) {
		if (this != NONE) {
			this.location = RedactedUrl.of(url);
		}
	}

	/**
	 * Report how large the stored object is.
	 * @param bytes its bytes as stored, or -1 if only its coding is known
	 * @param contentCoding its coding, or {@code null}
	 */
	public void sized(long bytes, @Nullable String contentCoding) {
		if (isWatched()) {
			this.watch.happened(new Sized(bytes, contentCoding));
		}
	}

	/**
	 * Report progress.
	 * @param bytes bytes so far, as they are stored
	 * @param size bytes in all, or -1 if unknown
	 */
	public void progressed(long bytes, long size) {
		if (this != NONE) {
			this.storedBytes = bytes;
		}
		if (isWatched()) {
			this.watch.progressed(bytes, size);
		}
	}

	/**
	 * Report that a range or part is complete.
	 * @param index which one, from 0
	 * @param hedge whether the second copy of its request was faster
	 */
	public void completed(int index, boolean hedge) {
		if (isWatched()) {
			this.watch.happened(new RangeCompleted(index, hedge));
		}
	}

	/**
	 * Report that a failed attempt is made again.
	 * @param index the range or part, {@link Retried#WHOLE} or {@link Retried#STEP}
	 * @param reason why it failed
	 * @param pause time until the next attempt
	 */
	public void retried(int index, VgiExternalException reason, Duration pause) {
		if (isWatched()) {
			this.watch.happened(
					new Retried(index, reason.kind(), String.valueOf(RedactedUrl.scrub(reason.getMessage())), pause));
		}
	}

	/**
	 * Report that another attempt at the whole object begins.
	 */
	void startsOver() {
		if (this != NONE) {
			this.retries++;
		}
	}

	/**
	 * Describe requests that are about to be made, so that they are reported.
	 * @param purpose what they are for
	 * @param index which range or part, from 0; 0 if they are for none
	 * @param offset where their bytes begin
	 * @param length how many bytes they are for, or -1 if unknown
	 * @return reports each of them
	 */
	public RequestWatch.Source requests(Purpose purpose, int index, long offset, long length) {
		if (!isWatched()) {
			return RequestWatch.Source.NONE;
		}
		return (hedge) -> {
			int number = this.requests.incrementAndGet();
			report(new RequestQueued(number, purpose, index, offset, length, hedge));
			return new ReportedRequest(this, number);
		};
	}

	/**
	 * Return how many requests were reported.
	 * @return the number so far; 0 if nobody listens
	 */
	public int requests() {
		return this.requests.get();
	}

	void answered(RequestAnswered event) {
		this.requestId = event.requestId();
		report(event);
	}

	void report(TransferEvent event) {
		if (isWatched()) {
			this.watch.happened(event);
		}
	}

	/**
	 * Report that the transfer has succeeded, as the last event.
	 * @param result what it cost
	 */
	public void succeeded(TransferStatistics result) {
		this.interruption.over();
		if (this != NONE && this.duration == null) {
			this.storedBytes = result.storedBytes();
			this.statistics = result;
			close();
		}
	}

	/**
	 * Report that the transfer has failed, as the last event, and log it.
	 * @param cause why it failed; an error is thrown as it is, and so is a checked
	 * exception, which other languages than Java throw anywhere
	 * @return what to throw: the same, unless somebody has ended the transfer
	 */
	public RuntimeException failed(Throwable cause) {
		boolean ended = this.duration == null && this.interruption.over();
		RuntimeException thrown = (cause instanceof RuntimeException exception) ? exception : null;
		if (ended && thrown != null) {
			// The interrupt may have become any exception of whatever was interrupted.
			thrown = new TransferCancelledException("The transfer " + this.id + " was ended by an operator");
			thrown.addSuppressed(cause);
		}
		failedWith((thrown != null) ? thrown : cause, ended);
		return (thrown != null) ? thrown : TransferTrace.<RuntimeException>rethrow(cause);
	}

	@SuppressWarnings("unchecked")
	private static <T extends Throwable> RuntimeException rethrow(Throwable cause) throws T {
		throw (T) cause;
	}

	private void failedWith(Throwable cause, boolean ended) {
		if (this != NONE && this.duration == null) {
			this.failure = cause;
			close();
			TransferLog.failed(this, cause, ended);
		}
	}

	/**
	 * Report that a fetch ahead has given way to an earlier one, as the last event. It is
	 * not logged.
	 */
	public void gaveWay() {
		this.interruption.over();
		if (this != NONE && this.duration == null) {
			this.gaveWay = true;
			close();
		}
	}

	private void close() {
		this.duration = Duration.ofNanos(System.nanoTime() - this.start);
		this.watch.ended();
	}

	@Override
	public void end() {
		if (this != NONE) {
			this.interruption.request();
		}
	}

	@Override
	public String id() {
		return this.id;
	}

	@Override
	public Direction direction() {
		return this.direction;
	}

	@Override
	public String storage() {
		return this.storage;
	}

	@Override
	public @Nullable String location() {
		return this.location;
	}

	@Override
	public int segment() {
		return this.segment;
	}

	@Override
	public Duration elapsed() {
		Duration whole = this.duration;
		return (whole != null) ? whole : Duration.ofNanos(System.nanoTime() - this.start);
	}

	@Override
	public int retries() {
		return this.retries;
	}

	@Override
	public @Nullable TransferStatistics statistics() {
		return this.statistics;
	}

	@Override
	public @Nullable Throwable failure() {
		return this.failure;
	}

	@Override
	public boolean hasGivenWay() {
		return this.gaveWay;
	}

	long storedBytes() {
		return this.storedBytes;
	}

	@Nullable String requestId() {
		return this.requestId;
	}

}
