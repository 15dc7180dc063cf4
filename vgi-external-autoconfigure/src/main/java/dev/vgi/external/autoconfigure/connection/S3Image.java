package dev.vgi.external.autoconfigure.connection;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/**
 * What is known of the images of stores that speak the protocol of S3: their port, and
 * which of their variables have the credentials.
 */
enum S3Image {

	/** Stores nothing for long, and verifies no signature. */
	S3MOCK(List.of("adobe/s3mock"), List.of(), 9090, List.of(), "any", List.of(), "any", List.of()),

	/** All services of AWS in one; Floci took over its variables. */
	LOCALSTACK(List.of("localstack/localstack", "localstack/localstack-pro", "floci/floci"),
			List.of("org.testcontainers.localstack.LocalStackContainer",
					"org.testcontainers.containers.localstack.LocalStackContainer"),
			4566, List.of("AWS_ACCESS_KEY_ID"), "test", List.of("AWS_SECRET_ACCESS_KEY"), "test",
			List.of("DEFAULT_REGION", "AWS_DEFAULT_REGION")),

	MINIO(List.of("minio/minio"), List.of("org.testcontainers.containers.MinIOContainer"), 9000,
			List.of("MINIO_ROOT_USER", "MINIO_ACCESS_KEY"), "minioadmin",
			List.of("MINIO_ROOT_PASSWORD", "MINIO_SECRET_KEY"), "minioadmin",
			List.of("MINIO_SITE_REGION", "MINIO_REGION")),

	RUSTFS(List.of("rustfs/rustfs"), List.of(), 9000, List.of("RUSTFS_ACCESS_KEY"), "rustfsadmin",
			List.of("RUSTFS_SECRET_KEY"), "rustfsadmin", List.of("RUSTFS_REGION")),

	/** Does not start without credentials. */
	VERSITYGW(List.of("versity/versitygw"), List.of(), 7070, List.of("ROOT_ACCESS_KEY_ID", "ROOT_ACCESS_KEY"), null,
			List.of("ROOT_SECRET_ACCESS_KEY", "ROOT_SECRET_KEY"), null, List.of("VGW_REGION"));

	/** The region of stores that were not told theirs. */
	private static final String ANY_REGION = "us-east-1";

	private final List<String> names;

	private final List<String> containerTypes;

	private final int port;

	private final List<String> accessKey;

	private final @Nullable String defaultAccessKey;

	private final List<String> secretKey;

	private final @Nullable String defaultSecretKey;

	private final List<String> region;

	S3Image(List<String> names, List<String> containerTypes, int port, List<String> accessKey,
			@Nullable String defaultAccessKey, List<String> secretKey, @Nullable String defaultSecretKey,
			List<String> region) {
		this.names = names;
		this.containerTypes = containerTypes;
		this.port = port;
		this.accessKey = accessKey;
		this.defaultAccessKey = defaultAccessKey;
		this.secretKey = secretKey;
		this.defaultSecretKey = defaultSecretKey;
		this.region = region;
	}

	/**
	 * Return the names of all images.
	 * @return names without registry and tag
	 */
	static List<String> allNames() {
		return Arrays.stream(values()).map(S3Image::names).flatMap(List::stream).toList();
	}

	List<String> names() {
		return this.names;
	}

	/**
	 * Return the types of Testcontainers that are made for the image.
	 * @return names of classes, which may be missing
	 */
	List<String> containerTypes() {
		return this.containerTypes;
	}

	int port() {
		return this.port;
	}

	@Nullable String accessKey(Map<String, ? extends @Nullable String> variables) {
		return first(this.accessKey, variables, this.defaultAccessKey);
	}

	@Nullable String secretKey(Map<String, ? extends @Nullable String> variables) {
		return first(this.secretKey, variables, this.defaultSecretKey);
	}

	@Nullable String region(Map<String, ? extends @Nullable String> variables) {
		return first(this.region, variables, ANY_REGION);
	}

	private static @Nullable String first(List<String> names, Map<String, ? extends @Nullable String> variables,
			@Nullable String otherwise) {
		Stream<@Nullable String> values = names.stream().map(variables::get);
		return values.filter(Objects::nonNull).findFirst().orElse(otherwise);
	}

}
