package dev.vgi.external.fetch;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.transport.StorageResponse;
import org.jspecify.annotations.Nullable;

/**
 * What is known of an object before it is asked for: the answer to a HEAD, with which
 * that to the GET has to agree.
 *
 * @param length bytes of the object, or -1
 * @param coding its content coding, which counts if the GET names none; or {@code null}
 * @param version what tells it from other versions
 */
record Announcement(long length, @Nullable String coding, ObjectVersion version) {

	/** Nothing is known. */
	static final Announcement NONE = ofCoding(null);

	static Announcement of(StorageResponse head) {
		return new Announcement(head.contentLength(), head.contentEncoding(), ObjectVersion.of(head));
	}

	static Announcement ofCoding(@Nullable String coding) {
		return new Announcement(-1, coding, new ObjectVersion(null, null));
	}

	/**
	 * Check what the GET says of the object's size.
	 * @param total bytes of the object, or -1 if it does not say
	 * @param atLeast how many there are at least
	 * @param shown the object's location, as it may be shown
	 * @return bytes of the object as far as anybody has said, or -1
	 */
	long agree(long total, long atLeast, String shown) {
		if (this.length >= 0 && ((total >= 0) ? total != this.length : atLeast > this.length)) {
			throw new CorruptStreamException("Size mismatch: HEAD announced " + this.length + " bytes of " + shown
					+ ", GET answers " + ((total >= 0) ? total : "at least " + atLeast));
		}
		return (total >= 0) ? total : this.length;
	}

}
