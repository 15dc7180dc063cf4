package dev.vgi.external.autoconfigure.connection;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * What {@code vgi.external.gcs} says.
 */
@Internal
public final class PropertiesGcsStorageConnectionDetails implements GcsStorageConnectionDetails {

	/** Name of its bean, which selects nothing: its properties do. */
	public static final String BEAN_NAME = "vgiGcsStorageConnectionDetails";

	private final @Nullable String bucket;

	private final @Nullable String project;

	/**
	 * Create connection details.
	 * @param bucket the bucket, or {@code null}
	 * @param project the project, or {@code null}
	 */
	public PropertiesGcsStorageConnectionDetails(@Nullable String bucket, @Nullable String project) {
		this.bucket = bucket;
		this.project = project;
	}

	@Override
	public @Nullable String getBucket() {
		return this.bucket;
	}

	@Override
	public @Nullable String getProject() {
		return this.project;
	}

}
