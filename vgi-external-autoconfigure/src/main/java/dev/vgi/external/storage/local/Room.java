package dev.vgi.external.storage.local;

import java.util.HashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * How much of a local store is used, and by whom. Results may use all of it, uploads
 * through vended URLs at most half, and those of one caller at most a quarter, so that
 * uploads cannot crowd out results or other callers. Objects that are arriving count like
 * stored ones. Not thread-safe.
 */
final class Room {

	/**
	 * Each object counts at least as this fraction of the folder, so that even the number
	 * of empty objects is limited.
	 */
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
	 * Return how much the uploads of one caller may take.
	 * @param total most bytes of all objects together
	 * @return bytes
	 */
	static long ofOneCaller(long total) {
		return total / 4;
	}

	/**
	 * Return how much room an object uses.
	 * @param length its bytes
	 * @return bytes, at least its length
	 */
	long footprint(long length) {
		return Math.max(length, this.total / MOST_OBJECTS);
	}

	/**
	 * Return why there is no room for some bytes.
	 * @param uploader the caller who uploads them, or {@code null} for a result
	 * @param bytes number of bytes
	 * @return the limit that is reached, in words for the caller, or {@code null} if
	 * there is room
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
		if (bytes > ofOneCaller(this.total) - this.stored.of(uploader) - this.arriving.of(uploader)) {
			return "uploads of one caller may take a quarter of it, and have";
		}
		return null;
	}

	/**
	 * Add or remove bytes that are arriving.
	 * @param uploader the caller who uploads them, or {@code null} for a result
	 * @param bytes number of bytes, negative to remove them
	 */
	void arrived(@Nullable String uploader, long bytes) {
		this.arriving.add(uploader, bytes);
	}

	/**
	 * Add a stored object.
	 * @param uploader the caller who uploaded it, or {@code null} for a result
	 * @param bytes the room it uses
	 */
	void stored(@Nullable String uploader, long bytes) {
		this.stored.add(uploader, bytes);
	}

	/**
	 * Replace the known usage by stored objects by a new count.
	 * @param usage the new count
	 */
	void recounted(Usage usage) {
		this.stored = usage;
	}

	/**
	 * A count of bytes.
	 */
	static final class Usage {

		/** Contains only callers that have stored something. */
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
