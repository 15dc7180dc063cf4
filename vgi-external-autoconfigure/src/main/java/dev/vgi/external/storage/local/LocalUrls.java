package dev.vgi.external.storage.local;

import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Supplier;

import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.local.LocalAccessException.Reason;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.AbsoluteUrl;
import org.jspecify.annotations.Nullable;

/**
 * The URLs of a local store, as it creates and accepts them. Thread-safe.
 */
final class LocalUrls {

	static final String GET = "GET";

	static final String PUT = "PUT";

	private final UrlSigner signer;

	private final Supplier<@Nullable URI> baseUrl;

	private final Clock clock;

	LocalUrls(UrlSigner signer, Supplier<@Nullable URI> baseUrl, Clock clock) {
		this.signer = signer;
		this.baseUrl = baseUrl;
		this.clock = clock;
	}

	/**
	 * Return the URL under which callers reach this service.
	 * @return an absolute URL
	 * @throws StorageUnavailableException if it is not known or not usable
	 */
	URI base() {
		URI base = this.baseUrl.get();
		if (base == null) {
			throw new StorageUnavailableException(
					"The URL of this service is not known: set 'vgi.external.local.base-url'", 0, null);
		}
		if (!AbsoluteUrl.matches(base)) {
			throw new StorageUnavailableException(
					"The URL of this service " + AbsoluteUrl.RULE + ": correct 'vgi.external.local.base-url'", 0, null);
		}
		return base;
	}

	/**
	 * Return when a URL created now expires.
	 * @param expiry how long it works
	 * @return seconds of the epoch
	 */
	long expires(Duration expiry) {
		return this.clock.instant().plus(expiry).getEpochSecond();
	}

	/**
	 * Sign a URL.
	 * @param base the URL of this service
	 * @param method the only method that it works for
	 * @param key the object's key
	 * @param expires seconds of the epoch after which it stops working
	 * @return the URL
	 */
	URI sign(URI base, String method, String key, long expires) {
		String path = (base.getRawPath() != null) ? base.getRawPath() : "";
		while (path.endsWith("/")) {
			path = path.substring(0, path.length() - 1);
		}
		return URI.create(base.getScheme() + "://" + base.getRawAuthority() + path + LocalStorage.PATH + '/' + key + '?'
				+ LocalStorage.EXPIRES_PARAMETER + '=' + expires + '&' + LocalStorage.SIGNATURE_PARAMETER + '='
				+ this.signer.sign(method, key, expires));
	}

	/**
	 * Return the key in a download URL that was signed here, expired or not.
	 * @param url an absolute URL from anywhere
	 * @return the key, or {@code null} for every URL without a valid signature
	 */
	@Nullable String ownKey(URI url) {
		SignedKey signed = SignedKey.of(url);
		return (signed != null && this.signer.isValid(GET, signed.key(), signed.expires(), signed.signature()))
				? signed.key() : null;
	}

	/**
	 * Return whether a URL may be used for an owner. Goes by what a service would make of
	 * the URL's path, whatever its host: others than the storage's own rules may admit
	 * it.
	 * @param url an absolute URL from anywhere
	 * @param owner who sent it
	 * @return {@code false} if it is signed for an object that was not stored for this
	 * owner
	 */
	boolean admits(URI url, ObjectOwner owner) {
		long expires = SignedKey.parseExpires(SignedKey.parameter(url, LocalStorage.EXPIRES_PARAMETER));
		String signature = SignedKey.parameter(url, LocalStorage.SIGNATURE_PARAMETER);
		if (signature == null || url.getPath() == null) {
			return true;
		}
		return Arrays.stream(url.getPath().split("/"))
			.map((segment) -> segment.split(";", 2)[0])
			.filter((key) -> ObjectKey.matches(key) && this.signer.isValid(GET, key, expires, signature))
			.allMatch((key) -> ObjectKey.isOf(key, owner));
	}

	/**
	 * Check the parts of a URL in a request.
	 * @param method the method of the request
	 * @param key last segment of the path, decoded, from anywhere
	 * @param expires the expiry, or {@code null}
	 * @param signature the signature, or {@code null}
	 * @return the id of the object
	 * @throws LocalAccessException with {@link Reason#BAD_SIGNATURE} or
	 * {@link Reason#EXPIRED}
	 */
	String check(String method, String key, @Nullable String expires, @Nullable String signature) {
		String id = ObjectKey.matches(key) ? ObjectKey.id(key) : null;
		long until = SignedKey.parseExpires(expires);
		if (id == null || until < 0 || signature == null || !this.signer.isValid(method, key, until, signature)) {
			throw new LocalAccessException(Reason.BAD_SIGNATURE,
					"The signature is not one of this store for this object and method", null);
		}
		if (this.clock.instant().getEpochSecond() >= until) {
			throw new LocalAccessException(Reason.EXPIRED, "The link has expired", null);
		}
		return id;
	}

}
