package dev.vgi.external.autoconfigure.connection;

import java.net.URI;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.autoconfigure.service.connection.ConnectionDetails;

/**
 * Details required to establish a connection to a bucket of Amazon S3 or of a compatible
 * store. A bean of this type selects S3 as storage, and replaces bucket, endpoint and
 * region of {@code vgi.external.s3}.
 */
public interface S3StorageConnectionDetails extends ConnectionDetails {

	/**
	 * Name of the bucket.
	 * @return the name, or {@code null} for that of {@code vgi.external.s3.bucket}
	 */
	default @Nullable String getBucket() {
		return null;
	}

	/**
	 * Endpoint of a compatible store. Callers of the service use it too.
	 * @return an absolute URL without path, or {@code null} for that of Spring Cloud AWS
	 */
	default @Nullable URI getEndpoint() {
		return null;
	}

	/**
	 * Region of the bucket.
	 * @return the region's name, or {@code null} for that of Spring Cloud AWS
	 */
	default @Nullable String getRegion() {
		return null;
	}

	/**
	 * Access key of the credentials.
	 * @return the access key, or {@code null} for the credentials of Spring Cloud AWS
	 */
	default @Nullable String getAccessKey() {
		return null;
	}

	/**
	 * Secret key of the credentials.
	 * @return the secret key, or {@code null} for the credentials of Spring Cloud AWS
	 */
	default @Nullable String getSecretKey() {
		return null;
	}

}
