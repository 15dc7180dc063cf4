package dev.vgi.external.url;

import java.net.URI;

import org.jspecify.annotations.Nullable;

/**
 * URLs that name a host. One with an underscore is none to {@link URI}, nor to the HTTP
 * clients and URL policies that ask it, so it is refused in one way wherever it is given.
 */
public final class AbsoluteUrl {

	/** What a URL has to be, as the predicate of an error's sentence. */
	public static final String RULE = "must be an absolute URL, and its host must not have an underscore";

	private AbsoluteUrl() {
	}

	/**
	 * Return whether a URL names a host.
	 * @param url the URL, or {@code null}
	 * @return whether it has a scheme and a host
	 */
	public static boolean matches(@Nullable URI url) {
		return url != null && url.getScheme() != null && url.getHost() != null;
	}

}
