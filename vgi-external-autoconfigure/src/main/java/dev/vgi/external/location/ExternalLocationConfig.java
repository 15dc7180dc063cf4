package dev.vgi.external.location;

import java.time.Duration;

import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transfer.RetryPolicy;
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
 * @param inlineOnFailure whether a batch that cannot be stored travels inline instead of
 * failing the call; {@code false}
 * @param segmentSize bytes of Arrow buffers from which on a segment of a result set is
 * complete; 32 MiB. The threshold, if that is larger
 * @param maxParallelSegments most segments of a result set that are uploaded at once; 2
 */
public record ExternalLocationConfig(@Nullable ExternalStorage storage, long externalizeThreshold, int maxRetries,
		Duration retryDelay, FetchConfig fetchConfig, @Nullable Compression compression, UrlValidator urlValidator,
		ReadLimits readLimits, boolean inlineOnFailure, long segmentSize, int maxParallelSegments) {

	private static final ExternalLocationConfig DEFAULTS = new ExternalLocationConfig(null, 1L << 20,
			RetryPolicy.DEFAULT_MAX_RETRIES, RetryPolicy.DEFAULT_DELAY, FetchConfig.defaults(), null,
			UrlValidator.httpsOnly(), ReadLimits.defaults(), false, 32L << 20, 2);

	public ExternalLocationConfig {
		Assert.isTrue(externalizeThreshold >= 0, "'externalizeThreshold' must not be negative");
		Assert.isTrue(maxRetries >= 0 && maxRetries <= 2, "'maxRetries' must be 0, 1 or 2");
		Assert.isTrue(!retryDelay.isNegative(), "'retryDelay' must not be negative");
		Assert.notNull(fetchConfig, "'fetchConfig' must not be null");
		Assert.notNull(urlValidator, "'urlValidator' must not be null");
		Assert.notNull(readLimits, "'readLimits' must not be null");
		Assert.isTrue(segmentSize > 0, "'segmentSize' must be positive");
		Assert.isTrue(maxParallelSegments > 0, "'maxParallelSegments' must be positive");
	}

	/**
	 * Return the protocol's defaults without a storage: resolves pointers to https URLs.
	 * @return the shared instance, for resolving only
	 */
	public static ExternalLocationConfig defaults() {
		return DEFAULTS;
	}

	/**
	 * Return a copy with another {@code storage}.
	 * @param storage where oversized batches go; {@code null} for resolving only
	 * @return the copy
	 */
	public ExternalLocationConfig withStorage(@Nullable ExternalStorage storage) {
		return new ExternalLocationConfig(storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, this.urlValidator, this.readLimits, this.inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code externalizeThreshold}.
	 * @param externalizeThreshold bytes from which on a data batch goes to storage
	 * @return the copy
	 */
	public ExternalLocationConfig withExternalizeThreshold(long externalizeThreshold) {
		return new ExternalLocationConfig(this.storage, externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, this.urlValidator, this.readLimits, this.inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code maxRetries}.
	 * @param maxRetries further attempts of a fetch, at most 2
	 * @return the copy
	 */
	public ExternalLocationConfig withMaxRetries(int maxRetries) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, this.urlValidator, this.readLimits, this.inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code retryDelay}.
	 * @param retryDelay pause between attempts
	 * @return the copy
	 */
	public ExternalLocationConfig withRetryDelay(Duration retryDelay) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, retryDelay,
				this.fetchConfig, this.compression, this.urlValidator, this.readLimits, this.inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code fetchConfig}.
	 * @param fetchConfig how objects are fetched
	 * @return the copy
	 */
	public ExternalLocationConfig withFetchConfig(FetchConfig fetchConfig) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				fetchConfig, this.compression, this.urlValidator, this.readLimits, this.inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code compression}.
	 * @param compression how stored objects are compressed; {@code null} for not at all
	 * @return the copy
	 */
	public ExternalLocationConfig withCompression(@Nullable Compression compression) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, compression, this.urlValidator, this.readLimits, this.inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code urlValidator}.
	 * @param urlValidator asked before any URL is requested
	 * @return the copy
	 */
	public ExternalLocationConfig withUrlValidator(UrlValidator urlValidator) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, urlValidator, this.readLimits, this.inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code readLimits}.
	 * @param readLimits limits on the heap objects created from a stored object
	 * @return the copy
	 */
	public ExternalLocationConfig withReadLimits(ReadLimits readLimits) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, this.urlValidator, readLimits, this.inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code inlineOnFailure}.
	 * @param inlineOnFailure whether a batch that cannot be stored travels inline instead
	 * of failing the call
	 * @return the copy
	 */
	public ExternalLocationConfig withInlineOnFailure(boolean inlineOnFailure) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, this.urlValidator, this.readLimits, inlineOnFailure,
				this.segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code segmentSize}.
	 * @param segmentSize bytes of Arrow buffers from which on a segment of a result set
	 * is complete
	 * @return the copy
	 */
	public ExternalLocationConfig withSegmentSize(long segmentSize) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, this.urlValidator, this.readLimits, this.inlineOnFailure,
				segmentSize, this.maxParallelSegments);
	}

	/**
	 * Return a copy with another {@code maxParallelSegments}.
	 * @param maxParallelSegments most segments of a result set that are uploaded at once
	 * @return the copy
	 */
	public ExternalLocationConfig withMaxParallelSegments(int maxParallelSegments) {
		return new ExternalLocationConfig(this.storage, this.externalizeThreshold, this.maxRetries, this.retryDelay,
				this.fetchConfig, this.compression, this.urlValidator, this.readLimits, this.inlineOnFailure,
				this.segmentSize, maxParallelSegments);
	}

}
