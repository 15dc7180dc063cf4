package dev.vgi.external.transfer;

import java.util.List;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Is told about transfers. Implementations are quick and thread-safe. What they throw is
 * logged and has no other consequence.
 */
public interface TransferListener {

	/**
	 * A transfer begins. Called on the thread that transfers, and so is
	 * {@link Watch#ended()}.
	 * @param transfer the transfer; its outcome is known once it ends
	 * @return receives the further events
	 */
	default Watch begin(Transfer transfer) {
		return Watch.NONE;
	}

	/**
	 * A batch that could not be stored travels inline instead.
	 * @param kind what went wrong
	 */
	default void fellBackInline(VgiExternalException.Kind kind) {
	}

	/**
	 * The link of a pointer was renewed, or could not be.
	 * @param failure what went wrong, or {@code null} if there is a new link
	 */
	default void linkRenewed(VgiExternalException.@Nullable Kind failure) {
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
		return TransferListeners.NONE;
	}

	/**
	 * Return a listener that passes every event on.
	 * @param listeners the receivers, in order
	 * @return the listener
	 */
	static TransferListener all(List<TransferListener> listeners) {
		return listeners.isEmpty() ? none() : new TransferListeners(listeners);
	}

	/**
	 * Receives the events of one transfer, from all threads that work for it.
	 */
	interface Watch {

		/** Receives nothing. */
		Watch NONE = new Watch() {
		};

		/**
		 * Something happens.
		 * @param event what
		 */
		default void happened(TransferEvent event) {
		}

		/**
		 * Bytes have arrived or were sent. Called often, by the threads that transfer.
		 * @param bytes bytes so far, as they are stored
		 * @param size bytes in all, or -1 if unknown
		 */
		default void progressed(long bytes, long size) {
		}

		/**
		 * The transfer has ended. Called once, and nothing else is called after it.
		 */
		default void ended() {
		}

	}

}
