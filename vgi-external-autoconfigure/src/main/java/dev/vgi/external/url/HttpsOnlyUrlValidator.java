package dev.vgi.external.url;

import java.net.URI;

/**
 * The protocol's default policy: https and nothing else.
 */
final class HttpsOnlyUrlValidator implements UrlValidator {

	static final HttpsOnlyUrlValidator INSTANCE = new HttpsOnlyUrlValidator();

	private HttpsOnlyUrlValidator() {
	}

	@Override
	public void validate(URI url) {
		if (!"https".equalsIgnoreCase(url.getScheme())) {
			throw new UrlRejectedException(url, "only https is allowed");
		}
	}

}
