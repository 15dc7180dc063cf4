package dev.vgi.external.fetch;

import java.net.URI;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.ClockSkew;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.SignedUrl;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one fetch: for one object, within one deadline, counted. Thread-safe,
 * except for the hedging.
 */
final class ObjectRequests {

	private final FetchContext context;

	private final URI url;

	private final String origin;

	private final SignedUrl signature;

	private final PacedTransfer transfer;

	private final AtomicInteger sent = new AtomicInteger();

	/** The location of the object, as it may be shown. */
	final String shown;

	/** Covers all requests and their bodies. */
	final Deadline deadline;

	/** Decides which requests are sent twice. Belongs to the caller's thread. */
	final HedgePolicy hedging;

	ObjectRequests(FetchContext context, URI url, Deadline deadline) {
		this.context = context;
		this.url = url;
		this.origin = url.getHost() + ":" + url.getPort();
		this.signature = SignedUrl.of(url);
		ExternalStorage storage = context.storage();
		this.transfer = (storage != null && storage.isOwn(url)) ? PacedTransfer.own() : PacedTransfer.foreign();
		this.shown = RedactedUrl.of(url);
		this.deadline = deadline;
		this.hedging = new HedgePolicy(context.config().speculativeRetryMultiplier(),
				context.config().maxSpeculativeHedges(), context.firstByteTimes().median(this.origin));
	}

	// A URL is usually signed for GET alone.
	boolean isSigned() {
		return this.signature.isSigned();
	}

	/**
	 * Create a request of this fetch.
	 * @param hedge whether it is the second copy of a late one
	 * @return the request, not sent yet
	 */
	TransferRequest request(boolean hedge) {
		return new TransferRequest(this.transfer, hedge);
	}

	/**
	 * Pay for a second copy of a late request.
	 * @return whether it may be sent
	 */
	boolean tryHedge() {
		return this.context.transport().paces().of(this.transfer, this.url).tryHedge();
	}

	// How many requests were sent, redirects included.
	int sent() {
		return this.sent.get();
	}

	StorageResponse head() {
		StorageResponse response = this.context.transport()
			.head(this.url, this.context.validator(), this.context.config().maxRedirects(), this.deadline, request(false));
		this.sent.addAndGet(response.requests());
		return response;
	}

	/**
	 * Send a GET.
	 * @param range what to request, or {@code null} for everything
	 * @param entityTag the tag that the object must have, or {@code null}
	 * @param request one of {@link #request}, which tells when it is sent, and cancels it
	 * @return the response of any status; the caller closes it
	 */
	StorageResponse get(@Nullable ByteRange range, @Nullable String entityTag, TransferRequest request) {
		StorageResponse response;
		try {
			response = this.context.transport()
				.get(this.url, range, entityTag, this.context.validator(), this.context.config().maxRedirects(),
						this.deadline, request);
		}
		catch (StorageUnavailableException ex) {
			this.sent.incrementAndGet();
			throw ex;
		}
		this.sent.addAndGet(response.requests());
		this.context.firstByteTimes().add(this.origin, nanoTime() - request.sentAt());
		return response;
	}

	long nanoTime() {
		return this.context.transport().timer().nanoTime();
	}

	// The error for a status that is not a success.
	VgiExternalException failed(StorageResponse response) {
		int status = response.status();
		Instant expiry = this.signature.expiry();
		Instant now = this.context.wallClock().instant();
		String date = response.header("Date");
		Instant storageTime = ClockSkew.time(date);
		// The storage's clock decides; ours only if the storage sends no date.
		if (expiry != null && mayMeanExpired(status) && !((storageTime != null) ? storageTime : now).isBefore(expiry)) {
			return new LinkExpiredException("The link to " + this.shown + " expired at " + expiry
					+ ": storage answered " + status + skew(date, now), null);
		}
		return StorageUnavailableException.answered("Fetch of " + this.shown + " failed: storage answered " + status
				+ (mayMeanExpired(status) ? skew(date, now) : ""), response);
	}

	// S3 says 403, GCS 400, a local store 403 or 410.
	private static boolean mayMeanExpired(int status) {
		return status == 400 || status == 401 || status == 403 || status == 410;
	}

	private static String skew(@Nullable String date, Instant now) {
		String note = ClockSkew.note(date, now);
		return (note != null) ? "; " + note : "";
	}

}
