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
	 * Return the codings of the body, from all headers that name some.
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
	 * @return at least 1; redirects and the repetition on a stale connection count
	 */
	int requests();

	/**
	 * Read what is there, at least one byte.
	 * @param target where to read to, a heap or direct buffer with room
	 * @return how many bytes were read, or -1 at the end
	 * @throws dev.vgi.external.VgiExternalException if the deadline passed, or the
	 * connection broke before the announced end
	 */
	int read(ByteBuffer target);

	/**
	 * Give the connection back if the body was read to its end, else cancel the exchange
	 * at once without reading on. Idempotent; may be called from another thread to make a
	 * blocked {@link #read} fail.
	 */
	@Override
	void close();

}
