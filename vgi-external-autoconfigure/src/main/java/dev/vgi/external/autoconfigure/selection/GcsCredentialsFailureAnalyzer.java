package dev.vgi.external.autoconfigure.selection;

import java.io.FileNotFoundException;
import java.io.IOException;

import dev.vgi.external.Internal;
import dev.vgi.external.transport.FailureReason;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanCreationException;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.Environment;

/**
 * Tells which key to set if Google Cloud Storage is selected and its client cannot be
 * created because credentials are missing.
 */
@Internal
public final class GcsCredentialsFailureAnalyzer extends AbstractFailureAnalyzer<IOException> {

	private static final String SPRING_CLOUD_GCP = "com.google.cloud.spring.";

	private static final String NO_DEFAULT = "Your default credentials were not found";

	private final Environment environment;

	/**
	 * Create an analyzer.
	 * @param environment contains the settings
	 */
	public GcsCredentialsFailureAnalyzer(Environment environment) {
		this.environment = environment;
	}

	@Override
	protected @Nullable FailureAnalysis analyze(Throwable rootFailure, IOException cause) {
		if (!isOfClient(rootFailure)) {
			return null;
		}
		if (StorageSelection.of(this.environment).type() != StorageType.GCS) {
			return new FailureAnalysis(
					"Spring Cloud GCP is on the class path, but its client has no credentials: " + reason(cause),
					"Set spring.cloud.gcp.credentials.location to a service account's key. To do without Google Cloud in"
							+ " this environment, set spring.cloud.gcp.core.enabled=false and"
							+ " spring.cloud.gcp.storage.enabled=false.",
					cause);
		}
		return new FailureAnalysis("The storage gcs is selected, but its client has no credentials: " + reason(cause),
				"Set spring.cloud.gcp.credentials.location to a service account's key, set the environment variable"
						+ " GOOGLE_APPLICATION_CREDENTIALS, or run as a service account on Google Cloud. To do without"
						+ " Google Cloud Storage, remove vgi.external.gcs.bucket.",
				cause);
	}

	private static boolean isOfClient(Throwable failure) {
		for (Throwable cause : FailureReason.chain(failure)) {
			if (cause instanceof BeanCreationException creation
					&& String.valueOf(creation.getResourceDescription()).replace('/', '.').contains(SPRING_CLOUD_GCP)) {
				return true;
			}
		}
		return false;
	}

	private static String reason(IOException cause) {
		String message = String.valueOf(cause.getMessage());
		if (message.startsWith(NO_DEFAULT)) {
			return "there are no application default credentials.";
		}
		// Other messages may quote the key.
		return (cause instanceof FileNotFoundException) ? message : cause.getClass().getSimpleName();
	}

}
