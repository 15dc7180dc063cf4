package dev.vgi.external.storage.local;

import java.net.URI;
import java.util.regex.Pattern;

import dev.vgi.external.storage.ObjectKey;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a local store's URL, not yet checked.
 *
 * @param key the object's key
 * @param expires seconds of the epoch
 * @param signature the signature
 */
record SignedKey(String key, long expires, String signature) {

	private static final Pattern EXPIRES = Pattern.compile("[1-9][0-9]{0,11}");

	/** The text must not show the signature. */
	@Override
	public String toString() {
		return "SignedKey[key=" + this.key + ", expires=" + this.expires + "]";
	}

	/**
	 * Parse an expiry.
	 * @param expires the text, or {@code null}
	 * @return seconds of the epoch, or -1 if it is not an expiry
	 */
	static long parseExpires(@Nullable String expires) {
		return (expires != null && EXPIRES.matcher(expires).matches()) ? Long.parseLong(expires) : -1;
	}

	/**
	 * Parse a URL.
	 * @param url a URL from anywhere
	 * @return its parts, or {@code null} if it does not look like one of a local store
	 */
	static @Nullable SignedKey of(URI url) {
		String path = url.getRawPath();
		boolean http = "http".equalsIgnoreCase(url.getScheme()) || "https".equalsIgnoreCase(url.getScheme());
		if (!http || path == null || url.getRawUserInfo() != null || url.getRawFragment() != null) {
			return null;
		}
		int slash = path.lastIndexOf('/');
		String key = path.substring(slash + 1);
		long expires = parseExpires(parameter(url, LocalStorage.EXPIRES_PARAMETER));
		String signature = parameter(url, LocalStorage.SIGNATURE_PARAMETER);
		if (slash < 0 || !path.substring(0, slash).endsWith(LocalStorage.PATH) || !ObjectKey.matches(key) || expires < 0
				|| signature == null) {
			return null;
		}
		return new SignedKey(key, expires, signature);
	}

	/**
	 * Return the only value of a query parameter.
	 * @param url a URL from anywhere
	 * @param name name of the parameter
	 * @return its value, or {@code null} if there is none or more than one
	 */
	static @Nullable String parameter(URI url, String name) {
		String query = url.getRawQuery();
		if (query == null) {
			return null;
		}
		String found = null;
		for (String parameter : query.split("&", 20)) {
			if (parameter.startsWith(name + '=')) {
				if (found != null) {
					return null;
				}
				found = parameter.substring(name.length() + 1);
			}
		}
		return found;
	}

}
