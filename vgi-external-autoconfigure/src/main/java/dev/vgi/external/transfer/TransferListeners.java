package dev.vgi.external.transfer;

import java.util.List;
import java.util.function.Consumer;

import dev.vgi.external.VgiExternalException;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Passes every event on to several listeners. What one of them throws is logged, and
 * disturbs neither the transfer nor the other listeners.
 */
final class TransferListeners implements TransferListener {

	static final TransferListener NONE = new TransferListener() {
	};

	private static final Log logger = LogFactory.getLog(TransferListener.class);

	private final List<TransferListener> listeners;

	TransferListeners(List<TransferListener> listeners) {
		this.listeners = List.copyOf(listeners);
	}

	/**
	 * Begin to watch a transfer.
	 * @param listener any listener
	 * @param transfer the transfer
	 * @return a watch that does not throw
	 */
	static Watch begin(TransferListener listener, Transfer transfer) {
		if (listener == NONE || listener instanceof TransferListeners) {
			return listener.begin(transfer);
		}
		Watch watch = begun(listener, transfer);
		return (watch != Watch.NONE) ? new Watches(List.of(watch)) : watch;
	}

	@Override
	public Watch begin(Transfer transfer) {
		List<Watch> watches = this.listeners.stream()
			.map((listener) -> begun(listener, transfer))
			.filter((watch) -> watch != Watch.NONE)
			.toList();
		return watches.isEmpty() ? Watch.NONE : new Watches(watches);
	}

	private static Watch begun(TransferListener listener, Transfer transfer) {
		try {
			return listener.begin(transfer);
		}
		catch (RuntimeException ex) {
			failed(listener, ex);
			return Watch.NONE;
		}
	}

	@Override
	public void fellBackInline(VgiExternalException.Kind kind) {
		forEach((listener) -> listener.fellBackInline(kind));
	}

	@Override
	public void linkRenewed(VgiExternalException.@Nullable Kind failure) {
		forEach((listener) -> listener.linkRenewed(failure));
	}

	@Override
	public void linkRenewalServed(VgiExternalException.@Nullable Kind failure) {
		forEach((listener) -> listener.linkRenewalServed(failure));
	}

	@Override
	public void uploadUrlsVended(int count) {
		forEach((listener) -> listener.uploadUrlsVended(count));
	}

	private void forEach(Consumer<TransferListener> action) {
		for (TransferListener listener : this.listeners) {
			try {
				action.accept(listener);
			}
			catch (RuntimeException ex) {
				failed(listener, ex);
			}
		}
	}

	private static void failed(Object listener, RuntimeException ex) {
		logger.warn("A listener of transfers failed: " + listener.getClass().getName() + " threw "
				+ ex.getClass().getName());
		logger.debug("A listener of transfers failed", ex);
	}

	/**
	 * Several watches of one transfer. The last one that began is the first one to end,
	 * since watches may open scopes.
	 */
	private static final class Watches implements Watch {

		private final List<Watch> watches;

		/** There may be thousands of events, so that one failure says it all. */
		private volatile boolean failed;

		/**
		 * Create an instance.
		 * @param watches in the order in which they began
		 */
		Watches(List<Watch> watches) {
			this.watches = watches;
		}

		// Nothing is allocated for an event.
		@Override
		public void happened(TransferEvent event) {
			for (int i = 0; i < this.watches.size(); i++) {
				try {
					this.watches.get(i).happened(event);
				}
				catch (RuntimeException ex) {
					failed(i, ex);
				}
			}
		}

		@Override
		public void progressed(long bytes, long size) {
			for (int i = 0; i < this.watches.size(); i++) {
				try {
					this.watches.get(i).progressed(bytes, size);
				}
				catch (RuntimeException ex) {
					failed(i, ex);
				}
			}
		}

		@Override
		public void ended() {
			for (int i = this.watches.size() - 1; i >= 0; i--) {
				try {
					this.watches.get(i).ended();
				}
				catch (RuntimeException ex) {
					failed(i, ex);
				}
			}
		}

		private void failed(int index, RuntimeException ex) {
			if (!this.failed) {
				this.failed = true;
				TransferListeners.failed(this.watches.get(index), ex);
			}
		}

	}

}
