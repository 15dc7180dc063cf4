package dev.vgi.external.autoconfigure.connection;

import java.net.URI;

import org.jspecify.annotations.Nullable;
import org.testcontainers.containers.Container;
import org.testcontainers.containers.GenericContainer;

import org.springframework.boot.testcontainers.service.connection.ContainerConnectionDetailsFactory;
import org.springframework.boot.testcontainers.service.connection.ContainerConnectionSource;
import org.springframework.boot.testcontainers.service.connection.ServiceConnection;

/**
 * {@link ContainerConnectionDetailsFactory} to create {@link GcsStorageConnectionDetails}
 * from a {@link ServiceConnection @ServiceConnection}-annotated container using the
 * {@code "fsouza/fake-gcs-server"} image, which has to serve http.
 */
class GcsContainerConnectionDetailsFactory
		extends ContainerConnectionDetailsFactory<Container<?>, GcsStorageConnectionDetails> {

	private static final int PORT = 4443;

	GcsContainerConnectionDetailsFactory() {
		super("fsouza/fake-gcs-server", "com.google.cloud.storage.Storage");
	}

	@Override
	protected GcsStorageConnectionDetails getContainerConnectionDetails(
			ContainerConnectionSource<Container<?>> source) {
		return new GcsContainerConnectionDetails(source);
	}

	/**
	 * {@link GcsStorageConnectionDetails} backed by a {@link ContainerConnectionSource}.
	 */
	private static final class GcsContainerConnectionDetails extends ContainerConnectionDetails<Container<?>>
			implements ContainerConnection.Gcs {

		private GcsContainerConnectionDetails(ContainerConnectionSource<Container<?>> source) {
			super(source);
		}

		@Override
		public @Nullable String getBucket() {
			return (getContainer() instanceof GenericContainer<?> container)
					? container.getLabels().get(ContainerConnection.BUCKET_LABEL) : null;
		}

		@Override
		public URI getEndpoint() {
			return URI.create("http://" + getContainer().getHost() + ":" + getContainer().getMappedPort(PORT));
		}

	}

}
