package dev.vgi.external.pace;

import java.net.URI;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * The transfer that requests are sent for. Requests of one transfer share its turns, and
 * it decides whose pace they follow: transfers with the service's own bucket are not
 * slowed down by what anybody else's addresses say. Compared by identity.
 */
public final class PacedTransfer {

	/**
	 * Hosts of which every bucket is below a path, as far as they are known. Elsewhere
	 * the first segment of a path may be anything.
	 */
	private static final Pattern SHARED_HOST = Pattern
		.compile("storage\\.googleapis\\.com|s3[.-](?:[a-z0-9-]+\\.)?amazonaws\\.com(?:\\.cn)?");

	private static final Pattern FIRST_SEGMENT = Pattern.compile("/([^/]+)/.*");

	private final boolean own;

	private PacedTransfer(boolean own) {
		this.own = own;
	}

	/**
	 * Begin a transfer with the service's own storage.
	 * @return the transfer
	 */
	public static PacedTransfer own() {
		return new PacedTransfer(true);
	}

	/**
	 * Begin a transfer with an address that came from somebody else.
	 * @return the transfer
	 */
	public static PacedTransfer foreign() {
		return new PacedTransfer(false);
	}

	/**
	 * Return whether the requests go to the service's own storage.
	 * @return {@code false} if somebody else named the address
	 */
	public boolean isOwn() {
		return this.own;
	}

	/**
	 * Return whose pace a request of this transfer follows.
	 * @param url an absolute http or https URL
	 * @return the key
	 */
	Paces.Key keyFor(URI url) {
		String scheme = url.getScheme().toLowerCase(Locale.ROOT);
		String host = url.getHost().toLowerCase(Locale.ROOT);
		int port = (url.getPort() >= 0) ? url.getPort() : ("https".equals(scheme) ? 443 : 80);
		return new Paces.Key(this.own, scheme, host, port, bucketIn(host, url));
	}

	private static @Nullable String bucketIn(String host, URI url) {
		if (!SHARED_HOST.matcher(host).matches() || url.getRawPath() == null) {
			return null;
		}
		Matcher path = FIRST_SEGMENT.matcher(url.getRawPath());
		return path.matches() ? path.group(1) : null;
	}

}
