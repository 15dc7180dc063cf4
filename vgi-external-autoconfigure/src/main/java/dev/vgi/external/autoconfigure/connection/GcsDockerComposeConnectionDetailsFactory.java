package dev.vgi.external.autoconfigure.connection;

import java.net.URI;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.docker.compose.core.RunningService;
import org.springframework.boot.docker.compose.service.connection.DockerComposeConnectionDetailsFactory;
import org.springframework.boot.docker.compose.service.connection.DockerComposeConnectionSource;

/**
 * {@link DockerComposeConnectionDetailsFactory} to create
 * {@link GcsStorageConnectionDetails} for a {@code fsouza/fake-gcs-server} service, which
 * has to serve http.
 */
class GcsDockerComposeConnectionDetailsFactory
		extends DockerComposeConnectionDetailsFactory<GcsStorageConnectionDetails> {

	private static final int PORT = 4443;

	GcsDockerComposeConnectionDetailsFactory() {
		super("fsouza/fake-gcs-server", "com.google.cloud.storage.Storage");
	}

	@Override
	protected @Nullable GcsStorageConnectionDetails getDockerComposeConnectionDetails(
			DockerComposeConnectionSource source) {
		try {
			return new GcsDockerComposeConnectionDetails(source.getRunningService());
		}
		catch (IllegalStateException ex) {
			// Its port is not published.
			return null;
		}
	}

	/**
	 * {@link GcsStorageConnectionDetails} backed by a {@link RunningService}.
	 */
	private static final class GcsDockerComposeConnectionDetails extends DockerComposeConnectionDetails
			implements ContainerConnection.Gcs {

		private final @Nullable String bucket;

		private final URI endpoint;

		private GcsDockerComposeConnectionDetails(RunningService service) {
			super(service);
			this.bucket = service.labels().get(ContainerConnection.BUCKET_LABEL);
			this.endpoint = URI.create("http://" + service.host() + ":" + service.ports().get(PORT));
		}

		@Override
		public @Nullable String getBucket() {
			return this.bucket;
		}

		@Override
		public URI getEndpoint() {
			return this.endpoint;
		}

	}

}
