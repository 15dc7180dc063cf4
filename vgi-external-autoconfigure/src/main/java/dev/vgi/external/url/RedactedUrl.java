package dev.vgi.external.url;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * The part of a URL that may be shown: scheme, host, port and path. The query of a signed
 * URL is a bearer credential and user info is a password, so neither reaches a log, a
 * message, a metric or a span.
 */
public final class RedactedUrl {

	private static final String INVALID = "<invalid-url>";

	private static final int LONGEST_TEXT = 16_000;

	private static final String CUT = "... [truncated]";

	// The text is untrusted, so each pattern looks at each character a fixed number of
	// times. A possible scheme is tried from its first character only.
	private static final Pattern URL_IN_TEXT = Pattern
		.compile("(?<![A-Za-z0-9+.-])([0-9+.-]*+)([A-Za-z][A-Za-z0-9+.-]*+://[^\\s\"'<>`]++)");

	private static final Pattern QUERY_IN_TEXT = Pattern.compile(
			"(?i)([?&](?:X-Amz-|X-Goog-|Signature|AWSAccessKeyId|GoogleAccessId|Policy|Key-Pair-Id|sig|upload_id)[^=\\s?&]*+=)"
					+ "[^\\s&\"'<>`]*+");

	private static final Pattern NOT_OF_A_LINE = Pattern
		.compile("[\\p{Cc}\\p{Zl}\\p{Zp}\\u202A-\\u202E\\u2066-\\u2069]");

	private RedactedUrl() {
	}

	/**
	 * Redact a URL.
	 * @param url the URL, or {@code null}
	 * @return scheme, host (IPv6 in brackets), port if given, and path;
	 * {@code <invalid-url>} for a URL without scheme or host
	 */
	public static String of(@Nullable URI url) {
		if (url == null || url.getScheme() == null || url.getHost() == null) {
			return INVALID;
		}
		StringBuilder shown = new StringBuilder(url.getScheme()).append("://").append(url.getHost());
		if (url.getPort() >= 0) {
			shown.append(':').append(url.getPort());
		}
		if (url.getRawPath() != null) {
			shown.append(url.getRawPath());
		}
		return shown.toString();
	}

	/**
	 * Redact text that may not be a URL.
	 * @param url the text, or {@code null}
	 * @return as {@link #of(URI)}; {@code <invalid-url>} for text that does not parse
	 */
	public static String of(@Nullable String url) {
		if (url == null) {
			return INVALID;
		}
		try {
			return of(new URI(url));
		}
		catch (URISyntaxException ex) {
			return INVALID;
		}
	}

	/**
	 * Redact every URL in a text from elsewhere, such as the message of a third-party
	 * exception.
	 * @param text the text, or {@code null}; only the beginning of a very long one is
	 * examined and kept
	 * @return the text without user info, query and fragment of any URL, at most 16,000
	 * characters and a mark if it was cut; empty for {@code null}
	 */
	public static String scrub(@Nullable String text) {
		if (text == null) {
			return "";
		}
		String kept = cut(text);
		boolean isCut = kept.length() < text.length();
		String scrubbed = URL_IN_TEXT.matcher(kept).replaceAll((found) -> {
			// A truncated URL may end inside a password.
			boolean half = isCut && found.end() == kept.length();
			return Matcher.quoteReplacement(found.group(1) + (half ? INVALID : of(found.group(2))));
		});
		// A request line or a bare path has no scheme, but its query is just as secret.
		scrubbed = QUERY_IN_TEXT.matcher(scrubbed).replaceAll("$1<redacted>");
		String shown = cut(scrubbed);
		return (isCut || shown.length() < scrubbed.length()) ? shown + CUT : shown;
	}

	/**
	 * Redact every URL in a text from elsewhere, as {@link #scrub} does, and keep it in
	 * one line and in its order, so that it cannot pass for a line of a log.
	 * @param text the text, or {@code null}
	 * @return the text, with a blank for each control character, for what ends a line in
	 * Unicode, and for what changes the direction of writing
	 */
	public static String line(@Nullable String text) {
		return NOT_OF_A_LINE.matcher(scrub(text)).replaceAll(" ");
	}

	private static String cut(String text) {
		if (text.length() <= LONGEST_TEXT) {
			return text;
		}
		int end = Character.isHighSurrogate(text.charAt(LONGEST_TEXT - 1)) ? LONGEST_TEXT - 1 : LONGEST_TEXT;
		return text.substring(0, end);
	}

}
