package dev.vgi.external.storage;

import java.net.URI;
import java.time.Duration;

import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.url.AbsoluteUrl;

import org.springframework.util.Assert;

/**
 * Settings of a {@link SignedUrlStorage}.
 *
 * @param container absolute URL below which the objects are stored, without a query or
 * credentials; with or without a final slash
 * @param expiresParameter query parameter of signed URLs with their expiry, in seconds of
 * the epoch or as an ISO 8601 instant
 * @param signatureParameter query parameter of signed URLs with the signature
 * @param expiry how long a URL works, at least a second; 1 h
 * @param timeout longest time for one upload, including all attempts; 10 min
 * @param maxRetries further attempts after a failure of the server; 2. If the server asks
 * to retry later, attempts continue within {@code timeout}
 * @param retryDelay pause before each further attempt; 0.5 s
 */
public record SignedUrlSettings(URI container, String expiresParameter, String signatureParameter, Duration expiry,
		Duration timeout, int maxRetries, Duration retryDelay) {

	public SignedUrlSettings {
		Assert.isTrue(
				container.getRawUserInfo() == null && container.getRawQuery() == null
						&& container.getRawFragment() == null,
				"'container' must be an absolute URL without a query or credentials");
		Assert.isTrue(AbsoluteUrl.matches(container), "'container' " + AbsoluteUrl.RULE);
		Assert.hasText(expiresParameter, "'expiresParameter' must not be empty");
		Assert.hasText(signatureParameter, "'signatureParameter' must not be empty");
		Assert.isTrue(expiry.compareTo(Duration.ofSeconds(1)) >= 0, "'expiry' must be at least a second");
		Assert.isTrue(timeout.compareTo(Duration.ZERO) > 0, "'timeout' must be positive");
		Assert.isTrue(maxRetries >= 0, "'maxRetries' must not be negative");
		Assert.isTrue(!retryDelay.isNegative(), "'retryDelay' must not be negative");
	}

	/**
	 * Return the defaults for a server.
	 * @param container absolute URL below which the objects are stored
	 * @param expiresParameter query parameter with the expiry of a URL
	 * @param signatureParameter query parameter with the signature
	 * @return settings with every other component at its default
	 */
	public static SignedUrlSettings of(URI container, String expiresParameter, String signatureParameter) {
		return new SignedUrlSettings(container, expiresParameter, signatureParameter, Duration.ofHours(1),
				Duration.ofMinutes(10), RetryPolicy.DEFAULT_MAX_RETRIES, RetryPolicy.DEFAULT_DELAY);
	}

	/**
	 * Return a copy with another {@code expiry}.
	 * @param expiry how long a URL works, at least a second
	 * @return the copy
	 */
	public SignedUrlSettings withExpiry(Duration expiry) {
		return new SignedUrlSettings(this.container, this.expiresParameter, this.signatureParameter, expiry,
				this.timeout, this.maxRetries, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code timeout}.
	 * @param timeout longest time for one upload, including all attempts
	 * @return the copy
	 */
	public SignedUrlSettings withTimeout(Duration timeout) {
		return new SignedUrlSettings(this.container, this.expiresParameter, this.signatureParameter, this.expiry,
				timeout, this.maxRetries, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code maxRetries}.
	 * @param maxRetries further attempts after a failure of the server
	 * @return the copy
	 */
	public SignedUrlSettings withMaxRetries(int maxRetries) {
		return new SignedUrlSettings(this.container, this.expiresParameter, this.signatureParameter, this.expiry,
				this.timeout, maxRetries, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code retryDelay}.
	 * @param retryDelay pause before each further attempt
	 * @return the copy
	 */
	public SignedUrlSettings withRetryDelay(Duration retryDelay) {
		return new SignedUrlSettings(this.container, this.expiresParameter, this.signatureParameter, this.expiry,
				this.timeout, this.maxRetries, retryDelay);
	}

}
