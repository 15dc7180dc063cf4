package dev.vgi.external.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Locale;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.FuzzedLocation;
import dev.vgi.external.location.Pointer;
import dev.vgi.external.location.RenewalPath;
import dev.vgi.external.seal.KeyMac;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.VendedUrlMatcher;
import dev.vgi.external.storage.local.FuzzedUrls;
import dev.vgi.external.storage.local.LocalAccessException;
import dev.vgi.external.url.AllowedUrlValidator;
import dev.vgi.external.url.PublicAddresses;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.SignedUrl;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Pointers and their URLs: what may be fetched is what the policy says, by rules that are
 * written here once more; and no secret of a URL is ever shown.
 */
public final class PointersTarget {

	private static final String SECRET = "c5d7e0f1SECRET";

	private static final String KEY = "0123456789abcdef0123456789abcdef.arrow";

	private static final ObjectOwner OWNER = new KeyMac("principal", List.of(TokenKey.of("00".repeat(32))))
		.owner("alice");

	private static final ObjectOwner OTHER = new KeyMac("tenant", List.of(TokenKey.of("00".repeat(32)))).owner("alice");

	private static final String OWN_KEY = ObjectKey.of(KEY.substring(0, 32), null, OWNER);

	private static final List<String> VENDED = List.of(
			"https://bucket.s3.eu-west-1.amazonaws.com/vgi-rpc/" + KEY + "?X-Amz-Date=20261130T120000Z"
					+ "&X-Amz-Expires=3600&X-Amz-Credential=x&X-Amz-Signature=00ff",
			"https://s3.example:9000/bucket/vgi-rpc/" + KEY + ".zst?X-Amz-Signature=00ff",
			"https://storage.googleapis.com/bucket/vgi-rpc/" + KEY + "?X-Goog-Date=20261130T120000Z"
					+ "&X-Goog-Expires=3600&X-Goog-Credential=x&X-Goog-Signature=00ff",
			"https://user@[::ffff:10.0.0.1]:443/path;a=b/../%2e%2e/%00?Signature=x&Expires=1#fragment",
			"http://169.254.169.254/latest/meta-data", "https://0x7f.1/", "https://storage.example./a",
			"https://[64:ff9b::a00:1]/x", "https://localhost/x", "https://a.b.trusted.example:8443/x");

	private static final List<VendedUrlMatcher> MATCHERS = List.of(
			VendedUrlMatcher.like(URI.create(VENDED.get(0)), "bucket", "vgi-rpc/", "vgi-rpc/" + KEY, "X-Amz-Signature"),
			VendedUrlMatcher.like(URI.create("https://s3.example:9000/bucket/vgi-rpc/" + KEY + "?X-Amz-Signature=0"),
					"bucket", "vgi-rpc/", "vgi-rpc/" + KEY, "X-Amz-Signature"),
			VendedUrlMatcher.like(URI.create(VENDED.get(2)), "bucket", "vgi-rpc/", "vgi-rpc/" + KEY,
					"X-Goog-Signature"));

	private static final List<String> BUCKET_HOSTS = List.of("bucket.s3.eu-west-1.amazonaws.com",
			"s3.eu-west-1.amazonaws.com", "s3.example", "bucket.s3.example", "storage.googleapis.com",
			"bucket.storage.googleapis.com");

	private static final AllowedUrlValidator PUBLIC = AllowedUrlValidator.builder().publicHosts(true).build();

	private static final AllowedUrlValidator LISTED = AllowedUrlValidator.builder()
		.schemes("https", "http")
		.hosts("storage.example", "*.trusted.example:8443", "[::1]", "10.0.0.1:9000")
		.build();

	private static final List<String> PROTOCOL = List.of("https", "http", "HTTPS", "ftp", "file", "jar", "data");

	private static final FuzzedUrls LOCAL = local();

	private static final Guard GUARD = new Guard(PointersTarget::run, Kind.URL_REJECTED, Kind.CORRUPT_STREAM);

	private PointersTarget() {
	}

	public static void fuzzerTestOneInput(byte[] input) {
		GUARD.run(input);
	}

	private static FuzzedUrls local() {
		try {
			return new FuzzedUrls();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static void run(Script script, BufferAllocator allocator) {
		switch (script.below(9)) {
			case 0 -> pointer(script);
			case 1 -> secret(script);
			case 2 -> policy(url(script));
			case 3 -> policy(composed(script));
			case 4 -> vended(script.below(MATCHERS.size()), url(script));
			case 5 -> signed(url(script));
			case 6 -> renewalPath(script);
			case 7 -> address(script.take(script.flag() ? 16 : 4));
			default -> ownUrl(script);
		}
	}

	private static @Nullable URI parsed(String text) {
		try {
			return new URI(text);
		}
		catch (URISyntaxException ex) {
			return null;
		}
	}

	// a URL as it is, or a sound one damaged
	private static @Nullable URI url(Script script) {
		int which = script.octet();
		if (which >= 128) {
			return parsed(script.line());
		}
		byte[] sound = VENDED.get(which % VENDED.size()).getBytes(StandardCharsets.UTF_8);
		return parsed(new String(script.damage(sound), StandardCharsets.UTF_8));
	}

	private static @Nullable URI composed(Script script) {
		String scheme = script.of(PROTOCOL);
		String host = switch (script.below(4)) {
			case 0 -> script.octet() + "." + script.octet() + "." + script.octet() + "." + script.octet();
			case 1 -> literal(script.take(16));
			case 2 -> "[::ffff:" + script.octet() + "." + script.octet() + ".0." + script.octet() + "]";
			default -> script.line();
		};
		String port = switch (script.below(4)) {
			case 0 -> ":" + script.uint16();
			case 1 -> ":8443";
			case 2 -> ":";
			default -> "";
		};
		return parsed(scheme + "://" + host + port + "/" + script.line());
	}

	private static String literal(byte[] address) {
		StringBuilder text = new StringBuilder("[");
		for (int i = 0; i < 16; i += 2) {
			text.append((i > 0) ? ":" : "")
				.append(Integer.toHexString((address[i] & 0xFF) << 8 | (address[i + 1] & 0xFF)));
		}
		return text.append(']').toString();
	}

	private static void pointer(Script script) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, script.line())
			.with(MetadataKeys.LOCATION_SHA256, script.line())
			.with(MetadataKeys.RENEWAL, script.line())
			.with(MetadataKeys.RENEWAL_PATH, script.line());
		Guard.require(BatchKind.of(0, metadata) == BatchKind.POINTER, "not a pointer");
		Pointer pointer = Pointer.from(metadata);
		Guard.require(Pointer.from(pointer.toMetadata()).equals(pointer), "another pointer when it was written");
		String query = pointer.location().getRawQuery();
		Guard.require(query == null || query.isEmpty() || !pointer.toString().contains("?" + query),
				"a query is shown");
		String digest = pointer.sha256();
		try {
			ExternalRef ref = new ExternalRef(pointer.location(), digest, null, Instant.EPOCH);
			Guard.require(digest == null || digest.length() == 64, "not a digest");
			Guard.require(!ref.withoutDigest().toString().contains("?"), "a query is shown");
		}
		catch (IllegalArgumentException ex) {
			Guard.require(digest != null && !digest.matches("[0-9a-f]{64}"), "refused without a reason");
		}
		FuzzedLocation.renewal(metadata);
	}

	// Whatever stands around a URL, its query and its user are not shown.
	private static void secret(Script script) {
		int how = script.octet();
		String prefix = script.line();
		String inside = script.line().replaceAll("[\\s\"'<>`]", "");
		String suffix = script.line();
		if ((prefix + inside + suffix).contains(SECRET)) {
			return;
		}
		String url = switch (how & 3) {
			case 0 -> "https://storage.example/object?" + inside + SECRET;
			case 1 -> "s3://user:" + inside.replaceAll("[/?#@]", "") + SECRET + "@storage.example/object";
			case 2 -> "https://storage.example/" + inside + "?X-Amz-Signature=" + SECRET;
			default -> "/object?a=b&X-Goog-Signature=" + SECRET;
		};
		String text = prefix.repeat(1 + (how >> 6)) + " " + url + " " + suffix;
		String shown = RedactedUrl.scrub(text);
		Guard.require(!shown.contains(SECRET), "a secret is shown");
		Guard.require(shown.length() < 17_000, "a text that is too long");
		Guard.require(!RedactedUrl.of(url).contains(SECRET), "a secret is shown");
		URI parsed = parsed(url);
		if (parsed != null) {
			UrlRejectedException ex = new UrlRejectedException(parsed, text);
			Guard.require(!ex.toString().contains(SECRET) && !ex.redactedUrl().contains(SECRET), "a secret is shown");
		}
	}

	private static void policy(@Nullable URI url) {
		if (url == null) {
			return;
		}
		RedactedUrl.of(url);
		if (accepts(PUBLIC, url)) {
			Guard.require("https".equalsIgnoreCase(url.getScheme()) && url.getRawUserInfo() == null, "no https");
			String host = url.getHost().toLowerCase(Locale.ROOT);
			Guard.require(!host.matches("(.*\\.)?localhost\\.?"), "localhost is public");
			InetAddress literal = literal(host);
			Guard.require(literal == null || !isInternal(literal), "an address that is not public: " + literal);
		}
		if (accepts(LISTED, url)) {
			String host = url.getHost().toLowerCase(Locale.ROOT);
			boolean listed = host.matches("storage\\.example\\.?|\\[::1]")
					|| (host.matches("(.+)\\.trusted\\.example\\.?") && url.getPort() == 8443)
					|| (host.equals("10.0.0.1") && url.getPort() == 9000);
			Guard.require(listed, "a host that is not listed: " + host);
			Guard.require(LISTED.admitsPrivateAddresses(url), "listed, but not admitted");
		}
		Guard.require(accepts(PUBLIC.or(LISTED), url) == (accepts(PUBLIC, url) || accepts(LISTED, url)), "not either");
		UrlValidator.httpsOnly().requireAccepted(url);
	}

	private static boolean accepts(UrlValidator policy, URI url) {
		try {
			policy.requireAccepted(url);
			return true;
		}
		catch (UrlRejectedException ex) {
			return false;
		}
	}

	private static @Nullable InetAddress literal(String host) {
		boolean literal = host.startsWith("[") || host.matches("[0-9.]+");
		try {
			return literal ? InetAddress.getByName(host) : null;
		}
		catch (UnknownHostException ex) {
			return null;
		}
	}

	// what the JDK knows of an address
	private static boolean isInternal(InetAddress address) {
		return address.isLoopbackAddress() || address.isLinkLocalAddress() || address.isSiteLocalAddress()
				|| address.isAnyLocalAddress() || address.isMulticastAddress();
	}

	private static void address(byte[] bytes) {
		try {
			boolean known = PublicAddresses.isPublic(InetAddress.getByAddress(bytes));
			Guard.require(!known || !isInternal(InetAddress.getByAddress(bytes)), "internal and public");
			if (bytes.length == 4) {
				byte[] wrapped = new byte[16];
				for (int[] prefix : new int[][] { { 0, 0x64, 0xFF, 0x9B }, { 0x20, 0x02 } }) {
					for (int i = 0; i < prefix.length; i++) {
						wrapped[i] = (byte) prefix[i];
					}
					System.arraycopy(bytes, 0, wrapped, (prefix.length == 2) ? 2 : 12, 4);
					Guard.require(PublicAddresses.isPublic(InetAddress.getByAddress(wrapped)) == known,
							"another answer inside of an IPv6 address");
					wrapped = new byte[16];
				}
			}
		}
		catch (UnknownHostException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static void vended(int which, @Nullable URI url) {
		String key = (url != null) ? MATCHERS.get(which).key(url) : null;
		if (url == null || key == null) {
			return;
		}
		Guard.require(key.startsWith("vgi-rpc/") && ObjectKey.matches(key, "vgi-rpc/"), "not a key");
		Guard.require(BUCKET_HOSTS.contains(url.getHost().toLowerCase(Locale.ROOT)), "another host");
		Guard.require(url.getRawUserInfo() == null && url.getRawFragment() == null, "a user or a fragment");
		Guard.require(url.getPath().equals("/" + key) || url.getPath().equals("/bucket/" + key), "another path");
		Guard.require(url.normalize().getPath().equals(url.getPath()), "a path that is another for some");
	}

	private static void signed(@Nullable URI url) {
		if (url != null) {
			SignedUrl signed = SignedUrl.of(url);
			signed.isSigned();
			signed.expiry();
			RedactedUrl.of(url);
		}
	}

	private static void renewalPath(Script script) {
		int how = script.octet();
		String path = script.line() + (((how & 1) != 0) ? RenewalPath.ENDPOINT : "");
		if (RenewalPath.matches(path)) {
			URI url = parsed("https://service.example" + path);
			Guard.require(url != null && path.equals(url.getRawPath()), "not a plain path");
			URI seen = url;
			Guard.require(seen != null && seen.normalize().equals(seen) && seen.getRawQuery() == null,
					"a path that is another for some");
			String decoded = (seen != null) ? seen.getPath() : "";
			Guard.require(
					decoded.chars().noneMatch((c) -> c < ' ' || c == '\\' || c == ';' || c == 127)
							&& !decoded.contains("..") || path.contains("..") && !decoded.contains("/../"),
					"a path in disguise");
		}
	}

	// However it is spelled, a URL that opens is its owner's.
	private static void ownUrl(Script script) {
		String sound = LOCAL.sign(OWN_KEY);
		byte[] bytes = script.damage(sound.getBytes(StandardCharsets.UTF_8));
		URI damaged = parsed(new String(bytes, StandardCharsets.UTF_8));
		if (damaged == null) {
			return;
		}
		String key = null;
		try {
			key = LOCAL.ownKey(damaged);
		}
		catch (LocalAccessException ex) {
			Guard.require(!String.valueOf(ex.getMessage()).contains("Signature="), "a signature is shown");
		}
		Guard.require(key == null || key.equals(OWN_KEY), "a key that was not signed");
		Guard.require(key == null || LOCAL.admits(damaged, OWNER), "the owner may not use it");
		Guard.require(key == null || !LOCAL.admits(damaged, OTHER), "another may use it");
	}

}
