package dev.vgi.external.url;

import java.net.URI;

import dev.vgi.external.VgiExternalException;

/**
 * The URL policy refuses a URL. Never retried.
 */
public class UrlRejectedException extends VgiExternalException {

	private final String redactedUrl;

	/**
	 * Create a refusal.
	 * @param url the refused URL, of which only the redacted form is kept
	 * @param reason why, and which key would allow it; free of secrets
	 */
	public UrlRejectedException(URI url, String reason) {
		super(Kind.URL_REJECTED,
				"ExternalLocation URL rejected: " + RedactedUrl.of(url) + ": " + RedactedUrl.scrub(reason), null);
		this.redactedUrl = RedactedUrl.of(url);
	}

	/**
	 * Return the refused URL without user info, query and fragment.
	 * @return scheme, host, port and path
	 */
	public String redactedUrl() {
		return this.redactedUrl;
	}

}
