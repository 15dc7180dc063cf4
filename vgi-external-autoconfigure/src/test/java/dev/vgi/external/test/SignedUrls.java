package dev.vgi.external.test;

import java.net.URI;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.url.SignedUrl;
import org.jspecify.annotations.Nullable;

/**
 * The URLs that a storage has vended. Instead of a signature, each has a random number
 * under which it is remembered, so no other URL is valid. Thread-safe.
 */
final class SignedUrls {

	private static final SecureRandom RANDOM = new SecureRandom();

	private final URI base;

	private final Clock clock;

	private final Map<URI, Grant> grants = new ConcurrentHashMap<>();

	private volatile boolean uploadsExpire;

	SignedUrls(URI base, Clock clock) {
		this.base = base;
		this.clock = clock;
	}

	/**
	 * Return when a URL of this class expires, as it says itself.
	 * @param url the URL
	 * @return the moment
	 */
	static Instant expiry(URI url) {
		return Objects.requireNonNull(SignedUrl.of(url).expiry());
	}

	URI signUpload(String key, Duration duration) {
		return sign("GET", key, this.uploadsExpire ? Duration.ofMinutes(-5) : duration);
	}

	URI sign(String method, String key, Duration duration) {
		byte[] random = new byte[16];
		RANDOM.nextBytes(random);
		URI url = this.base.resolve(key + "?expires=" + this.clock.instant().plus(duration).getEpochSecond()
				+ "&Signature=" + HexFormat.of().formatHex(random));
		this.grants.put(url, new Grant(method, key, false));
		return url;
	}

	/**
	 * Return the object of a URL, expired or not.
	 * @param method the method
	 * @param url from anywhere
	 * @return its key, or {@code null} if this is no such URL
	 */
	@Nullable String key(String method, URI url) {
		Grant grant = this.grants.get(url);
		return (grant != null && grant.method().equals(method)) ? grant.key() : null;
	}

	/**
	 * Return whether a URL may be used for an owner.
	 * @param url from anywhere
	 * @param owner who sent it
	 * @return {@code false} if it leads to an object here that is not this owner's
	 */
	boolean admits(URI url, ObjectOwner owner) {
		String path = url.getPath();
		String name = (path != null) ? path.substring(path.lastIndexOf('/') + 1) : "";
		boolean here = url.getPort() == this.base.getPort() && this.base.getHost().equals(url.getHost());
		return !here || !ObjectKey.matches(name) || ObjectKey.isOf(name, owner);
	}

	boolean isVended(URI url) {
		return this.grants.containsKey(url);
	}

	boolean isExpired(URI url) {
		Grant grant = this.grants.get(url);
		return grant == null || grant.expired() || !this.clock.instant().isBefore(expiry(url));
	}

	void expire() {
		this.uploadsExpire = true;
		this.grants.replaceAll(
				(url, grant) -> grant.method().equals("GET") ? new Grant(grant.method(), grant.key(), true) : grant);
	}

	void reset() {
		this.uploadsExpire = false;
		this.grants.clear();
	}

	/**
	 * What a URL allows.
	 *
	 * @param method the method
	 * @param key the object
	 * @param expired whether it is expired, whatever the clock says
	 */
	private record Grant(String method, String key, boolean expired) {

	}

}
