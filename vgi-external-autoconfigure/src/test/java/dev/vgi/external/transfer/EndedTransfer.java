package dev.vgi.external.transfer;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * A transfer that has ended, for tests of listeners.
 *
 * @param id its identifier
 * @param direction where the batch went
 * @param storage name of the backend
 * @param location where the object is, or {@code null}
 * @param segment its place, or 0
 * @param elapsed how long it ran
 * @param retries how often it was started over
 * @param statistics what it cost, or {@code null}
 * @param failure why it failed, or {@code null}
 */
public record EndedTransfer(String id, Direction direction, String storage, @Nullable String location, int segment,
		Duration elapsed, int retries, @Nullable TransferStatistics statistics,
		@Nullable Throwable failure) implements Transfer {

	/**
	 * Create a fetch that has succeeded.
	 * @param statistics what it cost
	 * @return the transfer
	 */
	public static EndedTransfer fetched(TransferStatistics statistics) {
		return succeeded(Direction.FETCH, "foreign", statistics);
	}

	/**
	 * Create a transfer that has succeeded.
	 * @param direction where the batch went
	 * @param storage name of the backend
	 * @param statistics what it cost
	 * @return the transfer
	 */
	public static EndedTransfer succeeded(Direction direction, String storage, TransferStatistics statistics) {
		return new EndedTransfer("0123456789abcdef", direction, storage, "https://storage.example/bucket/key", 0,
				statistics.elapsed(), 0, statistics, null);
	}

	/**
	 * Create a transfer that has failed.
	 * @param direction where the batch went
	 * @param storage name of the backend
	 * @param failure why
	 * @param elapsed how long it ran
	 * @return the transfer
	 */
	public static EndedTransfer failed(Direction direction, String storage, Throwable failure, Duration elapsed) {
		return new EndedTransfer("0123456789abcdef", direction, storage, null, 0, elapsed, 0, null, failure);
	}

	@Override
	public void end() {
	}

}
