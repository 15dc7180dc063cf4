package dev.vgi.external.autoconfigure.connection;

import java.net.URI;
import java.util.Arrays;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.docker.compose.core.ImageReference;
import org.springframework.boot.docker.compose.core.RunningService;
import org.springframework.boot.docker.compose.service.connection.DockerComposeConnectionDetailsFactory;
import org.springframework.boot.docker.compose.service.connection.DockerComposeConnectionSource;

/**
 * {@link DockerComposeConnectionDetailsFactory} to create
 * {@link S3StorageConnectionDetails} for the service of a store that speaks the protocol
 * of S3.
 */
class S3DockerComposeConnectionDetailsFactory
		extends DockerComposeConnectionDetailsFactory<S3StorageConnectionDetails> {

	private static final String NAME_LABEL = "org.springframework.boot.service-connection";

	S3DockerComposeConnectionDetailsFactory() {
		super(S3Image.allNames().toArray(String[]::new), "software.amazon.awssdk.services.s3.S3Client");
	}

	@Override
	protected @Nullable S3StorageConnectionDetails getDockerComposeConnectionDetails(
			DockerComposeConnectionSource source) {
		RunningService service = source.getRunningService();
		try {
			return new S3DockerComposeConnectionDetails(service, image(service));
		}
		catch (IllegalStateException ex) {
			// Its port is not published.
			return null;
		}
	}

	private static S3Image image(RunningService service) {
		String label = service.labels().get(NAME_LABEL);
		String name = ((label != null) ? ImageReference.of(label) : service.image()).getName();
		return Arrays.stream(S3Image.values())
			.filter((image) -> image.names().contains(name))
			.findFirst()
			.orElseThrow();
	}

	/**
	 * {@link S3StorageConnectionDetails} backed by a {@link RunningService}.
	 */
	private static final class S3DockerComposeConnectionDetails extends DockerComposeConnectionDetails
			implements ContainerConnection.S3 {

		private final @Nullable String bucket;

		private final URI endpoint;

		private final @Nullable String region;

		private final @Nullable String accessKey;

		private final @Nullable String secretKey;

		private S3DockerComposeConnectionDetails(RunningService service, S3Image image) {
			super(service);
			this.bucket = service.labels().get(ContainerConnection.BUCKET_LABEL);
			this.endpoint = URI.create("http://" + service.host() + ":" + service.ports().get(image.port()));
			this.region = image.region(service.env());
			this.accessKey = image.accessKey(service.env());
			this.secretKey = image.secretKey(service.env());
		}

		@Override
		public @Nullable String getBucket() {
			return this.bucket;
		}

		@Override
		public URI getEndpoint() {
			return this.endpoint;
		}

		@Override
		public @Nullable String getRegion() {
			return this.region;
		}

		@Override
		public @Nullable String getAccessKey() {
			return this.accessKey;
		}

		@Override
		public @Nullable String getSecretKey() {
			return this.secretKey;
		}

	}

}
