package dev.vgi.external.web.client;

import java.net.URI;
import java.util.Set;
import java.util.regex.Pattern;

import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

/**
 * Trusts the local store of the called service, wherever it runs, and no other URL of it:
 * a service without a bucket vends links to itself.
 *
 * @param url any URL of the service
 */
record CalledService(URI url) implements UrlValidator {

	private static final Pattern OBJECT = Pattern
		.compile(".*" + Pattern.quote(LocalStorage.PATH) + "/" + ObjectKey.PATTERN);

	private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]");

	@Override
	public void validate(URI candidate) {
		String path = candidate.getRawPath();
		boolean isObject = path != null && OBJECT.matcher(path).matches() && !path.contains("/.")
				&& !path.contains("%");
		if (!isObject || !isSameOrigin(candidate)) {
			throw new UrlRejectedException(candidate,
					"it is neither a public https URL nor the local store of the called service"
							+ "; see vgi.external.client.url.allowed-hosts and .allowed-schemes");
		}
	}

	private boolean isSameOrigin(URI candidate) {
		return this.url.getScheme() != null && this.url.getScheme().equalsIgnoreCase(candidate.getScheme())
				&& port(this.url) == port(candidate) && isSameHost(this.url.getHost(), candidate.getHost())
				&& candidate.getRawUserInfo() == null;
	}

	private static boolean isSameHost(@Nullable String called, @Nullable String candidate) {
		if (called == null || candidate == null) {
			return false;
		}
		// A service that is not behind a proxy names the address of the connection.
		return called.equalsIgnoreCase(candidate) || (LOOPBACK.contains(called) && LOOPBACK.contains(candidate));
	}

	private static int port(URI url) {
		return (url.getPort() >= 0) ? url.getPort() : "https".equalsIgnoreCase(url.getScheme()) ? 443 : 80;
	}

}
