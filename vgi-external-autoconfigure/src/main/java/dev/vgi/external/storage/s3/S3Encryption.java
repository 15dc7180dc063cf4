package dev.vgi.external.storage.s3;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * How the storage encrypts what the server uploads.
 *
 * @param algorithm {@code AES256}, {@code aws:kms} or {@code aws:kms:dsse}
 * @param kmsKeyId the KMS key, only with one of the KMS algorithms; or {@code null} for
 * the account's default key
 * @param bucketKey whether to request an S3 bucket key, which saves calls to KMS; only
 * with {@code aws:kms}
 */
public record S3Encryption(String algorithm, @Nullable String kmsKeyId, boolean bucketKey) {

	public S3Encryption {
		boolean kms = "aws:kms".equals(algorithm) || "aws:kms:dsse".equals(algorithm);
		Assert.isTrue(kms || "AES256".equals(algorithm), "'algorithm' must be AES256, aws:kms or aws:kms:dsse");
		Assert.isTrue(kms || kmsKeyId == null, "'kmsKeyId' needs a KMS algorithm");
		Assert.isTrue(!bucketKey || "aws:kms".equals(algorithm), "'bucketKey' needs aws:kms");
	}

	/**
	 * Return the defaults for an algorithm.
	 * @param algorithm {@code AES256}, {@code aws:kms} or {@code aws:kms:dsse}
	 * @return encryption with the account's default key and without a bucket key
	 */
	public static S3Encryption of(String algorithm) {
		return new S3Encryption(algorithm, null, false);
	}

	/**
	 * Return a copy with another {@code kmsKeyId}.
	 * @param kmsKeyId the KMS key, only with one of the KMS algorithms; or {@code null}
	 * for the account's default key
	 * @return the copy
	 */
	public S3Encryption withKmsKeyId(@Nullable String kmsKeyId) {
		return new S3Encryption(this.algorithm, kmsKeyId, this.bucketKey);
	}

	/**
	 * Return a copy with another {@code bucketKey}.
	 * @param bucketKey whether to request an S3 bucket key, which saves calls to KMS
	 * @return the copy
	 */
	public S3Encryption withBucketKey(boolean bucketKey) {
		return new S3Encryption(this.algorithm, this.kmsKeyId, bucketKey);
	}

}
