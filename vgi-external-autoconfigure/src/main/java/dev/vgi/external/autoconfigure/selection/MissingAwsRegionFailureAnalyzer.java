package dev.vgi.external.autoconfigure.selection;

import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkClientException;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.Environment;

/**
 * Tells which key to set when the client of the selected storage s3 has no region.
 */
class MissingAwsRegionFailureAnalyzer extends AbstractFailureAnalyzer<SdkClientException> {

	private final Environment environment;

	MissingAwsRegionFailureAnalyzer(Environment environment) {
		this.environment = environment;
	}

	@Override
	protected @Nullable FailureAnalysis analyze(Throwable rootFailure, SdkClientException cause) {
		if (!String.valueOf(cause.getMessage()).startsWith("Unable to load region")) {
			return null;
		}
		StorageType selected = StorageSelection.of(this.environment).type();
		if (selected != StorageType.S3 && StorageSelection.configured(this.environment) != StorageType.S3) {
			return new FailureAnalysis("Spring Cloud AWS is on the class path, but nothing tells its region.",
					"Set spring.cloud.aws.region.static. To do without S3 in this environment, set"
							+ " spring.cloud.aws.s3.enabled=false.",
					cause);
		}
		return new FailureAnalysis("The storage s3 is selected, but nothing tells the region of its bucket.", """
				Set spring.cloud.aws.region.static, or vgi.external.s3.region for this use only. A compatible \
				store without regions needs vgi.external.s3.endpoint instead.""", cause);
	}

}
