package dev.vgi.external.autoconfigure.connection;

import com.google.cloud.storage.Storage;

import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;

/**
 * {@link AutoConfiguration Auto-configuration} of the application's client of Google
 * Cloud Storage in the presence of a container. Spring Cloud GCP has no connection
 * details, and its own client needs real credentials.
 */
@AutoConfiguration(beforeName = "com.google.cloud.spring.autoconfigure.storage.GcpStorageAutoConfiguration")
@ConditionalOnClass(Storage.class)
@ConditionalOnSingleCandidate(ContainerConnection.Gcs.class)
@ConditionalOnMissingBean(Storage.class)
public final class VgiGcsConnectionAutoConfiguration {

	@Bean
	Storage vgiContainerGcsClient(ContainerConnection.Gcs details) {
		return GcsContainer.client(details);
	}

}
