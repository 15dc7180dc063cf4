package dev.vgi.external.autoconfigure;

import dev.vgi.external.autoconfigure.connection.ContainerConnection;
import dev.vgi.external.storage.LifecycleVerifier;
import dev.vgi.external.storage.health.LifecycleMonitor;
import dev.vgi.external.transfer.TransferThreads;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Lazy;

/**
 * {@link AutoConfiguration Auto-configuration} of the check of the bucket's rules.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class)
@ConditionalOnSingleCandidate(LifecycleVerifier.class)
@ConditionalOnBean(TransferThreads.class)
public final class VgiLifecycleAutoConfiguration {

	@Bean
	@Lazy(false)
	@Nullable LifecycleMonitor vgiLifecycleMonitor(LifecycleVerifier verifier, VgiExternalProperties properties,
			TransferThreads threads, ObjectProvider<ContainerConnection> containers) {
		// Not a condition, which would be evaluated ahead of time. Nobody has to tidy up
		// a container.
		if (!properties.enabled() || properties.lifecycle().mode() == VgiExternalProperties.Lifecycle.Mode.NONE
				|| containers.stream().findAny().isPresent()) {
			return null;
		}
		return new LifecycleMonitor(verifier, properties.lifecycle().expireAfter(), threads, System::nanoTime);
	}

}
