package dev.vgi.external.observation;

import java.time.Duration;
import java.util.function.LongSupplier;

import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import io.micrometer.observation.Observation;
import org.jspecify.annotations.Nullable;

/**
 * What is known about an observed request to storage so far. Thread-safe.
 */
public final class StorageRequestObservationContext extends Observation.Context {

	private final Transfer transfer;

	private final RequestQueued request;

	private final LongSupplier nanoTime;

	private final long start;

	private volatile @Nullable Duration sent;

	private volatile @Nullable Duration firstByte;

	private volatile @Nullable RequestAnswered answer;

	private volatile @Nullable RequestEnded end;

	StorageRequestObservationContext(Transfer transfer, RequestQueued request, LongSupplier nanoTime) {
		this.transfer = transfer;
		this.request = request;
		this.nanoTime = nanoTime;
		this.start = nanoTime.getAsLong();
	}

	/**
	 * Return the transfer that the request belongs to.
	 * @return the transfer
	 */
	public Transfer transfer() {
		return this.transfer;
	}

	/**
	 * Return what the request is for.
	 * @return its purpose, range or part, and number
	 */
	public RequestQueued request() {
		return this.request;
	}

	/**
	 * Return how long the request waited for its turn.
	 * @return the time, or {@code null} as long as it is not its turn
	 */
	public @Nullable Duration waited() {
		return this.sent;
	}

	/**
	 * Return how long it took until the head of the answer was there.
	 * @return the time from the beginning, or {@code null} as long as there is none
	 */
	public @Nullable Duration firstByte() {
		return this.firstByte;
	}

	/**
	 * Return the head of the answer.
	 * @return status and identifier, or {@code null} as long as there is none
	 */
	public @Nullable RequestAnswered answer() {
		return this.answer;
	}

	/**
	 * Return how the request ended.
	 * @return its end; {@code null} while it runs, and if the transfer ended before it
	 */
	public @Nullable RequestEnded end() {
		return this.end;
	}

	void sent() {
		this.sent = elapsed();
	}

	void answered(RequestAnswered head) {
		this.firstByte = elapsed();
		this.answer = head;
	}

	void ended(RequestEnded how) {
		this.end = how;
	}

	private Duration elapsed() {
		return Duration.ofNanos(this.nanoTime.getAsLong() - this.start);
	}

}
