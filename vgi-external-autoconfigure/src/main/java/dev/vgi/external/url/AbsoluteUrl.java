package dev.vgi.external.url;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Locale;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * URLs that name a host. {@link URI} does not see a host with an underscore, nor do HTTP
 * clients and URL policies that rely on it, but takes any number for a port. Such a URL
 * is refused everywhere in the same way.
 */
@Internal
public final class AbsoluteUrl {

	/** The rule for a URL, as the predicate of an error's sentence. */
	public static final String RULE = "must be an absolute URL with a valid port, and its host must not have an underscore";

	private AbsoluteUrl() {
	}

	/**
	 * Return whether a URL names a host.
	 * @param url the URL, or {@code null}
	 * @return whether it has a scheme, a host, and no port that there cannot be
	 */
	public static boolean matches(@Nullable URI url) {
		return url != null && url.getScheme() != null && url.getHost() != null && url.getPort() < 1 << 16;
	}

	/**
	 * Return the one spelling that all spellings of a host have in common.
	 * @param host the host of a URL from anywhere, or {@code null}
	 * @return a name in lower case and without a final dot, or an address in its usual
	 * form
	 */
	public static @Nullable String canonicalHost(@Nullable String host) {
		if (host == null) {
			return null;
		}
		try {
			// Text in brackets is parsed, never looked up.
			return host.startsWith("[") ? InetAddress.getByName(host).getHostAddress()
					: host.toLowerCase(Locale.ROOT).replaceFirst("\\.$", "");
		}
		catch (UnknownHostException ex) {
			return host;
		}
	}

}
