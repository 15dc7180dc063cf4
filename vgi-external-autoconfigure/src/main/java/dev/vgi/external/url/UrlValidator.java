package dev.vgi.external.url;

import java.net.URI;

import org.springframework.util.Assert;

/**
 * Decides whether a URL may be requested. Asked before the first byte is sent to any host
 * and again for every redirect. Implementations are thread-safe and do no I/O. An
 * application's bean replaces the default policy as a whole.
 */
@FunctionalInterface
public interface UrlValidator {

	/**
	 * Check a URL.
	 * @param url the absolute URL about to be requested
	 * @throws UrlRejectedException if it may not be requested
	 */
	void validate(URI url);

	/**
	 * Check a URL, and report anything else that a custom policy throws as a refusal,
	 * since its message may contain the URL.
	 * @param url the absolute URL about to be requested
	 * @throws UrlRejectedException if it may not be requested
	 */
	default void requireAccepted(URI url) {
		try {
			validate(url);
		}
		catch (UrlRejectedException ex) {
			throw ex;
		}
		catch (RuntimeException ex) {
			throw new UrlRejectedException(url, RedactedUrl.scrub(ex.getMessage()));
		}
	}

	/**
	 * Return whether the host of a URL may resolve to a private, loopback or link-local
	 * address. Decided per URL and not per host: one path of a private host may be
	 * allowed and the others not.
	 * @param url a URL that this validator accepts
	 * @return {@code true} by default: a custom policy takes full responsibility
	 */
	default boolean admitsPrivateAddresses(URI url) {
		return true;
	}

	/**
	 * Return a validator that accepts what either validator accepts.
	 * @param other asked when this one refuses
	 * @return the combination, which reports the refusal of {@code other}
	 */
	default UrlValidator or(UrlValidator other) {
		Assert.notNull(other, "'other' must not be null");
		return new EitherUrlValidator(this, other);
	}

	/**
	 * Return the protocol's default policy, which accepts only https.
	 * @return a validator that rejects every other scheme
	 */
	static UrlValidator httpsOnly() {
		return HttpsOnlyUrlValidator.INSTANCE;
	}

	/**
	 * Return a policy that refuses nothing. For tests and closed networks.
	 * @return a validator that accepts every URL
	 */
	static UrlValidator acceptAll() {
		return (url) -> {
		};
	}

}
