package dev.vgi.external.transfer;

import java.util.List;
import java.util.function.Consumer;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Passes every event on to several listeners.
 */
final class TransferListeners implements TransferListener {

	static final TransferListener NONE = new TransferListener() {
	};

	private final List<TransferListener> listeners;

	TransferListeners(List<TransferListener> listeners) {
		this.listeners = List.copyOf(listeners);
	}

	@Override
	public Watch begin(Transfer transfer) {
		List<Watch> watches = this.listeners.stream()
			.map((listener) -> listener.begin(transfer))
			.filter((watch) -> watch != Watch.NONE)
			.toList();
		return switch (watches.size()) {
			case 0 -> Watch.NONE;
			case 1 -> watches.get(0);
			default -> new Watches(watches);
		};
	}

	@Override
	public void fellBackInline(VgiExternalException.Kind kind) {
		this.listeners.forEach((listener) -> listener.fellBackInline(kind));
	}

	@Override
	public void linkRenewed(VgiExternalException.@Nullable Kind failure) {
		this.listeners.forEach((listener) -> listener.linkRenewed(failure));
	}

	@Override
	public void linkRenewalServed(VgiExternalException.@Nullable Kind failure) {
		this.listeners.forEach((listener) -> listener.linkRenewalServed(failure));
	}

	@Override
	public void uploadUrlsVended(int count) {
		this.listeners.forEach((listener) -> listener.uploadUrlsVended(count));
	}

	/**
	 * Several watches of one transfer. The last one that began is the first one to end,
	 * since watches may open scopes.
	 *
	 * @param watches in the order in which they began
	 */
	private record Watches(List<Watch> watches) implements Watch {

		@Override
		public void happened(TransferEvent event) {
			forEach((watch) -> watch.happened(event));
		}

		@Override
		public void progressed(long bytes, long size) {
			forEach((watch) -> watch.progressed(bytes, size));
		}

		@Override
		public void ended() {
			for (int i = this.watches.size() - 1; i >= 0; i--) {
				this.watches.get(i).ended();
			}
		}

		private void forEach(Consumer<Watch> action) {
			this.watches.forEach(action);
		}

	}

}
