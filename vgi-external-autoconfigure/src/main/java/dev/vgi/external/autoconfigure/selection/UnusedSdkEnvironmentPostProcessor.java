package dev.vgi.external.autoconfigure.selection;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

import org.apache.commons.logging.Log;

import org.springframework.boot.EnvironmentPostProcessor;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.logging.DeferredLogFactory;
import org.springframework.core.Ordered;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.PropertySource;
import org.springframework.util.ClassUtils;

/**
 * Allows a service to start with the SDKs of both clouds on its class path although it
 * uses only one: the other cloud's client would require a region or credentials that are
 * not configured. Sets defaults of the lowest precedence, and only if nothing at all is
 * configured for the other cloud.
 */
class UnusedSdkEnvironmentPostProcessor implements EnvironmentPostProcessor, Ordered {

	private static final String AWS = "io.awspring.cloud.autoconfigure.s3.S3AutoConfiguration";

	private static final String GCP = "com.google.cloud.spring.autoconfigure.storage.GcpStorageAutoConfiguration";

	private final Log logger;

	UnusedSdkEnvironmentPostProcessor(DeferredLogFactory logFactory) {
		this.logger = logFactory.getLog(UnusedSdkEnvironmentPostProcessor.class);
	}

	@Override
	public int getOrder() {
		// By then the configuration files have been read.
		return Ordered.LOWEST_PRECEDENCE;
	}

	@Override
	public void postProcessEnvironment(ConfigurableEnvironment environment, SpringApplication application) {
		Map<String, Object> defaults = new LinkedHashMap<>();
		StorageType selected = StorageSelection.of(environment).type();
		if (selected == null) {
			// Connection details, which are beans, may have the bucket of what is named.
			selected = StorageSelection.configured(environment);
		}
		ClassLoader classLoader = application.getClassLoader();
		// The only one is there for the application's own use, whose region or
		// credentials may be beans, or those of the machine.
		boolean both = ClassUtils.isPresent(AWS, classLoader) && ClassUtils.isPresent(GCP, classLoader);
		if (both && selected != StorageType.S3 && !isAwsConfigured(environment)) {
			if (mayHaveContainers(classLoader)) {
				// A container may turn up later, and is for the application's client too.
				defaults.put("spring.cloud.aws.s3.region", "us-east-1");
			}
			else {
				defaults.put("spring.cloud.aws.s3.enabled", "false");
			}
		}
		if (both && selected != StorageType.GCS && !isGcpConfigured(environment)) {
			defaults.put("spring.cloud.gcp.storage.enabled", "false");
			defaults.put("spring.cloud.gcp.core.enabled", "false");
		}
		String region = environment.getProperty("vgi.external.s3.region",
				environment.containsProperty("vgi.external.s3.endpoint") ? "us-east-1" : "");
		if (selected == StorageType.S3 && !region.isEmpty() && !isAwsRegionConfigured(environment)) {
			// Our client has its region, but Spring Cloud's would not start without one.
			// Only that client gets the region: others may find theirs elsewhere.
			defaults.put("spring.cloud.aws.s3.region", region);
		}
		if (!defaults.isEmpty()) {
			environment.getPropertySources().addLast(new MapPropertySource("vgiUnusedSdks", defaults));
			this.logger.info("Nothing else is configured for the clouds' clients: defaulted " + defaults);
		}
	}

	private static boolean mayHaveContainers(ClassLoader classLoader) {
		return ClassUtils.isPresent("org.springframework.boot.testcontainers.service.connection.ServiceConnection",
				classLoader)
				|| ClassUtils.isPresent("org.springframework.boot.docker.compose.core.RunningService", classLoader);
	}

	private static boolean isAwsConfigured(ConfigurableEnvironment environment) {
		return hasKeyWith(environment, "spring.cloud.aws.") || hasAny(environment, "aws.region")
				|| hasAny(environment, "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID",
						"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
				|| Files.exists(home(".aws", "config"));
	}

	private static boolean isAwsRegionConfigured(ConfigurableEnvironment environment) {
		return hasAny(environment, "spring.cloud.aws.s3.region", "spring.cloud.aws.region.static", "aws.region",
				"AWS_REGION") || hasKeyWith(environment, "spring.cloud.aws.region.")
				|| Files.exists(home(".aws", "config"));
	}

	private static boolean isGcpConfigured(ConfigurableEnvironment environment) {
		return hasKeyWith(environment, "spring.cloud.gcp.")
				|| hasAny(environment, "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT")
				|| Files.exists(home(".config", "gcloud", "application_default_credentials.json"));
	}

	private static boolean hasAny(ConfigurableEnvironment environment, String... names) {
		return Arrays.stream(names).anyMatch(environment::containsProperty);
	}

	private static Path home(String... path) {
		return Path.of(System.getProperty("user.home", "."), path);
	}

	private static boolean hasKeyWith(ConfigurableEnvironment environment, String prefix) {
		for (PropertySource<?> source : environment.getPropertySources()) {
			if (source instanceof EnumerablePropertySource<?> enumerable) {
				for (String name : enumerable.getPropertyNames()) {
					if (name.startsWith(prefix)) {
						return true;
					}
				}
			}
		}
		return false;
	}

}
