package dev.vgi.external.autoconfigure.connection;

import java.net.URI;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * What {@code vgi.external.s3} says.
 */
@Internal
public final class PropertiesS3StorageConnectionDetails implements S3StorageConnectionDetails {

	/** Name of its bean, which selects nothing: its properties do. */
	public static final String BEAN_NAME = "vgiS3StorageConnectionDetails";

	private final @Nullable String bucket;

	private final @Nullable URI endpoint;

	private final @Nullable String region;

	/**
	 * Create connection details.
	 * @param bucket the bucket, or {@code null}
	 * @param endpoint the endpoint, or {@code null}
	 * @param region the region, or {@code null}
	 */
	public PropertiesS3StorageConnectionDetails(@Nullable String bucket, @Nullable URI endpoint,
			@Nullable String region) {
		this.bucket = bucket;
		this.endpoint = endpoint;
		this.region = region;
	}

	@Override
	public @Nullable String getBucket() {
		return this.bucket;
	}

	@Override
	public @Nullable URI getEndpoint() {
		return this.endpoint;
	}

	@Override
	public @Nullable String getRegion() {
		return this.region;
	}

}
