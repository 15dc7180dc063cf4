package dev.vgi.external.autoconfigure.connection;

import java.net.URI;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.autoconfigure.service.connection.ConnectionDetails;

/**
 * Details required to establish a connection to a bucket of Google Cloud Storage. A bean
 * of this type selects GCS as storage, and replaces bucket and project of
 * {@code vgi.external.gcs}. Credentials are those of Spring Cloud GCP.
 */
public interface GcsStorageConnectionDetails extends ConnectionDetails {

	/**
	 * Name of the bucket.
	 * @return the name, or {@code null} for that of {@code vgi.external.gcs.bucket}
	 */
	default @Nullable String getBucket() {
		return null;
	}

	/**
	 * Endpoint of an emulator or of a private connection. Callers of the service use it
	 * too.
	 * @return an absolute URL without path, or {@code null} for that of Spring Cloud GCP
	 */
	default @Nullable URI getEndpoint() {
		return null;
	}

	/**
	 * Project of the client.
	 * @return the project's identifier, or {@code null} for that of Spring Cloud GCP
	 */
	default @Nullable String getProject() {
		return null;
	}

}
