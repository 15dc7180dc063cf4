package dev.vgi.external.test;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The objects in memory. Thread-safe.
 */
final class RecordedObjects {

	private final long capacity;

	private final Map<String, RecordedUpload> uploads = new LinkedHashMap<>();

	private final Map<String, RecordedUpload> received = new LinkedHashMap<>();

	/** Those that a test has put here itself, for pointers that it makes. */
	private final Map<String, RecordedUpload> planted = new LinkedHashMap<>();

	/** Bytes of all objects, and of those that are arriving. */
	private long used;

	RecordedObjects(long capacity) {
		this.capacity = capacity;
	}

	synchronized List<RecordedUpload> uploads() {
		return List.copyOf(this.uploads.values());
	}

	synchronized List<RecordedUpload> received() {
		return List.copyOf(this.received.values());
	}

	synchronized @Nullable RecordedUpload get(String key) {
		RecordedUpload upload = this.uploads.get(key);
		if (upload == null) {
			upload = this.received.get(key);
		}
		return (upload != null) ? upload : this.planted.get(key);
	}

	synchronized void plant(RecordedUpload object) {
		this.planted.put(object.key(), object);
	}

	synchronized List<String> keys() {
		List<String> keys = new ArrayList<>(this.uploads.keySet());
		keys.addAll(this.received.keySet());
		return keys;
	}

	/**
	 * Store an object. Another one of the same key is replaced, as in a bucket.
	 * @param object the object
	 * @param fromCaller whether it came through an upload URL
	 * @throws FullException if there is no room
	 */
	synchronized void store(RecordedUpload object, boolean fromCaller) throws FullException {
		charge(object.size());
		RecordedUpload replaced = (fromCaller ? this.received : this.uploads).put(object.key(), object);
		this.used -= (replaced != null) ? replaced.size() : 0;
	}

	private synchronized void charge(long bytes) throws FullException {
		if (this.used + bytes > this.capacity) {
			throw new FullException("The in-memory storage holds at most " + this.capacity + " bytes");
		}
		this.used += bytes;
	}

	private synchronized void release(long bytes) {
		this.used -= bytes;
	}

	synchronized void reset() {
		this.uploads.values().forEach((object) -> this.used -= object.size());
		this.received.values().forEach((object) -> this.used -= object.size());
		this.uploads.clear();
		this.received.clear();
		this.planted.clear();
	}

	/**
	 * Begin to take the bytes of an object.
	 * @return where to write them; the caller closes it
	 */
	Content content() {
		return new Content();
	}

	/**
	 * Bytes that are arriving. Not thread-safe.
	 */
	final class Content implements WritableByteChannel {

		private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

		private long charged;

		@Override
		public int write(ByteBuffer source) throws IOException {
			if (Thread.currentThread().isInterrupted()) {
				throw new ClosedByInterruptException();
			}
			int length = source.remaining();
			charge(length);
			this.charged += length;
			byte[] copy = new byte[length];
			source.get(copy);
			this.bytes.writeBytes(copy);
			return length;
		}

		/**
		 * Return the bytes, which are not charged any more.
		 * @return a copy
		 */
		byte[] toByteArray() {
			close();
			return this.bytes.toByteArray();
		}

		@Override
		public boolean isOpen() {
			return true;
		}

		@Override
		public void close() {
			release(this.charged);
			this.charged = 0;
		}

	}

	/**
	 * There is no room.
	 */
	static final class FullException extends IOException {

		FullException(String message) {
			super(message);
		}

	}

}
