package dev.vgi.external.fetch;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.storage.ErrorDocument;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.ClockSkew;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.SignedUrl;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one fetch: for one object, within one deadline, counted. Thread-safe,
 * except for the hedging.
 */
final class ObjectRequests {

	/** The clocks may differ, and a connection takes its time. */
	private static final Duration MARGIN = Duration.ofSeconds(5);

	/** Servers keep the text of their date for a second, which it may be about to end. */
	private static final Duration DATE_LAG = Duration.ofSeconds(2);

	private final FetchContext context;

	private final ObjectLink link;

	private final PacedTransfer transfer;

	private final TransferTrace trace;

	private final AtomicInteger sent = new AtomicInteger();

	/** The location of the object, as it may be shown. */
	final String shown;

	/** Covers all requests and their bodies. */
	final Deadline deadline;

	/** Decides which requests are sent twice. Belongs to the caller's thread. */
	final HedgePolicy hedging;

	ObjectRequests(FetchContext context, ObjectLink link, Deadline deadline) {
		URI url = link.current();
		this.context = context;
		this.link = link;
		this.trace = context.trace();
		ExternalStorage storage = context.storage();
		this.transfer = (storage != null && storage.isOwn(url)) ? PacedTransfer.own() : PacedTransfer.foreign();
		this.shown = RedactedUrl.of(url);
		this.deadline = deadline;
		this.hedging = new HedgePolicy(context.config().speculativeRetryMultiplier(),
				context.config().maxSpeculativeHedges(), context.firstByteTimes().median(origin(url)));
	}

	private static String origin(URI url) {
		return url.getHost() + ":" + url.getPort();
	}

	// A URL is usually signed for GET alone.
	boolean isSigned() {
		return SignedUrl.of(link()).isSigned();
	}

	URI link() {
		return this.link.current();
	}

	/**
	 * Create a request of this fetch.
	 * @param hedge whether it is the second copy of a late one
	 * @param source is told what becomes of it
	 * @return the request, not sent yet
	 */
	TransferRequest request(boolean hedge, RequestWatch.Source source) {
		return new TransferRequest(this.transfer, hedge, source);
	}

	/**
	 * Describe requests for a range, so that they are reported.
	 * @param index which one in its object, from 0
	 * @param range the bytes, inside the object
	 * @return reports them
	 */
	RequestWatch.Source watchRange(int index, ByteRange range) {
		return this.trace.requests(Purpose.RANGE, index, range.first(), range.length());
	}

	/**
	 * Describe requests for the whole object, so that they are reported.
	 * @param length its bytes, or -1
	 * @return reports them
	 */
	RequestWatch.Source watchObject(long length) {
		return this.trace.requests(Purpose.OBJECT, 0, 0, length);
	}

	/**
	 * Pay for a second copy of a late request.
	 * @return whether it may be sent
	 */
	boolean tryHedge() {
		return this.context.transport().tryHedge(this.transfer, link());
	}

	// How many requests were sent, redirects included.
	int sent() {
		return this.sent.get();
	}

	StorageResponse head() {
		TransferRequest head = request(false, this.trace.requests(Purpose.HEAD, 0, 0, -1));
		return send(false, head, (url) -> {
			StorageResponse response = this.context.transport()
				.head(url, this.context.validator(), this.context.config().maxRedirects(), this.deadline, head);
			this.sent.addAndGet(response.requests());
			return response;
		}).response();
	}

	/**
	 * Send a GET. If its link has expired, it is sent again with a new one, as long as
	 * there is one.
	 * @param range what to request, or {@code null} for everything
	 * @param entityTag the tag that the object must have, or {@code null}
	 * @param request one of {@link #request}, which tells when it is sent, and cancels it
	 * @return the response of any status; the caller closes it
	 */
	Answer get(@Nullable ByteRange range, @Nullable String entityTag, TransferRequest request) {
		return send(true, request, (url) -> {
			StorageResponse response;
			try {
				response = this.context.transport()
					.get(url, range, entityTag, this.context.validator(), this.context.config().maxRedirects(),
							this.deadline, request);
			}
			catch (StorageUnavailableException ex) {
				this.sent.incrementAndGet();
				throw ex;
			}
			this.sent.addAndGet(response.requests());
			this.context.firstByteTimes().add(origin(url), nanoTime() - request.sentAt());
			return response;
		});
	}

	private void requireWanted(TransferRequest request) {
		this.context.retryPolicy().requireOpen();
		if (request.isCancelled()) {
			throw new TransferCancelledException("Another copy of the request was faster");
		}
	}

	private Answer send(boolean get, TransferRequest request, Function<URI, StorageResponse> exchange) {
		Runnable requireWanted = () -> requireWanted(request);
		URI url = usable(requireWanted);
		while (true) {
			StorageResponse response = exchange.apply(url);
			if (!this.link.isRenewable() || !isExpired(url, response, get)) {
				return new Answer(response, url);
			}
			String expired = expired(url, response);
			// The connection may be needed while this waits.
			response.close();
			request.waitAgain();
			url = renewed(url, expired, requireWanted);
		}
	}

	/**
	 * Return another link than one that turned out to have expired without a request.
	 * @param url the link
	 * @return the new link
	 * @throws dev.vgi.external.transport.LinkExpiredException if there is none
	 */
	URI renewed(URI url) {
		return renewed(url, expired(url), this.context.retryPolicy()::requireOpen);
	}

	private URI renewed(URI url, String expired, Runnable requireWanted) {
		URI fresh = awaitLink(requireWanted, (waiting) -> this.link.renew(url, this.deadline, waiting));
		if (fresh == null) {
			throw this.link.expired(expired);
		}
		return fresh;
	}

	// A link is not used any more when it is about to expire, or is known to have.
	private URI usable(Runnable requireWanted) {
		URI expired = this.link.beingRenewed();
		if (expired != null) {
			URI fresh = awaitLink(requireWanted, (waiting) -> this.link.renew(expired, this.deadline, waiting));
			return (fresh != null) ? fresh : expired;
		}
		URI url = link();
		Instant expiry = this.link.isRenewable() ? SignedUrl.of(url).expiry() : null;
		boolean late = expiry != null && expiry.minus(MARGIN).isBefore(this.context.wallClock().instant());
		return late ? awaitLink(requireWanted, (waiting) -> this.link.renewAhead(url, this.deadline, waiting)) : url;
	}

	// The link asks before each wait whether the request is still wanted. Several
	// requests may wait for the same link, and all of them until it is there.
	private <T extends @Nullable URI> T awaitLink(Runnable requireWanted, Function<Runnable, T> renewal) {
		try {
			return renewal.apply(() -> {
				requireWanted.run();
				this.trace.begins(Phase.RENEWAL);
			});
		}
		finally {
			this.trace.over(Phase.RENEWAL);
		}
	}

	long nanoTime() {
		return this.context.transport().timer().nanoTime();
	}

	// The error for a status that is not a success.
	VgiExternalException failed(StorageResponse response) {
		URI url = link();
		if (isExpired(url, response)) {
			return this.link.expired(expired(url, response));
		}
		int status = response.status();
		return StorageUnavailableException.answered("Fetch of " + this.shown + " failed: storage answered " + status
				+ (mayMeanExpired(status) ? skew(response) : ""), response);
	}

	private String expired(URI url, StorageResponse response) {
		return expired(url) + ": storage answered " + response.status() + skew(response);
	}

	private String expired(URI url) {
		Instant expiry = SignedUrl.of(url).expiry();
		return "The link to " + this.shown + " expired" + ((expiry != null) ? " at " + expiry : "");
	}

	private boolean isExpired(URI url, StorageResponse response) {
		Instant expiry = SignedUrl.of(url).expiry();
		if (expiry == null || !mayMeanExpired(response.status())) {
			return false;
		}
		// The storage's clock decides; ours only if the storage sends no date.
		Instant storageTime = ClockSkew.time(response.header("Date"));
		Instant now = (storageTime != null) ? storageTime.plus(DATE_LAG) : this.context.wallClock().instant();
		return !now.isBefore(expiry);
	}

	/**
	 * Return whether a link that can be renewed has expired. It may before its time, with
	 * the credentials that it was signed with; and if it does not say when it expires, a
	 * refusal is worth one new link.
	 * @param url the link
	 * @param response the response, whose body is read if it may say so
	 * @param get whether the request was a GET; what else is refused says nothing
	 * @return whether it has
	 */
	private boolean isExpired(URI url, StorageResponse response, boolean get) {
		if (isExpired(url, response)) {
			return true;
		}
		int status = response.status();
		if (!get || !mayMeanExpired(status)) {
			return false;
		}
		return "ExpiredToken".equals(ErrorDocument.code(response))
				|| (status != 400 && SignedUrl.of(url).expiry() == null && this.link.isOriginal(url));
	}

	// S3 says 403, GCS 400, a local store 403 or 410.
	private static boolean mayMeanExpired(int status) {
		return status == 400 || status == 401 || status == 403 || status == 410;
	}

	private String skew(StorageResponse response) {
		String note = ClockSkew.note(response.header("Date"), this.context.wallClock().instant());
		return (note != null) ? "; " + note : "";
	}

	/**
	 * A response of any status.
	 *
	 * @param response the response; closed by its receiver
	 * @param link the link that was used
	 */
	record Answer(StorageResponse response, URI link) {

	}

}
