package dev.vgi.external.autoconfigure.connection;

import java.net.URI;
import java.util.Objects;

import org.jspecify.annotations.Nullable;
import org.testcontainers.containers.Container;
import org.testcontainers.containers.GenericContainer;

import org.springframework.boot.testcontainers.service.connection.ContainerConnectionDetailsFactory;
import org.springframework.boot.testcontainers.service.connection.ContainerConnectionSource;
import org.springframework.boot.testcontainers.service.connection.ServiceConnection;
import org.springframework.util.ClassUtils;

/**
 * {@link ContainerConnectionDetailsFactory} to create {@link S3StorageConnectionDetails}
 * from a {@link ServiceConnection @ServiceConnection}-annotated container of a store that
 * speaks the protocol of S3.
 */
class S3ContainerConnectionDetailsFactory
		extends ContainerConnectionDetailsFactory<Container<?>, S3StorageConnectionDetails> {

	S3ContainerConnectionDetailsFactory() {
		super(S3Image.allNames(), "software.amazon.awssdk.services.s3.S3Client");
	}

	@Override
	protected boolean sourceAccepts(ContainerConnectionSource<Container<?>> source, Class<?> requiredContainerType,
			Class<?> requiredConnectionDetailsType) {
		return image(source) != null;
	}

	@Override
	protected @Nullable S3StorageConnectionDetails getContainerConnectionDetails(
			ContainerConnectionSource<Container<?>> source) {
		return new S3ContainerConnectionDetails(source, Objects.requireNonNull(image(source)));
	}

	// One factory for all containers: of two that accept one, Boot uses neither.
	private static @Nullable S3Image image(ContainerConnectionSource<Container<?>> source) {
		for (S3Image image : S3Image.values()) {
			if (image.names().stream().anyMatch((name) -> accepts(source, name, Container.class))) {
				return image;
			}
		}
		for (S3Image image : S3Image.values()) {
			if (image.containerTypes().stream().anyMatch((type) -> isOf(source, type))) {
				return image;
			}
		}
		return null;
	}

	private static boolean isOf(ContainerConnectionSource<Container<?>> source, String typeName) {
		ClassLoader classLoader = Container.class.getClassLoader();
		return ClassUtils.isPresent(typeName, classLoader)
				&& accepts(source, null, ClassUtils.resolveClassName(typeName, classLoader));
	}

	private static boolean accepts(ContainerConnectionSource<Container<?>> source, @Nullable String name,
			Class<?> containerType) {
		return source.accepts(name, containerType, S3StorageConnectionDetails.class);
	}

	/**
	 * {@link S3StorageConnectionDetails} backed by a {@link ContainerConnectionSource}.
	 */
	private static final class S3ContainerConnectionDetails extends ContainerConnectionDetails<Container<?>>
			implements ContainerConnection.S3 {

		private final S3Image image;

		private S3ContainerConnectionDetails(ContainerConnectionSource<Container<?>> source, S3Image image) {
			super(source);
			this.image = image;
		}

		@Override
		public @Nullable String getBucket() {
			return (getContainer() instanceof GenericContainer<?> container)
					? container.getLabels().get(ContainerConnection.BUCKET_LABEL) : null;
		}

		@Override
		public URI getEndpoint() {
			Container<?> container = getContainer();
			return URI.create("http://" + container.getHost() + ":" + container.getMappedPort(this.image.port()));
		}

		@Override
		public @Nullable String getRegion() {
			return this.image.region(getContainer().getEnvMap());
		}

		@Override
		public @Nullable String getAccessKey() {
			return this.image.accessKey(getContainer().getEnvMap());
		}

		@Override
		public @Nullable String getSecretKey() {
			return this.image.secretKey(getContainer().getEnvMap());
		}

	}

}
