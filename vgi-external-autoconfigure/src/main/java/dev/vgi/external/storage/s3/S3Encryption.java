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

}
