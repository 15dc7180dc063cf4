package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.Locale;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * One transfer as listeners see it: a batch on its way to storage or back, with all its
 * attempts. Thread-safe.
 */
public interface Transfer {

	/**
	 * Return the identifier of the transfer, as in log lines and on the page of
	 * transfers.
	 * @return 16 hexadecimal digits, random
	 */
	String id();

	/**
	 * Return where the batch goes.
	 * @return to storage, or from it
	 */
	Direction direction();

	/**
	 * Return the backend.
	 * @return its name, such as {@code s3}; {@code vended} for an upload through a vended
	 * URL; {@code foreign} for a fetch from anywhere else than the service's own storage
	 */
	String storage();

	/**
	 * Return where the object is, as it may be shown.
	 * @return a URL without its query; {@code null} as long as an upload has none
	 */
	@Nullable String location();

	/**
	 * Return the place of the batch in its stream, list or result set.
	 * @return from 1; 0 for a batch of its own
	 */
	int segment();

	/**
	 * Return how long the transfer has been running, or ran.
	 * @return the time since its beginning
	 */
	Duration elapsed();

	/**
	 * Return how many attempts at the whole object have failed and were made again.
	 * Repeated ranges and parts do not count, nor do repeated steps of an upload in
	 * parts.
	 * @return the number so far
	 */
	int retries();

	/**
	 * Return what the transfer cost.
	 * @return the statistics; {@code null} while it runs, and if it did not succeed
	 */
	@Nullable TransferStatistics statistics();

	/**
	 * Return why the transfer failed.
	 * @return the failure; {@code null} while it runs, and if it succeeded
	 */
	@Nullable Throwable failure();

	/**
	 * Return whether a fetch ahead has ended to give way to an earlier one. Nothing has
	 * failed then, and nothing was fetched: it is fetched again, as another transfer.
	 * @return {@code true} if it has
	 */
	default boolean hasGivenWay() {
		return false;
	}

	/**
	 * Return how the transfer ended, from a closed set.
	 * @return {@code success}; the code of a {@linkplain VgiExternalException.Kind kind};
	 * {@code error} for a failure of the application; {@code gave-way} if it has
	 * {@linkplain #hasGivenWay given way}; {@code unknown} while it runs
	 */
	default String outcome() {
		if (hasGivenWay()) {
			return "gave-way";
		}
		Throwable failure = failure();
		if (failure instanceof VgiExternalException known) {
			return known.kind().code();
		}
		return (failure != null) ? "error" : ((statistics() != null) ? "success" : "unknown");
	}

	/**
	 * End the transfer as soon as possible. It fails with the kind {@code CANCELLED},
	 * unless it succeeds first. Has no effect on a transfer that has ended. May be called
	 * by any thread.
	 */
	void end();

	/**
	 * Where a batch goes.
	 */
	enum Direction {

		/** From storage. */
		FETCH,

		/** To storage. */
		UPLOAD;

		private final String code = name().toLowerCase(Locale.ROOT);

		/**
		 * Return how this is written in tags, logs and answers.
		 * @return the name in lower case
		 */
		public String code() {
			return this.code;
		}

	}

}
