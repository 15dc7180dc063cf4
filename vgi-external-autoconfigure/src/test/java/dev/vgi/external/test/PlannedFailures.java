package dev.vgi.external.test;

import java.util.function.Supplier;

import dev.vgi.external.transport.StorageUnavailableException;
import org.jspecify.annotations.Nullable;

/**
 * The failures that a test has asked for. Thread-safe.
 */
final class PlannedFailures {

	private int uploads;

	private Supplier<? extends RuntimeException> uploadFailure = PlannedFailures::unreachable;

	private int downloads;

	private int downloadStatus;

	static RuntimeException unreachable() {
		return new StorageUnavailableException("The in-memory storage was told to fail this upload", 0, null);
	}

	synchronized void failUploads(int count, Supplier<? extends RuntimeException> failure) {
		this.uploads = count;
		this.uploadFailure = failure;
	}

	synchronized void failDownloads(int count, int status) {
		this.downloads = count;
		this.downloadStatus = status;
	}

	synchronized void reset() {
		this.uploads = 0;
		this.downloads = 0;
	}

	/**
	 * Begin an upload.
	 * @return what it fails with, or {@code null}
	 */
	synchronized @Nullable RuntimeException nextUpload() {
		if (this.uploads == 0) {
			return null;
		}
		this.uploads = less(this.uploads);
		return this.uploadFailure.get();
	}

	/**
	 * Begin a download.
	 * @return the status that it is answered with, or 0
	 */
	synchronized int nextDownload() {
		if (this.downloads == 0) {
			return 0;
		}
		this.downloads = less(this.downloads);
		return this.downloadStatus;
	}

	private static int less(int count) {
		return (count == Integer.MAX_VALUE) ? count : count - 1;
	}

}
