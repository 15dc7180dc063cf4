package dev.vgi.external.storage;

import java.net.URI;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

import dev.vgi.external.Internal;
import dev.vgi.external.url.AbsoluteUrl;
import org.jspecify.annotations.Nullable;

/**
 * Recognises the URLs of objects below a prefix of a bucket, in virtual-host and in path
 * style. Derived from one URL that was signed for the bucket, so it works with any
 * configuration of the presigner. Immutable.
 */
@Internal
public final class VendedUrlMatcher {

	private final List<Origin> origins;

	private final String prefix;

	private final Pattern signed;

	private VendedUrlMatcher(List<Origin> origins, String prefix, Pattern signed) {
		this.origins = List.copyOf(origins);
		this.prefix = prefix;
		this.signed = signed;
	}

	/**
	 * Derive the form of the URLs from a signed one.
	 * @param signed the URL
	 * @param bucket its bucket
	 * @param prefix the prefix of the key
	 * @param key its key
	 * @param signatureParameter the query parameter that contains the signature in
	 * hexadecimal, such as {@code X-Amz-Signature}
	 * @return an instance that recognises URLs like this one
	 */
	public static VendedUrlMatcher like(URI signed, String bucket, String prefix, String key,
			String signatureParameter) {
		List<Origin> origins = new ArrayList<>();
		Origin origin = Origin.of(signed);
		String path = signed.getPath();
		if (origin != null && path.endsWith(key)) {
			String base = path.substring(0, path.length() - key.length());
			origins.add(origin.withBase(base));
			String segment = '/' + bucket + '/';
			if (base.endsWith(segment)) {
				origins.add(new Origin(origin.scheme(), bucket + '.' + origin.host(), origin.port(),
						base.substring(0, base.length() - segment.length() + 1)));
			}
			else if (origin.host().startsWith(bucket + '.')) {
				origins.add(new Origin(origin.scheme(), origin.host().substring(bucket.length() + 1), origin.port(),
						base + bucket + '/'));
			}
		}
		return new VendedUrlMatcher(origins, prefix,
				Pattern.compile("(?:^|&)" + Pattern.quote(signatureParameter) + "=[0-9a-fA-F]+(?:&|$)"));
	}

	/**
	 * Return whether a URL could be one of them.
	 * @param url an absolute URL from anywhere
	 * @return {@code false} for every other URL; {@code true} only means that there is a
	 * signature, not that it is valid
	 */
	public boolean contains(URI url) {
		return key(url) != null;
	}

	/**
	 * Return the key in a URL that could be one of them.
	 * @param url an absolute URL from anywhere
	 * @return the key with its prefix, or {@code null} for every other URL
	 */
	public @Nullable String key(URI url) {
		Origin origin = Origin.of(url);
		if (origin == null || url.getRawUserInfo() != null || url.getRawFragment() != null
				|| !this.signed.matcher(String.valueOf(url.getRawQuery())).find()) {
			return null;
		}
		for (Origin own : this.origins) {
			String base = own.base() + this.prefix;
			if (origin.withBase(own.base()).equals(own) && url.getPath().startsWith(base)
					&& ObjectKey.matches(url.getPath().substring(base.length()))) {
				return url.getPath().substring(own.base().length());
			}
		}
		return null;
	}

	/**
	 * Return whether a URL may be used for an owner. Goes by host and path alone, since
	 * others than the storage's own rules may admit a URL without its signature.
	 * @param url an absolute URL from anywhere
	 * @param owner who sent it
	 * @return {@code false} if it leads to an object that was not stored for this owner
	 */
	public boolean admits(URI url, ObjectOwner owner) {
		String host = AbsoluteUrl.canonicalHost(url.getHost());
		if (host == null || url.getPath() == null) {
			return true;
		}
		List<String> paths = List.of(url.getPath(), simplified(url.getPath()));
		return this.origins.stream()
			.filter((own) -> host.equals(AbsoluteUrl.canonicalHost(own.host())))
			.map((own) -> own.base() + this.prefix)
			.allMatch((base) -> paths.stream().allMatch((path) -> admits(path, base, owner)));
	}

	private static boolean admits(String path, String base, ObjectOwner owner) {
		String name = path.startsWith(base) ? path.substring(base.length()) : "";
		return !ObjectKey.matches(name) || ObjectKey.isOf(name, owner);
	}

	/**
	 * Return what a server, or a proxy in front of it, may make of a path.
	 * @param path a decoded path
	 * @return the path without parameters, dots and empty segments
	 */
	private static String simplified(String path) {
		Deque<String> names = new ArrayDeque<>();
		for (String segment : path.split("/")) {
			String name = segment.split(";", 2)[0];
			if (name.equals("..")) {
				names.pollLast();
			}
			else if (!name.isEmpty() && !name.equals(".")) {
				names.add(name);
			}
		}
		return "/" + String.join("/", names);
	}

	/**
	 * The address of a bucket.
	 *
	 * @param scheme in lower case
	 * @param host in lower case
	 * @param port the explicit or the default port
	 * @param base the decoded path in front of a key, with a slash at both ends
	 */
	private record Origin(String scheme, String host, int port, String base) {

		static @Nullable Origin of(URI url) {
			if (url.getScheme() == null || url.getHost() == null || url.getPath() == null) {
				return null;
			}
			String scheme = url.getScheme().toLowerCase(Locale.ROOT);
			if (!scheme.equals("http") && !scheme.equals("https")) {
				return null;
			}
			int port = (url.getPort() >= 0) ? url.getPort() : (scheme.equals("https") ? 443 : 80);
			return new Origin(scheme, url.getHost().toLowerCase(Locale.ROOT), port, "");
		}

		Origin withBase(String base) {
			return new Origin(this.scheme, this.host, this.port, base);
		}

	}

}
