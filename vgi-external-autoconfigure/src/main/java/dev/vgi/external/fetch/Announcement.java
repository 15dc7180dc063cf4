package dev.vgi.external.fetch;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.transport.StorageResponse;
import org.jspecify.annotations.Nullable;

/**
 * What is known about an object before its GET: the answer to a HEAD, which the GET has
 * to agree with.
 *
 * @param length bytes of the object, or -1
 * @param coding its content coding, which applies if the GET names none; or {@code null}
 * @param version identifies the version of the object
 */
record Announcement(long length, @Nullable String coding, OpenedObject.Version version) {

	/** Nothing is known. */
	static final Announcement NONE = ofCoding(null);

	static Announcement of(StorageResponse head) {
		return new Announcement(head.contentLength(), head.contentEncoding(), OpenedObject.Version.of(head));
	}

	static Announcement ofCoding(@Nullable String coding) {
		return new Announcement(-1, coding, new OpenedObject.Version(null, null));
	}

	/**
	 * Check what the GET says about the object's size.
	 * @param total bytes of the object, or -1 if it does not say
	 * @param atLeast the least number of bytes the object can have
	 * @param shown the object's location, as it may be shown
	 * @return bytes of the object, or -1 if neither answer says
	 */
	long agree(long total, long atLeast, String shown) {
		if (this.length >= 0 && ((total >= 0) ? total != this.length : atLeast > this.length)) {
			throw new CorruptStreamException("Size mismatch: HEAD announced " + this.length + " bytes of " + shown
					+ ", GET answers " + ((total >= 0) ? total : "at least " + atLeast));
		}
		return (total >= 0) ? total : this.length;
	}

}
