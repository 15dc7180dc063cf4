package dev.vgi.external.autoconfigure.selection;

import java.util.Locale;
import java.util.stream.Stream;

import dev.vgi.external.Internal;
import dev.vgi.external.autoconfigure.connection.ContainerConnection;
import dev.vgi.external.autoconfigure.connection.GcsStorageConnectionDetails;
import dev.vgi.external.autoconfigure.connection.PropertiesGcsStorageConnectionDetails;
import dev.vgi.external.autoconfigure.connection.PropertiesS3StorageConnectionDetails;
import dev.vgi.external.autoconfigure.connection.S3StorageConnectionDetails;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import org.jspecify.annotations.Nullable;

import org.springframework.aot.AotDetector;
import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.service.connection.ConnectionDetails;
import org.springframework.boot.cloud.CloudPlatform;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.origin.Origin;
import org.springframework.boot.web.context.reactive.ConfigurableReactiveWebEnvironment;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;
import org.springframework.util.StringUtils;
import org.springframework.web.context.ConfigurableWebEnvironment;

/**
 * The storage that the settings and connection details select.
 *
 * @param type the backend, never {@code AUTO}; {@code null} if the settings do not decide
 * @param problem why no storage is selected, or {@code null}
 * @param action which key to set, or {@code null}
 */
@Internal
public record StorageSelection(@Nullable StorageType type, @Nullable String problem, @Nullable String action) {

	private static final String S3_BUCKET = "vgi.external.s3.bucket";

	private static final String GCS_BUCKET = "vgi.external.gcs.bucket";

	private static final String BASE_URL = "vgi.external.local.base-url";

	private static final boolean SPRING_WEB = ClassUtils.isPresent(
			"org.springframework.web.context.ConfigurableWebEnvironment", StorageSelection.class.getClassLoader());

	/**
	 * Read the settings.
	 * @param environment contains the settings
	 * @return the selection, as if there were no connection details
	 */
	public static StorageSelection of(Environment environment) {
		return of(environment, null);
	}

	/**
	 * Read the settings, and look for connection details.
	 * @param environment contains the settings
	 * @param beans contains the connection details, or {@code null}
	 * @return the selection
	 */
	public static StorageSelection of(Environment environment, @Nullable ListableBeanFactory beans) {
		if (!isEnabled(environment)) {
			return selected(StorageType.NONE);
		}
		StorageType type = configured(environment);
		boolean s3 = StringUtils.hasText(environment.getProperty(S3_BUCKET))
				|| isConnected(beans, S3StorageConnectionDetails.class, PropertiesS3StorageConnectionDetails.BEAN_NAME);
		boolean gcs = StringUtils.hasText(environment.getProperty(GCS_BUCKET)) || isConnected(beans,
				GcsStorageConnectionDetails.class, PropertiesGcsStorageConnectionDetails.BEAN_NAME);
		boolean kubernetes = CloudPlatform.KUBERNETES.isActive(environment);
		return switch (type) {
			case S3 -> s3 ? selected(type) : missing(type, S3_BUCKET);
			case GCS -> gcs ? selected(type) : missing(type, GCS_BUCKET);
			case AUTO -> auto(s3, gcs, kubernetes, servesLocal(environment));
			case LOCAL, NONE -> selected(type);
		};
	}

	private static boolean isConnected(@Nullable ListableBeanFactory beans, Class<? extends ConnectionDetails> type,
			String ofProperties) {
		return beans != null && Stream.of(BeanFactoryUtils.beanNamesForTypeIncludingAncestors(beans, type, true, false))
			.anyMatch((name) -> !name.equals(ofProperties));
	}

	/**
	 * Read which storage is named, whether it has a bucket or not.
	 * @param environment contains the settings
	 * @return the storage, by default {@code AUTO}
	 */
	static StorageType configured(Environment environment) {
		return Binder.get(environment).bind("vgi.external.storage", StorageType.class).orElse(StorageType.AUTO);
	}

	// Links into a local folder lead to this service, or to another one that shares it.
	private static boolean servesLocal(Environment environment) {
		return StringUtils.hasText(environment.getProperty(BASE_URL)) || hasWebServer(environment);
	}

	// Before the type of the application is final, the setting decides; later, the
	// environment is of that type.
	private static boolean hasWebServer(Environment environment) {
		return Binder.get(environment)
			.bind("spring.main.web-application-type", WebApplicationType.class)
			.map((type) -> type != WebApplicationType.NONE)
			.orElseGet(() -> SPRING_WEB && environment instanceof ConfigurableWebEnvironment
					|| environment instanceof ConfigurableReactiveWebEnvironment);
	}

	/**
	 * Return whether results stay inline because nobody could fetch them from the local
	 * folder.
	 * @param environment contains the settings
	 * @return whether the storage is {@code auto} in an application without web server
	 */
	public static boolean isInlineWithoutWebServer(Environment environment) {
		return isEnabled(environment) && configured(environment) == StorageType.AUTO
				&& of(environment).type() == StorageType.NONE;
	}

	private static boolean isEnabled(Environment environment) {
		return environment.getProperty("vgi.external.enabled", Boolean.class, true);
	}

	/**
	 * Refuse the start if the settings do not select the storage that is about to be
	 * created, as after ahead-of-time processing with other settings.
	 * @param type the storage
	 * @param environment contains the settings
	 * @param beans contains the connection details
	 */
	public static void require(StorageType type, Environment environment, ListableBeanFactory beans) {
		// Nothing is used if the library is disabled.
		if (isEnabled(environment)) {
			StorageSelection selection = of(environment, beans);
			if (selection.type() != type) {
				throw selection.refusal(type);
			}
		}
	}

	/**
	 * Refuse the start if the settings select a storage although none was created.
	 * @param environment contains the settings
	 * @param beans contains the connection details
	 */
	public static void requireNone(Environment environment, ListableBeanFactory beans) {
		StorageSelection selection = of(environment, beans);
		if (selection.type() != StorageType.NONE) {
			throw selection.refusal(StorageType.NONE);
		}
	}

	/**
	 * Return the connection details to use.
	 * @param <D> their type
	 * @param type the storage
	 * @param connections contains them
	 * @return the only or primary ones
	 */
	public static <D extends ConnectionDetails> D only(StorageType type, ObjectProvider<D> connections) {
		D details = connections.getIfUnique();
		if (details == null) {
			throw new StartRefusedException(
					"The storage " + name(type) + " is selected, but there are connection details of several: "
							+ connections.stream().map(StorageSelection::origin).toList() + ".",
					"""
							Keep one of them, or make it primary. A container that is for something else has \
							@ServiceConnection with a type, and a service of Docker Compose the label \
							org.springframework.boot.ignore.""");
		}
		return details;
	}

	private static String origin(ConnectionDetails details) {
		Origin origin = Origin.from(details);
		return (origin != null) ? origin.toString() : details.getClass().getSimpleName();
	}

	/**
	 * Return the name of the bucket.
	 * @param type the storage
	 * @param connected what the connection details say, or {@code null}
	 * @param configured what the settings say, or {@code null}
	 * @param details the connection details
	 * @return the bucket
	 */
	public static String bucket(StorageType type, @Nullable String connected, @Nullable String configured,
			ConnectionDetails details) {
		if (StringUtils.hasText(connected)) {
			return connected;
		}
		if (StringUtils.hasText(configured)) {
			return configured;
		}
		if (details instanceof ContainerConnection) {
			return ContainerConnection.DEFAULT_BUCKET;
		}
		String key = (type == StorageType.S3) ? S3_BUCKET : GCS_BUCKET;
		throw new StartRefusedException("The storage " + name(type)
				+ " is selected, but neither its connection details nor " + key + " name a bucket.",
				"Set " + key + ", or let the connection details return the bucket.");
	}

	private StartRefusedException refusal(StorageType made) {
		if (this.type == null) {
			return new StartRefusedException(String.valueOf(this.problem), String.valueOf(this.action));
		}
		if (AotDetector.useGeneratedArtifacts()) {
			return new StartRefusedException(
					"The settings select the storage " + name(this.type)
							+ ", but this application was processed ahead of time (AOT) for the storage " + name(made)
							+ ", which cannot be changed any more.",
					"Give the build the settings that select the storage too: vgi.external.storage and the bucket, in"
							+ " application.properties or as arguments of process-aot. Their values may differ when the"
							+ " application runs, but not which storage they select. Or start it with"
							+ " spring.aot.enabled=false.");
		}
		return clientMissing(this.type);
	}

	/**
	 * Describe a selected storage whose client is missing.
	 * @param type the storage
	 * @return the refusal
	 */
	public static StartRefusedException clientMissing(StorageType type) {
		String what = switch (type) {
			case S3 -> "io.awspring.cloud:spring-cloud-aws-starter-s3 to the application and configure it";
			case GCS -> "com.google.cloud:spring-cloud-gcp-starter-storage to the application and configure it";
			default -> "the auto-configuration that is excluded";
		};
		return new StartRefusedException("The storage " + name(type) + " is selected but its client is not available.",
				"Add " + what + ", or set vgi.external.storage to local or none.");
	}

	private static String name(StorageType type) {
		return type.name().toLowerCase(Locale.ROOT);
	}

	private static StorageSelection auto(boolean s3, boolean gcs, boolean kubernetes, boolean servesLocal) {
		if (s3 && gcs) {
			return new StorageSelection(null,
					"Both " + S3_BUCKET + " and " + GCS_BUCKET
							+ " are set or have connection details, and vgi.external.storage is auto.",
					"Set vgi.external.storage to s3 or gcs, or remove one of the buckets.");
		}
		if (s3) {
			return selected(StorageType.S3);
		}
		if (gcs) {
			return selected(StorageType.GCS);
		}
		if (!servesLocal) {
			return selected(StorageType.NONE);
		}
		if (kubernetes) {
			return new StorageSelection(null,
					"No bucket is set, and on Kubernetes the local folder of one pod is out of reach of the others.",
					"Set " + S3_BUCKET + " or " + GCS_BUCKET
							+ ". Set vgi.external.storage to local for a single pod, or to none to only resolve"
							+ " pointers.");
		}
		return selected(StorageType.LOCAL);
	}

	private static StorageSelection selected(StorageType type) {
		return new StorageSelection(type, null, null);
	}

	private static StorageSelection missing(StorageType type, String key) {
		return new StorageSelection(null, "vgi.external.storage is " + name(type) + " but no bucket is set.",
				"Set " + key + ", or set vgi.external.storage to local or none.");
	}

}
