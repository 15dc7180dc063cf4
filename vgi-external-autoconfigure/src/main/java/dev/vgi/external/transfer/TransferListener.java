package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Receives events about transfers. Called on the transferring thread once per transfer,
 * so implementations are quick, thread-safe and do not throw.
 */
public interface TransferListener {

	/**
	 * A batch was stored.
	 * @param statistics what it cost
	 */
	default void uploaded(UploadStatistics statistics) {
	}

	/**
	 * Bytes of a fetch have arrived. Called often.
	 * @param received bytes so far, as they are stored
	 * @param size bytes in all, or -1 if unknown
	 */
	default void fetching(long received, long size) {
	}

	/**
	 * Bytes of a large input were sent to a vended URL. Called often.
	 * @param sent bytes so far
	 * @param size bytes in all
	 */
	default void uploading(long sent, long size) {
	}

	/**
	 * A batch could not be stored.
	 * @param storage name of the backend
	 * @param kind what went wrong
	 * @param elapsed time until it failed
	 */
	default void uploadFailed(String storage, VgiExternalException.Kind kind, Duration elapsed) {
	}

	/**
	 * A pointer was resolved.
	 * @param statistics what it cost
	 */
	default void fetched(FetchStatistics statistics) {
	}

	/**
	 * A pointer could not be resolved after all attempts, or the caller was interrupted.
	 * @param kind what went wrong, {@code CANCELLED} if the caller was interrupted
	 * @param elapsed time until it failed
	 */
	default void fetchFailed(VgiExternalException.Kind kind, Duration elapsed) {
	}

	/**
	 * An attempt to fetch failed and is repeated.
	 * @param kind what went wrong
	 */
	default void fetchRetried(VgiExternalException.Kind kind) {
	}

	/**
	 * The link of a pointer was renewed, or could not be.
	 * @param failure what went wrong, or {@code null} if there is a new link
	 */
	default void linkRenewed(VgiExternalException.@Nullable Kind failure) {
	}

	/**
	 * A batch that could not be stored travels inline instead.
	 * @param kind what went wrong
	 */
	default void fellBackInline(VgiExternalException.Kind kind) {
	}

	/**
	 * Upload URLs were vended.
	 * @param count how many pairs
	 */
	default void uploadUrlsVended(int count) {
	}

	/**
	 * This service was asked to renew a link to one of its objects.
	 * @param failure why it did not, or {@code null} if it did
	 */
	default void linkRenewalServed(VgiExternalException.@Nullable Kind failure) {
	}

	/**
	 * Return a listener that does nothing.
	 * @return the listener
	 */
	static TransferListener none() {
		return all(List.of());
	}

	/**
	 * Return a listener that passes every event on.
	 * @param listeners the receivers, in order
	 * @return the listener
	 */
	static TransferListener all(List<TransferListener> listeners) {
		return new CompositeTransferListener(listeners);
	}

}
