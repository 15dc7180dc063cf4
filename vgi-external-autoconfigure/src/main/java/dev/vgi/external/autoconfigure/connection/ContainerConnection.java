package dev.vgi.external.autoconfigure.connection;

import java.net.URI;

import dev.vgi.external.Internal;

/**
 * A connection to a container that Testcontainers or Docker Compose has started. Its
 * bucket is made when the application starts, and its URLs may be fetched although they
 * are neither https nor public.
 */
@Internal
public interface ContainerConnection {

	/** Label of a container with the name of its bucket. */
	String BUCKET_LABEL = "dev.vgi.external.bucket";

	/** Name of the bucket if neither a label nor a property has one. */
	String DEFAULT_BUCKET = "vgi-external";

	/**
	 * Endpoint of the container on this machine.
	 * @return an absolute URL without path
	 */
	URI getEndpoint();

	/**
	 * To a store that speaks the protocol of S3.
	 */
	@Internal
	interface S3 extends ContainerConnection, S3StorageConnectionDetails {

		@Override
		URI getEndpoint();

	}

	/**
	 * To an emulator of Google Cloud Storage.
	 */
	@Internal
	interface Gcs extends ContainerConnection, GcsStorageConnectionDetails {

		@Override
		URI getEndpoint();

	}

}
