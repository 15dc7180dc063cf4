package dev.vgi.external.location;

import java.time.Duration;

import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * How batches are externalised and resolved. The defaults are the protocol's.
 *
 * @param storage where oversized batches go; {@code null} for resolving only
 * @param externalizeThreshold bytes from which on a data batch goes to storage; 1 MiB
 * @param maxRetries further attempts of a fetch, at most 2; 2
 * @param retryDelay pause between attempts; 0.5 s
 * @param fetchConfig how objects are fetched
 * @param compression how stored objects are compressed; {@code null} for not at all
 * @param urlValidator asked before any URL is requested
 * @param readLimits limits on the heap objects created from a stored object
 */
public record ExternalLocationConfig(@Nullable ExternalStorage storage, long externalizeThreshold, int maxRetries,
		Duration retryDelay, FetchConfig fetchConfig, @Nullable Compression compression, UrlValidator urlValidator,
		ReadLimits readLimits) {

	public ExternalLocationConfig {
		Assert.isTrue(externalizeThreshold >= 0, "'externalizeThreshold' must not be negative");
		Assert.isTrue(maxRetries >= 0 && maxRetries <= 2, "'maxRetries' must be 0, 1 or 2");
		Assert.isTrue(!retryDelay.isNegative(), "'retryDelay' must not be negative");
		Assert.notNull(fetchConfig, "'fetchConfig' must not be null");
		Assert.notNull(urlValidator, "'urlValidator' must not be null");
		Assert.notNull(readLimits, "'readLimits' must not be null");
	}

	/**
	 * Create a configuration with the default read limits.
	 * @param storage where oversized batches go; {@code null} for resolving only
	 * @param externalizeThreshold bytes from which on a data batch goes to storage
	 * @param maxRetries further attempts of a fetch, at most 2
	 * @param retryDelay pause between attempts
	 * @param fetchConfig how objects are fetched
	 * @param compression how stored objects are compressed; {@code null} for not at all
	 * @param urlValidator asked before any URL is requested
	 */
	public ExternalLocationConfig(@Nullable ExternalStorage storage, long externalizeThreshold, int maxRetries,
			Duration retryDelay, FetchConfig fetchConfig, @Nullable Compression compression,
			UrlValidator urlValidator) {
		this(storage, externalizeThreshold, maxRetries, retryDelay, fetchConfig, compression, urlValidator,
				ReadLimits.defaults());
	}

	/**
	 * Return the protocol's defaults without a storage: resolves pointers to https URLs.
	 * @return a configuration for resolving only
	 */
	public static ExternalLocationConfig defaults() {
		return new ExternalLocationConfig(null, 1L << 20, 2, Duration.ofMillis(500), FetchConfig.defaults(), null,
				UrlValidator.httpsOnly());
	}

	/**
	 * Return a copy with another URL policy.
	 * @param urlValidator asked before any URL is requested
	 * @return the copy
	 */
	public ExternalLocationConfig withUrlValidator(UrlValidator urlValidator) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, urlValidator, this.readLimits);
	}

}
