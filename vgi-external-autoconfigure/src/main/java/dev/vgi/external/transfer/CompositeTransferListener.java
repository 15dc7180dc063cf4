package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Passes every event on to several listeners.
 */
final class CompositeTransferListener implements TransferListener {

	private final List<TransferListener> listeners;

	CompositeTransferListener(List<TransferListener> listeners) {
		this.listeners = List.copyOf(listeners);
	}

	@Override
	public void uploaded(UploadStatistics statistics) {
		this.listeners.forEach((listener) -> listener.uploaded(statistics));
	}

	@Override
	public void fetching(long received, long size) {
		this.listeners.forEach((listener) -> listener.fetching(received, size));
	}

	@Override
	public void uploading(long sent, long size) {
		this.listeners.forEach((listener) -> listener.uploading(sent, size));
	}

	@Override
	public void uploadFailed(String storage, VgiExternalException.Kind kind, Duration elapsed) {
		this.listeners.forEach((listener) -> listener.uploadFailed(storage, kind, elapsed));
	}

	@Override
	public void fetched(FetchStatistics statistics) {
		this.listeners.forEach((listener) -> listener.fetched(statistics));
	}

	@Override
	public void fetchFailed(VgiExternalException.Kind kind, Duration elapsed) {
		this.listeners.forEach((listener) -> listener.fetchFailed(kind, elapsed));
	}

	@Override
	public void fetchRetried(VgiExternalException.Kind kind) {
		this.listeners.forEach((listener) -> listener.fetchRetried(kind));
	}

	@Override
	public void linkRenewed(VgiExternalException.@Nullable Kind failure) {
		this.listeners.forEach((listener) -> listener.linkRenewed(failure));
	}

	@Override
	public void fellBackInline(VgiExternalException.Kind kind) {
		this.listeners.forEach((listener) -> listener.fellBackInline(kind));
	}

	@Override
	public void linkRenewalServed(VgiExternalException.@Nullable Kind failure) {
		this.listeners.forEach((listener) -> listener.linkRenewalServed(failure));
	}

	@Override
	public void uploadUrlsVended(int count) {
		this.listeners.forEach((listener) -> listener.uploadUrlsVended(count));
	}

}
