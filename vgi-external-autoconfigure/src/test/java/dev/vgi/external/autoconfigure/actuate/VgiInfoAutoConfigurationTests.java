package dev.vgi.external.autoconfigure.actuate;

import java.nio.file.Path;
import java.util.Map;

import dev.vgi.external.autoconfigure.VgiExternalAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiLocalStorageAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiTransportAutoConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.actuate.autoconfigure.info.InfoContributorAutoConfiguration;
import org.springframework.boot.actuate.autoconfigure.info.InfoEndpointAutoConfiguration;
import org.springframework.boot.actuate.info.InfoContributor;
import org.springframework.boot.actuate.info.InfoEndpoint;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link VgiInfoAutoConfiguration}.
 */
class VgiInfoAutoConfigurationTests {

	@TempDir
	private Path folder;

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(
				AutoConfigurations.of(VgiTransportAutoConfiguration.class, VgiLocalStorageAutoConfiguration.class,
						VgiExternalAutoConfiguration.class, VgiInfoAutoConfiguration.class,
						InfoContributorAutoConfiguration.class, InfoEndpointAutoConfiguration.class))
		.withPropertyValues("management.endpoints.web.exposure.include=info",
				"management.endpoints.jmx.exposure.include=info");

	@Test
	void tellsTheVersionTheBackendAndTheThreshold() {
		this.runner
			.withPropertyValues("vgi.external.storage=local", "vgi.external.local.directory=" + this.folder,
					"vgi.external.local.base-url=https://service.example", "vgi.external.compression.algorithm=zstd",
					"vgi.external.externalize-threshold=2MB")
			// These classes are in no jar.
			.run((context) -> assertThat(context.getBean(InfoEndpoint.class).info()).containsEntry("vgiExternal",
					Map.of("version", "unknown", "storage", "local", "externalizeThreshold", 2097152L, "compression",
							"zstd")));
	}

	@Test
	void withoutAStorageTellsThat() {
		this.runner.withPropertyValues("vgi.external.storage=none")
			.run((context) -> assertThat(context.getBean(InfoEndpoint.class).info()).containsEntry("vgiExternal",
					Map.of("version", "unknown", "storage", "none")));
	}

	@Test
	void mayBeTurnedOff() {
		this.runner.withPropertyValues("vgi.external.storage=none", "management.info.vgi-external.enabled=false")
			.run((context) -> assertThat(context).doesNotHaveBean(VgiExternalInfoContributor.class));
	}

	@Test
	void withoutActuatorIsNotThere() {
		this.runner.withPropertyValues("vgi.external.storage=none")
			.withClassLoader(new FilteredClassLoader(InfoContributor.class))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean("vgiExternalInfoContributor"));
	}

}
