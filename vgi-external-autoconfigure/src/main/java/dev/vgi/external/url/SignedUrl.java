package dev.vgi.external.url;

import java.net.URI;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * What the query of a URL says about its signature. The values are never shown.
 */
@Internal
public final class SignedUrl {

	private static final DateTimeFormatter BASIC = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'");

	private final Map<String, String> query = new LinkedHashMap<>();

	private SignedUrl(URI url) {
		String raw = url.getRawQuery();
		if (raw != null) {
			for (String pair : raw.split("&")) {
				String[] parts = pair.split("=", 2);
				if (parts.length == 2) {
					this.query.putIfAbsent(parts[0], parts[1]);
				}
			}
		}
	}

	/**
	 * Read the query of the given URL, whether it is signed or not.
	 * @param url the URL
	 * @return the URL as its signature describes it
	 */
	public static SignedUrl of(URI url) {
		return new SignedUrl(url);
	}

	/**
	 * Return whether the URL is signed for GET, so that a HEAD would be refused.
	 * @return {@code true} for the signatures of S3 (both versions) and GCS (both)
	 */
	public boolean isSigned() {
		return has("X-Amz-Signature", "X-Amz-Credential") || has("X-Goog-Signature", "X-Goog-Credential")
				|| has("Signature", "AWSAccessKeyId") || has("Signature", "GoogleAccessId");
	}

	private boolean has(String first, String second) {
		return this.query.containsKey(first) && this.query.containsKey(second);
	}

	/**
	 * Return when the link stops working.
	 * @return the moment, or {@code null} if the query does not say
	 */
	public @Nullable Instant expiry() {
		Instant expiry = expiry("X-Amz-Date", "X-Amz-Expires");
		if (expiry == null) {
			expiry = expiry("X-Goog-Date", "X-Goog-Expires");
		}
		if (expiry == null) {
			Long seconds = number("Expires");
			if (seconds == null) {
				seconds = number("expires");
			}
			expiry = (seconds != null) ? Instant.ofEpochSecond(seconds) : null;
		}
		return expiry;
	}

	private @Nullable Instant expiry(String date, String duration) {
		String from = this.query.get(date);
		Long seconds = number(duration);
		if (from == null || seconds == null) {
			return null;
		}
		try {
			return LocalDateTime.parse(from, BASIC).toInstant(ZoneOffset.UTC).plusSeconds(seconds);
		}
		catch (DateTimeException ex) {
			return null;
		}
	}

	private @Nullable Long number(String name) {
		String value = this.query.get(name);
		return (value != null && value.matches("[0-9]{1,11}")) ? Long.valueOf(value) : null;
	}

}
