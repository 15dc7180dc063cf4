package dev.vgi.external.autoconfigure.connection;

import java.net.URI;
import java.util.List;
import java.util.Objects;

import com.google.cloud.spring.autoconfigure.core.GcpContextAutoConfiguration;
import com.google.cloud.spring.autoconfigure.storage.GcpStorageAutoConfiguration;
import com.google.cloud.storage.Storage;
import dev.vgi.external.autoconfigure.ServiceAccountKey;
import dev.vgi.external.autoconfigure.VgiExternalAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiGcsStorageAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiTransportAutoConfiguration;
import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.storage.gcs.GcsStorage;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Where the bucket of GCS is: our connection details, and Spring Cloud GCP for the rest.
 */
class GcsConnectionDetailsTests {

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(
				AutoConfigurations.of(VgiTransportAutoConfiguration.class, VgiGcsConnectionAutoConfiguration.class,
						VgiGcsStorageAutoConfiguration.class, VgiExternalAutoConfiguration.class,
						GcpContextAutoConfiguration.class, GcpStorageAutoConfiguration.class))
		.withPropertyValues("spring.cloud.gcp.project-id=project",
				"spring.cloud.gcp.credentials.encoded-key=" + ServiceAccountKey.encoded());

	@Test
	void propertiesAreTheConnectionDetails() {
		this.runner.withPropertyValues("vgi.external.gcs.bucket=batches", "vgi.external.gcs.project=other")
			.run((context) -> {
				GcsStorageConnectionDetails details = context.getBean(GcsStorageConnectionDetails.class);
				assertThat(details.getBucket()).isEqualTo("batches");
				assertThat(details.getProject()).isEqualTo("other");
				assertThat(details.getEndpoint()).isNull();
			});
	}

	@Test
	void connectionDetailsSelectTheStorageAndReplaceOurProperties() {
		this.runner.withPropertyValues("vgi.external.gcs.bucket=batches", "vgi.external.gcs.project=other")
			.withBean(GcsStorageConnectionDetails.class, () -> new Details("bound", "http://bound.example:4443"))
			.run((context) -> {
				assertThat(context).hasNotFailed().hasSingleBean(GcsStorage.class);
				assertThat(context.getBean(GcsStorage.class)
					.generateUploadUrl(new Schema(List.of()))
					.downloadUrl()
					.toString()).startsWith("http://bound.example:4443/bound/vgi-rpc/");
				// The application's own client is its own.
				assertThat(context.getBean(Storage.class).getOptions().getHost()).doesNotContain("bound");
				assertThat(context.getBean("vgiGcsClient", Storage.class).getOptions().getProjectId())
					.isEqualTo(context.getBean(Storage.class).getOptions().getProjectId());
			});
	}

	@Test
	void whatIsMissingIsSaid() {
		this.runner.withBean(GcsStorageConnectionDetails.class, () -> new Details(null, "http://bound.example"))
			.run((context) -> assertThat(explained(context)).contains("Set vgi.external.gcs.bucket"));
		this.runner.withBean(GcsStorageConnectionDetails.class, () -> new Details("a", "http://a_b"))
			.run((context) -> assertThat(explained(context)).contains("connection details", "underscore"));
	}

	private static String explained(AssertableApplicationContext context) {
		FailureAnalysis analysis = new StartRefusedFailureAnalyzer()
			.analyze(Objects.requireNonNull(context.getStartupFailure()));
		assertThat(analysis).isNotNull();
		return analysis.getDescription() + analysis.getAction();
	}

	/**
	 * As of a binding.
	 */
	private static final class Details implements GcsStorageConnectionDetails {

		private final @Nullable String bucket;

		private final String endpoint;

		Details(@Nullable String bucket, String endpoint) {
			this.bucket = bucket;
			this.endpoint = endpoint;
		}

		@Override
		public @Nullable String getBucket() {
			return this.bucket;
		}

		@Override
		public URI getEndpoint() {
			return URI.create(this.endpoint);
		}

	}

}
