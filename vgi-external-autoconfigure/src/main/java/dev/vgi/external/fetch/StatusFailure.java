package dev.vgi.external.fetch;

import java.net.URI;
import java.time.Instant;
import java.time.InstantSource;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.ClockSkew;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.SignedUrl;
import org.jspecify.annotations.Nullable;

/**
 * Creates the error for a status that is not a success.
 */
final class StatusFailure {

	private StatusFailure() {
	}

	static VgiExternalException of(URI url, SignedUrl signature, StorageResponse response, InstantSource wallClock) {
		int status = response.status();
		Instant expiry = signature.expiry();
		Instant now = wallClock.instant();
		String date = response.header("Date");
		Instant storageTime = ClockSkew.time(date);
		// The storage's clock decides; ours only if the storage sends no date.
		if (expiry != null && mayMeanExpired(status) && !((storageTime != null) ? storageTime : now).isBefore(expiry)) {
			return new LinkExpiredException("The link to " + RedactedUrl.of(url) + " expired at " + expiry
					+ ": storage answered " + status + skew(date, now), null);
		}
		return StorageUnavailableException.answered("Fetch of " + RedactedUrl.of(url) + " failed: storage answered "
				+ status + (mayMeanExpired(status) ? skew(date, now) : ""), response);
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
