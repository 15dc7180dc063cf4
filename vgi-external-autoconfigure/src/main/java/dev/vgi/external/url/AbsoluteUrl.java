package dev.vgi.external.url;

import java.net.URI;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * URLs that name a host. {@link URI} does not see a host with an underscore, nor do HTTP
 * clients and URL policies that rely on it, so such a URL is refused everywhere in the
 * same way.
 */
@Internal
public final class AbsoluteUrl {

	/** The rule for a URL, as the predicate of an error's sentence. */
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
