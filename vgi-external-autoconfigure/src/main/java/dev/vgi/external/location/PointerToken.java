package dev.vgi.external.location;

import java.util.Locale;
import java.util.regex.Pattern;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

/**
 * What renews the link of a pointer, as it came with the pointer: not checked yet, since
 * most links are never renewed.
 *
 * @param token the sealed token, never shown
 * @param path where to post it
 */
record PointerToken(String token, String path) {

	/** Last part of the path: a service can have its token posted nowhere else. */
	private static final String ENDPOINT = "/__renew_url__/init";

	private static final int LONGEST_TOKEN = 8192;

	private static final int LONGEST_PATH = 2048;

	/** No segment is empty, and nothing but segments. */
	private static final Pattern PATH = Pattern.compile("(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})++)++");

	/** Dots, slashes, backslashes, semicolons and control characters in disguise. */
	private static final Pattern DISGUISED = Pattern.compile("%(?:2e|2f|5c|3b|25|7f|[01][0-9a-f])");

	/**
	 * Read what renews a pointer.
	 * @param metadata metadata of the pointer
	 * @return both values, or {@code null} if one is missing
	 */
	static @Nullable PointerToken from(BatchMetadata metadata) {
		String token = metadata.get(MetadataKeys.RENEWAL);
		String path = metadata.get(MetadataKeys.RENEWAL_PATH);
		return (token != null && path != null) ? new PointerToken(token, path) : null;
	}

	/**
	 * Require that the token may be posted to the path.
	 * @throws CorruptStreamException if not, without either value
	 */
	void requireValid() {
		if (this.token.isEmpty() || this.token.length() > LONGEST_TOKEN) {
			throw new CorruptStreamException(
					"The pointer's " + MetadataKeys.RENEWAL + " must have 1 to " + LONGEST_TOKEN + " characters");
		}
		if (this.path.length() > LONGEST_PATH || !this.path.endsWith(ENDPOINT) || !PATH.matcher(this.path).matches()
				|| hasDotSegment() || DISGUISED.matcher(this.path.toLowerCase(Locale.ROOT)).find()) {
			throw new CorruptStreamException("The pointer's " + MetadataKeys.RENEWAL_PATH
					+ " must be a plain path of the called service that ends with " + ENDPOINT);
		}
	}

	private boolean hasDotSegment() {
		String segments = this.path + "/";
		return segments.contains("/./") || segments.contains("/../");
	}

	@Override
	public String toString() {
		return "PointerToken[path=" + this.path + "]";
	}

}
