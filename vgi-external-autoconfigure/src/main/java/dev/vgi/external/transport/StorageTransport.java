package dev.vgi.external.transport;

import java.net.URI;
import java.util.Map;

import dev.vgi.external.url.UrlValidator;
import org.apache.hc.client5.http.DnsResolver;
import org.jspecify.annotations.Nullable;

/**
 * Carries bytes to and from storage over HTTP: own connection pool, redirects followed by
 * hand and each hop validated before anything is sent to it, no automatic decoding, every
 * exchange bounded by a deadline that covers connecting, waiting and the body. Shares no
 * interceptor, credential or header with the application's own clients. Thread-safe;
 * whoever creates it closes it.
 */
public final class StorageTransport implements AutoCloseable {

	/**
	 * Create a transport.
	 * @param settings timeouts, proxy and trust
	 * @param dnsResolver resolves hosts; may refuse an address by throwing
	 * {@link java.net.UnknownHostException}, or {@code null} for the system's
	 */
	public StorageTransport(TransportSettings settings, @Nullable DnsResolver dnsResolver) {
	}

	/**
	 * Send a GET and return once its final status and headers are here.
	 * @param url the absolute URL
	 * @param range the range to ask for, or {@code null} for everything
	 * @param entityTag sent as {@code If-Match} with a range, or {@code null}
	 * @param validator asked before every hop
	 * @param maxRedirects how many redirects to follow, 0 for none
	 * @param deadline covers the body too
	 * @return the response of any final status; the caller closes it, which cancels what
	 * is left of the body
	 * @throws dev.vgi.external.VgiExternalException if the URL or a hop is refused, there
	 * are too many hops, the deadline passes or the storage cannot be reached
	 */
	public StorageResponse get(URI url, @Nullable ByteRange range, @Nullable String entityTag, UrlValidator validator,
			int maxRedirects, Deadline deadline) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Send a HEAD; otherwise as {@link #get}.
	 * @param url the absolute URL, not one signed for GET
	 * @param validator asked before every hop
	 * @param maxRedirects how many redirects to follow, 0 for none
	 * @param deadline covers everything
	 * @return the response without a body; the caller closes it
	 */
	public StorageResponse head(URI url, UrlValidator validator, int maxRedirects, Deadline deadline) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Send a PUT with exactly the given headers; redirects are not followed.
	 * @param url the absolute, usually signed, URL
	 * @param body the bytes
	 * @param headers further request headers, such as {@code Content-Type}
	 * @param deadline covers everything
	 * @return the response of any status; the caller closes it
	 * @throws dev.vgi.external.VgiExternalException if the deadline passes or the storage
	 * cannot be reached
	 */
	public StorageResponse put(URI url, RequestBody body, Map<String, String> headers, Deadline deadline) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Close all connections; exchanges under way fail.
	 */
	@Override
	public void close() {
	}

}
