package dev.vgi.external.location;

import java.util.Locale;
import java.util.regex.Pattern;

import dev.vgi.external.Internal;

/**
 * Where links are renewed: the same rule for services, which name a path, and for their
 * callers, who post a token there with their credentials.
 */
@Internal
public final class RenewalPath {

	/** Name of the method, as it stands in paths and metadata. */
	public static final String METHOD = "__renew_url__";

	/** Last part of the path: a service can have its token posted nowhere else. */
	public static final String ENDPOINT = "/" + METHOD + "/init";

	private static final int LONGEST = 2048;

	/** No segment is empty, and nothing but segments. */
	private static final Pattern PLAIN = Pattern.compile("(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})++)++");

	/** Dots, slashes, backslashes, semicolons and control characters in disguise. */
	private static final Pattern DISGUISED = Pattern.compile("%(?:2e|2f|5c|3b|25|7f|[01][0-9a-f])");

	private RenewalPath() {
	}

	/**
	 * Return whether a path may be where links are renewed.
	 * @param path the path, from anywhere
	 * @return {@code true} only for a plain path that ends with {@link #ENDPOINT}
	 */
	public static boolean matches(String path) {
		return path.length() <= LONGEST && path.endsWith(ENDPOINT) && PLAIN.matcher(path).matches()
				&& !hasDotSegment(path) && !DISGUISED.matcher(path.toLowerCase(Locale.ROOT)).find();
	}

	private static boolean hasDotSegment(String path) {
		return path.contains("/./") || path.contains("/../");
	}

}
