package dev.vgi.external.storage.s3;

import java.time.Duration;
import java.util.Map;

import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.upload.Payload;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Settings of an {@link S3Storage}.
 *
 * @param bucket the bucket's name, or an access point's ARN
 * @param prefix put in front of every object's name unchanged, usually with a final
 * slash; may be empty; {@code vgi-rpc/}
 * @param presignExpiry how long a download URL works, from a second to 7 days; 1 h
 * @param uploadUrlExpiry how long both URLs of a vended pair work, from a second to 7
 * days; 15 min
 * @param encryption for the server's own uploads, or {@code null} for the bucket's
 * default
 * @param storageClass for the server's own uploads, or {@code null} for the bucket's
 * default
 * @param tags of the server's own uploads, at most 10
 * @param partSize size from which an upload is split, and size of its parts; 5 MiB to 5
 * GiB; 8 MiB
 * @param maxParallelParts most parts of one upload at once, positive; 4
 * @param maxRetries further attempts of each part; 2
 * @param timeout longest time for a whole upload, or for each part of one of unknown
 * length, retries included; 60 s. If the storage asks to retry later, attempts continue
 * within it
 * @param retryDelay pause before each further attempt; 0.5 s
 */
public record S3StorageSettings(String bucket, String prefix, Duration presignExpiry, Duration uploadUrlExpiry,
		@Nullable S3Encryption encryption, @Nullable String storageClass, Map<String, String> tags, long partSize,
		int maxParallelParts, int maxRetries, Duration timeout, Duration retryDelay) {

	/** Smallest part that S3 accepts, except for the last one. */
	private static final long SMALLEST_PART = 5L << 20;

	private static final long LARGEST_PART = 5L << 30;

	/** Most parts of an upload that S3 accepts. */
	static final int MOST_PARTS = 10_000;

	private static final Duration SHORTEST = Duration.ofSeconds(1);

	private static final Duration LONGEST = Duration.ofDays(7);

	public S3StorageSettings {
		Assert.hasText(bucket, "'bucket' must not be empty");
		ObjectKey.checkPrefix("'prefix'", prefix);
		Assert.isTrue(isSignable(presignExpiry), "'presignExpiry' must be from a second to 7 days");
		Assert.isTrue(isSignable(uploadUrlExpiry), "'uploadUrlExpiry' must be from a second to 7 days");
		tags = Map.copyOf(tags);
		Assert.isTrue(tags.size() <= 10, "'tags' must not be more than 10");
		Assert.isTrue(partSize >= SMALLEST_PART && partSize <= LARGEST_PART, "'partSize' must be from 5 MB to 5 GB");
		Assert.isTrue(maxParallelParts > 0, "'maxParallelParts' must be positive");
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
	public static S3StorageSettings of(String bucket) {
		return new S3StorageSettings(bucket, "vgi-rpc/", Duration.ofHours(1), Duration.ofMinutes(15), null, null,
				Map.of(), 8L << 20, 4, RetryPolicy.DEFAULT_MAX_RETRIES, Duration.ofSeconds(60),
				RetryPolicy.DEFAULT_DELAY);
	}

	/**
	 * Return a copy with another {@code prefix}.
	 * @param prefix put in front of every object's name unchanged, usually with a final
	 * slash; may be empty
	 * @return the copy
	 */
	public S3StorageSettings withPrefix(String prefix) {
		return new S3StorageSettings(this.bucket, prefix, this.presignExpiry, this.uploadUrlExpiry, this.encryption,
				this.storageClass, this.tags, this.partSize, this.maxParallelParts, this.maxRetries, this.timeout,
				this.retryDelay);
	}

	/**
	 * Return a copy with another {@code presignExpiry}.
	 * @param presignExpiry how long a download URL works, from a second to 7 days
	 * @return the copy
	 */
	public S3StorageSettings withPresignExpiry(Duration presignExpiry) {
		return new S3StorageSettings(this.bucket, this.prefix, presignExpiry, this.uploadUrlExpiry, this.encryption,
				this.storageClass, this.tags, this.partSize, this.maxParallelParts, this.maxRetries, this.timeout,
				this.retryDelay);
	}

	/**
	 * Return a copy with another {@code uploadUrlExpiry}.
	 * @param uploadUrlExpiry how long both URLs of a vended pair work, from a second to 7
	 * days
	 * @return the copy
	 */
	public S3StorageSettings withUploadUrlExpiry(Duration uploadUrlExpiry) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, uploadUrlExpiry, this.encryption,
				this.storageClass, this.tags, this.partSize, this.maxParallelParts, this.maxRetries, this.timeout,
				this.retryDelay);
	}

	/**
	 * Return a copy with another {@code encryption}.
	 * @param encryption for the server's own uploads, or {@code null} for the bucket's
	 * default
	 * @return the copy
	 */
	public S3StorageSettings withEncryption(@Nullable S3Encryption encryption) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry, encryption,
				this.storageClass, this.tags, this.partSize, this.maxParallelParts, this.maxRetries, this.timeout,
				this.retryDelay);
	}

	/**
	 * Return a copy with another {@code storageClass}.
	 * @param storageClass for the server's own uploads, or {@code null} for the bucket's
	 * default
	 * @return the copy
	 */
	public S3StorageSettings withStorageClass(@Nullable String storageClass) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry,
				this.encryption, storageClass, this.tags, this.partSize, this.maxParallelParts, this.maxRetries,
				this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code tags}.
	 * @param tags of the server's own uploads, at most 10
	 * @return the copy
	 */
	public S3StorageSettings withTags(Map<String, String> tags) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry,
				this.encryption, this.storageClass, tags, this.partSize, this.maxParallelParts, this.maxRetries,
				this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code partSize}.
	 * @param partSize size from which an upload is split, and size of its parts; 5 MiB to
	 * 5 GiB
	 * @return the copy
	 */
	public S3StorageSettings withPartSize(long partSize) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry,
				this.encryption, this.storageClass, this.tags, partSize, this.maxParallelParts, this.maxRetries,
				this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code maxParallelParts}.
	 * @param maxParallelParts most parts of one upload at once, positive
	 * @return the copy
	 */
	public S3StorageSettings withMaxParallelParts(int maxParallelParts) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry,
				this.encryption, this.storageClass, this.tags, this.partSize, maxParallelParts, this.maxRetries,
				this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code maxRetries}.
	 * @param maxRetries further attempts of each part
	 * @return the copy
	 */
	public S3StorageSettings withMaxRetries(int maxRetries) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry,
				this.encryption, this.storageClass, this.tags, this.partSize, this.maxParallelParts, maxRetries,
				this.timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code timeout}.
	 * @param timeout longest time for a whole upload, or for each part of one of unknown
	 * length, retries included
	 * @return the copy
	 */
	public S3StorageSettings withTimeout(Duration timeout) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry,
				this.encryption, this.storageClass, this.tags, this.partSize, this.maxParallelParts, this.maxRetries,
				timeout, this.retryDelay);
	}

	/**
	 * Return a copy with another {@code retryDelay}.
	 * @param retryDelay pause before each further attempt
	 * @return the copy
	 */
	public S3StorageSettings withRetryDelay(Duration retryDelay) {
		return new S3StorageSettings(this.bucket, this.prefix, this.presignExpiry, this.uploadUrlExpiry,
				this.encryption, this.storageClass, this.tags, this.partSize, this.maxParallelParts, this.maxRetries,
				this.timeout, retryDelay);
	}

	/**
	 * Return how large the parts of a payload are.
	 * @param maxLength most bytes of the payload
	 * @return the configured size, or a larger one that is necessary to stay within the
	 * number of parts that S3 accepts, if the length is known
	 */
	int partSize(long maxLength) {
		if (maxLength == Payload.UNKNOWN_LENGTH) {
			return (int) Math.min(Payload.LARGEST_PART, this.partSize);
		}
		return (int) Math.min(Payload.LARGEST_PART, Math.max(this.partSize, (maxLength - 1) / MOST_PARTS + 1));
	}

}
