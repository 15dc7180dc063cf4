package dev.vgi.external.transport;

import java.nio.ByteBuffer;

import org.jspecify.annotations.Nullable;

/**
 * A response of the storage whose body is read by the caller. Not thread-safe, except
 * {@link #close()}.
 */
public interface StorageResponse extends AutoCloseable {

	/**
	 * Return the status code of the last hop.
	 * @return three digits
	 */
	int status();

	/**
	 * Return a header's first value.
	 * @param name the name, in any case
	 * @return the value, or {@code null}
	 */
	@Nullable String header(String name);

	/**
	 * Return the storage's own identifier of the request, which its operator asks for.
	 * @return at most 128 printable characters, or {@code null} if it gives none
	 */
	@Nullable String requestId();

	/**
	 * Return the codings of the body, from all headers that may name them.
	 * @return a list as in {@code Content-Encoding}, or {@code null}
	 */
	@Nullable String contentEncoding();

	/**
	 * Return the length of the body.
	 * @return bytes as {@code Content-Length} says, or -1
	 */
	long contentLength();

	/**
	 * Return how many requests were sent for this response.
	 * @return at least 1; includes redirects and a repetition after a stale connection
	 */
	int requests();

	/**
	 * Read available bytes, at least one.
	 * @param target the buffer to read into, on the heap or direct, with room
	 * @return how many bytes were read, or -1 at the end
	 * @throws dev.vgi.external.VgiExternalException if the deadline passed, or the
	 * connection broke before the announced end
	 */
	int read(ByteBuffer target);

	/**
	 * Close a response whose body is not needed. Reads a short one to its end before, so
	 * that the connection can be used again.
	 */
	void discard();

	/**
	 * Release the connection if the body was read to its end; otherwise cancel the
	 * exchange at once without reading on. Idempotent; may be called from another thread
	 * to make a blocked {@link #read} fail.
	 */
	@Override
	void close();

}
