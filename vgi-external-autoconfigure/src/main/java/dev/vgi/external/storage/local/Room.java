package dev.vgi.external.storage.local;

import java.util.HashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * How much of a local store is taken, and by whom. Results may take all of it, uploads
 * through vended URLs at most half and those of one caller at most a quarter, so that
 * whoever may upload cannot keep out results or other callers. What arrives counts like
 * what is stored. Not thread-safe.
 */
final class Room {

	/** No number of empty objects may fill the folder: each counts as a part of it. */
	private static final int MOST_OBJECTS = 1_000_000;

	private final long total;

	private final Usage arriving = new Usage();

	private Usage stored = new Usage();

	/**
	 * Create the room of an empty store.
	 * @param total most bytes of all objects together
	 */
	Room(long total) {
		this.total = total;
	}

	/**
	 * Return what an object takes.
	 * @param length its bytes
	 * @return bytes, no fewer than it has
	 */
	long footprint(long length) {
		return Math.max(length, this.total / MOST_OBJECTS);
	}

	/**
	 * Return why some bytes have no room.
	 * @param uploader who uploads them, or {@code null} for a result
	 * @param bytes how many
	 * @return what is used up, for the caller to read, or {@code null} if there is room
	 */
	@Nullable String refusal(@Nullable String uploader, long bytes) {
		if (bytes > this.total - this.stored.total - this.arriving.total) {
			return "all of it is taken";
		}
		if (uploader == null) {
			return null;
		}
		if (bytes > this.total / 2 - this.stored.uploads - this.arriving.uploads) {
			return "uploads may take half of it, and have";
		}
		if (bytes > this.total / 4 - this.stored.of(uploader) - this.arriving.of(uploader)) {
			return "uploads of one caller may take a quarter of it, and have";
		}
		return null;
	}

	/**
	 * Add to what arrives, or take away from it.
	 * @param uploader who uploads it, or {@code null} for a result
	 * @param bytes how many, negative to take away
	 */
	void arrived(@Nullable String uploader, long bytes) {
		this.arriving.add(uploader, bytes);
	}

	/**
	 * Add an object that is stored.
	 * @param uploader who uploaded it, or {@code null} for a result
	 * @param bytes what it takes
	 */
	void stored(@Nullable String uploader, long bytes) {
		this.stored.add(uploader, bytes);
	}

	/**
	 * Replace what is known of stored objects by a new count.
	 * @param usage what was counted
	 */
	void recounted(Usage usage) {
		this.stored = usage;
	}

	/**
	 * A count of bytes.
	 */
	static final class Usage {

		/** Only of callers who have something there. */
		private final Map<String, Long> byUploader = new HashMap<>();

		private long total;

		private long uploads;

		void add(@Nullable String uploader, long bytes) {
			this.total += bytes;
			if (uploader != null) {
				this.uploads += bytes;
				this.byUploader.merge(uploader, bytes, (before, more) -> (before + more != 0) ? before + more : null);
			}
		}

		private long of(String uploader) {
			return this.byUploader.getOrDefault(uploader, 0L);
		}

	}

}
