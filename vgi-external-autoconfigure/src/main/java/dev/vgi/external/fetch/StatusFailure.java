package dev.vgi.external.fetch;

import java.net.URI;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;

/**
 * Says what a status that is no success means.
 */
final class StatusFailure {

	/** Clocks further apart than this are worth a word when a link is refused. */
	private static final Duration CLOCK_SKEW = Duration.ofMinutes(1);

	private StatusFailure() {
	}

	static VgiExternalException of(URI url, SignedUrl signature, StorageResponse response, InstantSource wallClock) {
		int status = response.status();
		Instant expiry = signature.expiry();
		Instant now = wallClock.instant();
		Instant storageTime = date(response.header("Date"));
		// The storage's clock decides; ours only if it does not tell the time.
		if (expiry != null && mayMeanExpired(status) && !((storageTime != null) ? storageTime : now).isBefore(expiry)) {
			return new LinkExpiredException("The link to " + RedactedUrl.of(url) + " expired at " + expiry
					+ ": storage answered " + status + skew(now, storageTime), null);
		}
		return new StorageUnavailableException("Fetch of " + RedactedUrl.of(url) + " failed: storage answered " + status
				+ (mayMeanExpired(status) ? skew(now, storageTime) : ""), status, null);
	}

	// S3 says 403, GCS 400, a local store 403 or 410.
	private static boolean mayMeanExpired(int status) {
		return status == 400 || status == 401 || status == 403 || status == 410;
	}

	private static String skew(Instant now, @Nullable Instant storageTime) {
		if (storageTime == null || Duration.between(now, storageTime).abs().compareTo(CLOCK_SKEW) < 0) {
			return "";
		}
		return "; its clock says " + storageTime + ", this one's " + now;
	}

	private static @Nullable Instant date(@Nullable String header) {
		if (header == null) {
			return null;
		}
		try {
			return ZonedDateTime.parse(header, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
		}
		catch (DateTimeException ex) {
			return null;
		}
	}

}
