package dev.vgi.external.storage;

import dev.vgi.external.transport.RequestBody;

/**
 * The bytes of one upload: of known length, off-heap, writable again and in parts.
 * Borrowed by the storage for the time of the call. Thread-safe.
 */
public interface Payload extends RequestBody {

	/**
	 * Return a part of the payload, for multipart uploads.
	 * @param offset where the part starts
	 * @param length how many bytes it has, at least 1
	 * @return a view that shares this payload's bytes and lifetime
	 */
	RequestBody slice(long offset, long length);

}
