package dev.vgi.external.fetch;

import java.time.Duration;

import org.springframework.util.Assert;

/**
 * How objects are fetched. The defaults are the protocol's.
 *
 * @param probe how to find out the size of an object
 * @param parallelThreshold bytes from which on ranges are fetched in parallel; 64 MiB
 * @param chunkSize bytes of the largest range; 8 MiB
 * @param maxParallelRequests requests of one fetch at once, hedges included; 8
 * @param timeout overall deadline of a fetch, body and waiting included; 60 s
 * @param maxFetchSize most encoded bytes, inclusive; 256 MiB
 * @param maxDecompressedSize most decoded bytes, inclusive, of the content coding and of
 * compressed Arrow buffers; 16 times {@code maxFetchSize}
 * @param maxRedirects redirects followed, each validated; 5
 * @param speculativeRetryMultiplier a chunk is hedged after this multiple of the median
 * chunk time; 2.0, 0 turns hedging off
 * @param maxSpeculativeHedges hedges of one fetch; 4, 0 for no limit
 * @param prefetchSize decoded bytes that one reader of several batches may fetch ahead,
 * and an eighth more if the last one does not fit exactly; the next batch is fetched
 * whatever its size; 0 for 64 MiB or a quarter of the memory budget, whichever is less
 */
public record FetchConfig(Probe probe, long parallelThreshold, long chunkSize, int maxParallelRequests,
		Duration timeout, long maxFetchSize, long maxDecompressedSize, int maxRedirects,
		double speculativeRetryMultiplier, int maxSpeculativeHedges, long prefetchSize) {

	private static final FetchConfig DEFAULTS = new FetchConfig(Probe.RANGE, 64L << 20, 8L << 20, 8,
			Duration.ofSeconds(60), 256L << 20, 4L << 30, 5, 2.0, 4, 0);

	public FetchConfig {
		Assert.notNull(probe, "'probe' must not be null");
		Assert.isTrue(parallelThreshold > 0, "'parallelThreshold' must be positive");
		Assert.isTrue(chunkSize > 0 && chunkSize <= Integer.MAX_VALUE, "'chunkSize' must be positive and below 2 GiB");
		Assert.isTrue(maxParallelRequests > 0, "'maxParallelRequests' must be positive");
		Assert.isTrue(!timeout.isNegative() && !timeout.isZero(), "'timeout' must be positive");
		Assert.isTrue(maxFetchSize > 0, "'maxFetchSize' must be positive");
		Assert.isTrue(maxDecompressedSize > 0, "'maxDecompressedSize' must be positive");
		Assert.isTrue(maxRedirects >= 0, "'maxRedirects' must not be negative");
		Assert.isTrue(speculativeRetryMultiplier == 0 || speculativeRetryMultiplier >= 1,
				"'speculativeRetryMultiplier' must be 0 or at least 1");
		Assert.isTrue(maxSpeculativeHedges >= 0, "'maxSpeculativeHedges' must not be negative");
		Assert.isTrue(prefetchSize >= 0, "'prefetchSize' must not be negative");
	}

	/**
	 * Return the protocol's defaults.
	 * @return the shared instance
	 */
	public static FetchConfig defaults() {
		return DEFAULTS;
	}

	/**
	 * Return a copy with another {@code probe}.
	 * @param probe how to find out the size of an object
	 * @return the copy
	 */
	public FetchConfig withProbe(Probe probe) {
		return new FetchConfig(probe, this.parallelThreshold, this.chunkSize, this.maxParallelRequests, this.timeout,
				this.maxFetchSize, this.maxDecompressedSize, this.maxRedirects, this.speculativeRetryMultiplier,
				this.maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code parallelThreshold}.
	 * @param parallelThreshold bytes from which on ranges are fetched in parallel
	 * @return the copy
	 */
	public FetchConfig withParallelThreshold(long parallelThreshold) {
		return new FetchConfig(this.probe, parallelThreshold, this.chunkSize, this.maxParallelRequests, this.timeout,
				this.maxFetchSize, this.maxDecompressedSize, this.maxRedirects, this.speculativeRetryMultiplier,
				this.maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code chunkSize}.
	 * @param chunkSize bytes of the largest range
	 * @return the copy
	 */
	public FetchConfig withChunkSize(long chunkSize) {
		return new FetchConfig(this.probe, this.parallelThreshold, chunkSize, this.maxParallelRequests, this.timeout,
				this.maxFetchSize, this.maxDecompressedSize, this.maxRedirects, this.speculativeRetryMultiplier,
				this.maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code maxParallelRequests}.
	 * @param maxParallelRequests requests of one fetch at once, hedges included
	 * @return the copy
	 */
	public FetchConfig withMaxParallelRequests(int maxParallelRequests) {
		return new FetchConfig(this.probe, this.parallelThreshold, this.chunkSize, maxParallelRequests, this.timeout,
				this.maxFetchSize, this.maxDecompressedSize, this.maxRedirects, this.speculativeRetryMultiplier,
				this.maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code timeout}.
	 * @param timeout overall deadline of a fetch, body and waiting included
	 * @return the copy
	 */
	public FetchConfig withTimeout(Duration timeout) {
		return new FetchConfig(this.probe, this.parallelThreshold, this.chunkSize, this.maxParallelRequests, timeout,
				this.maxFetchSize, this.maxDecompressedSize, this.maxRedirects, this.speculativeRetryMultiplier,
				this.maxSpeculativeHedges, this.prefetchSize);
	}

	void checkSize(long encoded) {
		if (encoded > this.maxFetchSize) {
			throw new PayloadTooLargeException("max_fetch_bytes", this.maxFetchSize,
					"vgi.external.fetch.max-fetch-size");
		}
	}

	void checkDecodedSize(long decoded) {
		if (decoded > this.maxDecompressedSize) {
			throw decodedTooLarge();
		}
	}

	/**
	 * Create the error for an object of more than {@code maxDecompressedSize} bytes.
	 * @return the error, to be thrown
	 */
	public PayloadTooLargeException decodedTooLarge() {
		return new PayloadTooLargeException("max_decompressed_bytes", this.maxDecompressedSize,
				"vgi.external.fetch.max-decompressed-size");
	}

	/**
	 * Return a copy with another {@code maxFetchSize}.
	 * @param maxFetchSize most encoded bytes, inclusive
	 * @return the copy
	 */
	public FetchConfig withMaxFetchSize(long maxFetchSize) {
		return new FetchConfig(this.probe, this.parallelThreshold, this.chunkSize, this.maxParallelRequests,
				this.timeout, maxFetchSize, this.maxDecompressedSize, this.maxRedirects,
				this.speculativeRetryMultiplier, this.maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code maxDecompressedSize}.
	 * @param maxDecompressedSize most decoded bytes, inclusive
	 * @return the copy
	 */
	public FetchConfig withMaxDecompressedSize(long maxDecompressedSize) {
		return new FetchConfig(this.probe, this.parallelThreshold, this.chunkSize, this.maxParallelRequests,
				this.timeout, this.maxFetchSize, maxDecompressedSize, this.maxRedirects,
				this.speculativeRetryMultiplier, this.maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code maxRedirects}.
	 * @param maxRedirects redirects followed, each validated
	 * @return the copy
	 */
	public FetchConfig withMaxRedirects(int maxRedirects) {
		return new FetchConfig(this.probe, this.parallelThreshold, this.chunkSize, this.maxParallelRequests,
				this.timeout, this.maxFetchSize, this.maxDecompressedSize, maxRedirects,
				this.speculativeRetryMultiplier, this.maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code speculativeRetryMultiplier}.
	 * @param speculativeRetryMultiplier a chunk is hedged after this multiple of the
	 * median chunk time
	 * @return the copy
	 */
	public FetchConfig withSpeculativeRetryMultiplier(double speculativeRetryMultiplier) {
		return new FetchConfig(this.probe, this.parallelThreshold, this.chunkSize, this.maxParallelRequests,
				this.timeout, this.maxFetchSize, this.maxDecompressedSize, this.maxRedirects,
				speculativeRetryMultiplier, this.maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code maxSpeculativeHedges}.
	 * @param maxSpeculativeHedges hedges of one fetch
	 * @return the copy
	 */
	public FetchConfig withMaxSpeculativeHedges(int maxSpeculativeHedges) {
		return new FetchConfig(this.probe, this.parallelThreshold, this.chunkSize, this.maxParallelRequests,
				this.timeout, this.maxFetchSize, this.maxDecompressedSize, this.maxRedirects,
				this.speculativeRetryMultiplier, maxSpeculativeHedges, this.prefetchSize);
	}

	/**
	 * Return a copy with another {@code prefetchSize}.
	 * @param prefetchSize decoded bytes that one reader of several batches may fetch
	 * ahead
	 * @return the copy
	 */
	public FetchConfig withPrefetchSize(long prefetchSize) {
		return new FetchConfig(this.probe, this.parallelThreshold, this.chunkSize, this.maxParallelRequests,
				this.timeout, this.maxFetchSize, this.maxDecompressedSize, this.maxRedirects,
				this.speculativeRetryMultiplier, this.maxSpeculativeHedges, prefetchSize);
	}

	/**
	 * How to find out the size of an object.
	 */
	public enum Probe {

		/** The first ranged GET serves as both the probe and the first chunk. */
		RANGE,

		/** HEAD first; a ranged GET where the URL is signed or HEAD is refused. */
		HEAD

	}

}
