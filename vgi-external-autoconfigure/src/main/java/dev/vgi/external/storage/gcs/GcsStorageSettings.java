package dev.vgi.external.storage.gcs;

import java.time.Duration;

import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.upload.Payload;

import org.springframework.util.Assert;

/**
 * Settings of a {@link GcsStorage}.
 *
 * @param bucket the bucket's name
 * @param prefix put in front of every object's name unchanged, usually with a final
 * slash; may be empty; {@code vgi-rpc/}
 * @param presignExpiry how long a download URL works, from a second to 7 days; 1 h
 * @param uploadUrlExpiry how long both URLs of a vended pair work, from a second to 7
 * days; 15 min
 * @param partSize size from which an upload is split into the chunks of a resumable
 * session, and size of a chunk, rounded down to a multiple of 256 KiB; 256 KiB to 1 GiB;
 * 8 MiB
 * @param maxRetries further attempts of each chunk; 2
 * @param timeout longest time for a whole upload, or for each part of one of unknown
 * length, retries included; 60 s. If the storage asks to retry later, attempts continue
 * within it
 * @param retryDelay pause before each further attempt; 0.5 s
 */
public record GcsStorageSettings(String bucket, String prefix, Duration presignExpiry, Duration uploadUrlExpiry,
		long partSize, int maxRetries, Duration timeout, Duration retryDelay) {

	/** A session accepts multiples of this size, except for the last chunk. */
	static final int CHUNK_UNIT = 256 << 10;

	private static final Duration SHORTEST = Duration.ofSeconds(1);

	/** Longest lifetime of a V4 signature. */
	static final Duration LONGEST = Duration.ofDays(7);

	public GcsStorageSettings {
		Assert.hasText(bucket, "'bucket' must not be empty");
		Assert.isTrue(bucket.indexOf('/') < 0, "'bucket' must be a name and not a path or URL");
		ObjectKey.checkPrefix("'prefix'", prefix);
		Assert.isTrue(prefix.indexOf('\r') < 0 && prefix.indexOf('\n') < 0, "'prefix' must not have line breaks");
		Assert.isTrue(isSignable(presignExpiry), "'presignExpiry' must be from a second to 7 days");
		Assert.isTrue(isSignable(uploadUrlExpiry), "'uploadUrlExpiry' must be from a second to 7 days");
		Assert.isTrue(partSize >= CHUNK_UNIT && partSize <= Payload.LARGEST_PART,
				"'partSize' must be from 256 KB to 1 GB");
		Assert.isTrue(maxRetries >= 0, "'maxRetries' must not be negative");
		Assert.isTrue(timeout.compareTo(Duration.ZERO) > 0, "'timeout' must be positive");
		Assert.isTrue(!retryDelay.isNegative(), "'retryDelay' must not be negative");
	}

	private static boolean isSignable(Duration expiry) {
		return expiry.compareTo(SHORTEST) >= 0 && expiry.compareTo(LONGEST) <= 0;
	}

	/**
	 * Return the defaults for a bucket.
	 * @param bucket the bucket's name
	 * @return settings with every other component at its default
	 */
	public static GcsStorageSettings of(String bucket) {
		return new GcsStorageSettings(bucket, "vgi-rpc/", Duration.ofHours(1), Duration.ofMinutes(15), 8L << 20,
				RetryPolicy.DEFAULT_MAX_RETRIES, Duration.ofSeconds(60), RetryPolicy.DEFAULT_DELAY);
	}

	/**
	 * Return a copy with another {@code prefix}.
	 * @param prefix put in front of every object's name unchanged, usually with a final
	 * slash; may be empty
	 * @return the copy
	 */
	public GcsStorageSettings withPrefix(String prefix) {
		return new GcsStorageSettings(this.bucket, prefix, this.presignExpiry, this.uploadUrlExpiry, this.partSize,
				this.maxRetries, this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code presignExpiry}.
	 * @param presignExpiry how long a download URL works, from a second to 7 days
	 * @return the copy
	 */
	public GcsStorageSettings withPresignExpiry(Duration presignExpiry) {
		return new GcsStorageSettings(this.bucket, this.prefix, presignExpiry, this.uploadUrlExpiry, this.partSize,
				this.maxRetries, this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code uploadUrlExpiry}.
	 * @param uploadUrlExpiry how long both URLs of a vended pair work, from a second to 7
	 * days
	 * @return the copy
	 */
	public GcsStorageSettings withUploadUrlExpiry(Duration uploadUrlExpiry) {
		return new GcsStorageSettings(this.bucket, this.prefix, this.presignExpiry, uploadUrlExpiry, this.partSize,
				this.maxRetries, this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code partSize}.
	 * @param partSize size from which an upload is split into the chunks of a resumable
	 * session, and size of a chunk, rounded down to a multiple of 256 KiB; 256 KiB to 1
	 * GiB
	 * @return the copy
	 */
	public GcsStorageSettings withPartSize(long partSize) {
		return new GcsStorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry, partSize,
				this.maxRetries, this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code maxRetries}.
	 * @param maxRetries further attempts of each chunk
	 * @return the copy
	 */
	public GcsStorageSettings withMaxRetries(int maxRetries) {
		return new GcsStorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry, this.partSize,
				maxRetries, this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code timeout}.
	 * @param timeout longest time for a whole upload, or for each part of one of unknown
	 * length, retries included
	 * @return the copy
	 */
	public GcsStorageSettings withTimeout(Duration timeout) {
		return new GcsStorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry, this.partSize,
				this.maxRetries, timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code retryDelay}.
	 * @param retryDelay pause before each further attempt
	 * @return the copy
	 */
	public GcsStorageSettings withRetryDelay(Duration retryDelay) {
		return new GcsStorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry, this.partSize,
				this.maxRetries, this.timeout, retryDelay);
	}

	/**
	 * Return how large a chunk is.
	 * @return bytes, a multiple of 256 KiB
	 */
	int chunkSize() {
		return (int) (this.partSize / CHUNK_UNIT * CHUNK_UNIT);
	}

}
