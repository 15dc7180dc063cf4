package dev.vgi.external.transport;

import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import dev.vgi.external.pace.PaceSettings;
import dev.vgi.external.pace.PaceTotals;
import dev.vgi.external.pace.PacedOrigin;
import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.pace.Paces;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.url.AbsoluteUrl;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Carries bytes to and from storage over HTTP. It has its own connection pool, follows
 * redirects itself and validates each hop before anything is sent to it, decodes nothing,
 * and limits every exchange by a deadline that covers connecting, waiting and the body.
 * Shares no interceptor, credential or header with the application's own clients. Logs
 * nothing, so no logging configuration can reveal a signed query. Interrupting a thread
 * inside one of its methods ends the exchange. Thread-safe; its creator closes it.
 */
public final class StorageTransport implements AutoCloseable {

	private final TransportSettings settings;

	private final TransferTimer timer;

	private final boolean ownsTimer;

	private final ConnectionPool connections;

	private final Paces paces;

	private final Set<Exchange> exchanges = ConcurrentHashMap.newKeySet();

	/** Whether transfers have been ended: then only clean-up requests are sent. */
	private volatile boolean ended;

	private volatile boolean closed;

	/**
	 * Create a transport.
	 * @param settings timeouts, proxy and trust
	 * @param hostResolver resolves hosts, or {@code null} for the system's resolver. Not
	 * used for the proxy; if there is a proxy, not used at all
	 */
	public StorageTransport(TransportSettings settings, @Nullable HostResolver hostResolver) {
		this(settings, hostResolver, null);
	}

	/**
	 * Create a transport with another clock.
	 * @param settings timeouts, proxy and trust
	 * @param hostResolver as for the other constructor
	 * @param timer measures the deadlines; not closed by this transport. {@code null} for
	 * a timer with the system's clock
	 */
	public StorageTransport(TransportSettings settings, @Nullable HostResolver hostResolver,
			@Nullable TransferTimer timer) {
		this(settings, hostResolver, timer, true);
	}

	/**
	 * Create a transport whose pace may be a fixed number of requests in flight, to
	 * compare with.
	 * @param settings timeouts, proxy and trust
	 * @param hostResolver as for the other constructors
	 * @param timer as for the other constructor
	 * @param adaptive whether anything else than the number of connections limits
	 * requests
	 */
	StorageTransport(TransportSettings settings, @Nullable HostResolver hostResolver, @Nullable TransferTimer timer,
			boolean adaptive) {
		Assert.notNull(settings, "'settings' must not be null");
		this.settings = settings;
		this.ownsTimer = timer == null;
		this.timer = (timer != null) ? timer : TransferTimer.system();
		PaceSettings bounds = new PaceSettings(settings.maxConnections(), adaptive);
		this.connections = new ConnectionPool(
				new Connector(settings, (hostResolver != null) ? hostResolver : InetAddress::getAllByName, this.timer),
				this.timer, bounds);
		this.paces = new Paces(bounds, this.timer);
	}

	/**
	 * Send a GET and return once its final status and headers have arrived.
	 * @param url the absolute URL
	 * @param range the range to request, or {@code null} for everything
	 * @param entityTag sent as {@code If-Match} with a range, or {@code null}
	 * @param validator asked before every hop
	 * @param maxRedirects how many redirects to follow, 0 for none
	 * @param deadline covers the body too
	 * @return the response of any final status; the caller closes it, which cancels the
	 * rest of the body
	 * @throws dev.vgi.external.VgiExternalException if the URL or a hop is refused, there
	 * are too many hops, the deadline passes or the storage cannot be reached
	 */
	public StorageResponse get(URI url, @Nullable ByteRange range, @Nullable String entityTag, UrlValidator validator,
			int maxRedirects, Deadline deadline) {
		return get(url, range, entityTag, validator, maxRedirects, deadline,
				new TransferRequest(PacedTransfer.own(), false));
	}

	/**
	 * Send a GET of a transfer, which another thread may cancel.
	 * @param url the absolute URL
	 * @param range the range to request, or {@code null} for everything
	 * @param entityTag sent as {@code If-Match} with a range, or {@code null}
	 * @param validator asked before every hop
	 * @param maxRedirects how many redirects to follow, 0 for none
	 * @param deadline covers the body too
	 * @param request whose request it is; cancels it, its body included
	 * @return as for the other method
	 */
	public StorageResponse get(URI url, @Nullable ByteRange range, @Nullable String entityTag, UrlValidator validator,
			int maxRedirects, Deadline deadline, TransferRequest request) {
		Map<String, String> headers = new LinkedHashMap<>();
		if (range != null) {
			headers.put("Range", "bytes=" + range.first() + "-" + range.last());
			if (entityTag != null) {
				headers.put("If-Match", entityTag);
			}
		}
		return follow("GET", url, headers, validator, maxRedirects, deadline, request);
	}

	/**
	 * Send a HEAD; otherwise like {@link #get}.
	 * @param url the absolute URL, not one signed for GET
	 * @param validator asked before every hop
	 * @param maxRedirects how many redirects to follow, 0 for none
	 * @param deadline covers the whole exchange
	 * @param request whose request it is
	 * @return the response without a body; the caller closes it
	 */
	public StorageResponse head(URI url, UrlValidator validator, int maxRedirects, Deadline deadline,
			TransferRequest request) {
		return follow("HEAD", url, Map.of(), validator, maxRedirects, deadline, request);
	}

	/**
	 * Send a PUT to the service's own storage with exactly the given headers; redirects
	 * are not followed.
	 * @param url the absolute, usually signed, URL
	 * @param body the bytes
	 * @param headers further request headers, such as {@code Content-Type}
	 * @param validator asked before anything is sent
	 * @param deadline covers the whole exchange
	 * @return the response of any status; the caller closes it
	 * @throws dev.vgi.external.VgiExternalException if the URL is refused, the deadline
	 * passes or the storage cannot be reached
	 */
	public StorageResponse put(URI url, RequestBody body, Map<String, String> headers, UrlValidator validator,
			Deadline deadline) {
		return put(url, body, headers, validator, deadline, new TransferRequest(PacedTransfer.own(), false));
	}

	/**
	 * Send a PUT of a transfer, which another thread may cancel; otherwise like the other
	 * method.
	 * @param url the absolute, usually signed, URL
	 * @param body the bytes
	 * @param headers further request headers, such as {@code Content-Type}
	 * @param validator asked before anything is sent
	 * @param deadline covers the whole exchange
	 * @param request whose request it is; cancels it
	 * @return as for the other method
	 */
	public StorageResponse put(URI url, RequestBody body, Map<String, String> headers, UrlValidator validator,
			Deadline deadline, TransferRequest request) {
		return send("PUT", url, body, headers, validator, deadline, request);
	}

	/**
	 * Send a request with another method, such as those that open and end an upload
	 * session of a storage; otherwise like {@link #put}.
	 * @param method the method, such as {@code POST} or {@code DELETE}
	 * @param url the absolute URL
	 * @param body the bytes; may be empty
	 * @param headers further request headers
	 * @param validator asked before anything is sent
	 * @param deadline covers the whole exchange
	 * @param request whose request it is; cancels it
	 * @return the response of any status; the caller closes it
	 */
	public StorageResponse send(String method, URI url, RequestBody body, Map<String, String> headers,
			UrlValidator validator, Deadline deadline, TransferRequest request) {
		return exchange(method, url, body, headers, validator, deadline, request, !request.transfer().isOwn())
			.execute(0);
	}

	private StorageResponse follow(String method, URI url, Map<String, String> headers, UrlValidator validator,
			int maxRedirects, Deadline deadline, TransferRequest request) {
		URI hop = url;
		int requests = 0;
		for (int redirects = 0;; redirects++) {
			// The own storage may be anywhere, but where it redirects to is checked.
			boolean foreign = !request.transfer().isOwn()
					|| !Objects.equals(hop.getRawAuthority(), url.getRawAuthority());
			Exchange exchange = exchange(method, hop, null, headers, validator, deadline, request, foreign)
				.execute(requests);
			if (!isRedirect(exchange.status())) {
				return exchange;
			}
			requests = exchange.requests();
			String location = exchange.header("Location");
			exchange.discard();
			if (redirects >= maxRedirects) {
				throw new RedirectLimitException("The redirect limit of " + maxRedirects + " was exceeded fetching "
						+ RedactedUrl.of(url) + ", last at " + RedactedUrl.of(hop), null);
			}
			hop = resolve(hop, location);
		}
	}

	private Exchange exchange(String method, URI url, @Nullable RequestBody body, Map<String, String> headers,
			UrlValidator validator, Deadline deadline, TransferRequest sender, boolean foreign) {
		validator.requireAccepted(url);
		if (!AbsoluteUrl.matches(url) || !isHttp(url)) {
			throw new UrlRejectedException(url, "only absolute http and https URLs can be requested");
		}
		return new Exchange(this,
				new StorageRequest(method, url, !validator.admitsPrivateAddresses(url), foreign, headers, body),
				deadline, sender);
	}

	private static boolean isHttp(URI url) {
		return "https".equalsIgnoreCase(url.getScheme()) || "http".equalsIgnoreCase(url.getScheme());
	}

	private static boolean isRedirect(int status) {
		return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
	}

	private static URI resolve(URI base, @Nullable String location) {
		if (location == null || location.isBlank()) {
			throw new RedirectLimitException("A redirect of " + RedactedUrl.of(base) + " has no Location", null);
		}
		try {
			URI reference = new URI(location.strip());
			if (!reference.isAbsolute() && reference.getRawAuthority() == null && reference.getRawPath().isEmpty()) {
				// java.net.URI would drop the last segment of the base.
				reference = new URI(
						base.getRawPath() + ((reference.getRawQuery() != null) ? "?" + reference.getRawQuery() : ""));
			}
			URI resolved = base.resolve(reference);
			if (AbsoluteUrl.matches(resolved) && isHttp(resolved)) {
				return resolved;
			}
		}
		catch (URISyntaxException | IllegalArgumentException ex) {
			// Reported below, without the malformed text.
		}
		throw new RedirectLimitException("A redirect of " + RedactedUrl.of(base) + " has a Location that is no URL",
				null);
	}

	/**
	 * Return the clock and timer for this transport's deadlines.
	 * @return the timer, owned by this transport or its creator
	 */
	public TransferTimer timer() {
		return this.timer;
	}

	/**
	 * Return how many requests there are, and where they are held back.
	 * @return a snapshot
	 */
	public PaceTotals pace() {
		return this.paces.totals();
	}

	/**
	 * Return what each place of the network is allowed at the moment.
	 * @return a snapshot, those that were used last first
	 */
	public List<PacedOrigin> origins() {
		return this.paces.origins();
	}

	/**
	 * Pay for a second copy of a request that is late.
	 * @param transfer whose request it is
	 * @param url where it was sent
	 * @return whether the second copy may be sent
	 */
	public boolean tryHedge(PacedTransfer transfer, URI url) {
		return this.paces.of(transfer, url).tryHedge();
	}

	Paces paces() {
		return this.paces;
	}

	/**
	 * Return how many connections are currently in use.
	 * @return connections of exchanges that have not ended
	 */
	public int leasedConnections() {
		return this.connections.leased();
	}

	/**
	 * Return how many connections there may be.
	 * @return the configured number
	 */
	public int maxConnections() {
		return this.settings.maxConnections();
	}

	/**
	 * End all transfers because the application shuts down. Running and later exchanges
	 * fail with a {@link TransportClosedException}, except for {@code DELETE}, by which a
	 * storage discards an incomplete upload.
	 */
	public void endTransfers() {
		this.ended = true;
		this.exchanges.forEach(Exchange::close);
	}

	/**
	 * Close all connections. Running and later exchanges fail with a
	 * {@link TransportClosedException}. Idempotent.
	 */
	@Override
	public void close() {
		this.ended = true;
		this.closed = true;
		this.exchanges.forEach(Exchange::close);
		this.connections.close();
		if (this.ownsTimer) {
			this.timer.close();
		}
	}

	/**
	 * Return whether transfers have been ended.
	 * @return {@code true} after {@link #endTransfers} or {@link #close}
	 */
	public boolean hasEnded() {
		return this.ended;
	}

	TransportSettings settings() {
		return this.settings;
	}

	ConnectionPool connections() {
		return this.connections;
	}

	void started(Exchange exchange) {
		this.exchanges.add(exchange);
		if (this.closed || (this.ended && !exchange.cleansUp())) {
			exchange.close();
			throw new TransportClosedException("The storage transport is closed");
		}
	}

	void ended(Exchange exchange) {
		this.exchanges.remove(exchange);
	}

}
