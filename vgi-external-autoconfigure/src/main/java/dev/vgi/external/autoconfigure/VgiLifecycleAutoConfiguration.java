package dev.vgi.external.autoconfigure;

import java.util.concurrent.Executor;

import dev.vgi.external.storage.LifecycleVerifier;
import dev.vgi.external.storage.health.LifecycleMonitor;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.annotation.Qualifier;
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
@ConditionalOnBean(name = VgiExternalAutoConfiguration.TRANSFER_EXECUTOR)
public final class VgiLifecycleAutoConfiguration {

	@Bean
	@Lazy(false)
	@Nullable LifecycleMonitor vgiLifecycleMonitor(LifecycleVerifier verifier, VgiExternalProperties properties,
			@Qualifier(VgiExternalAutoConfiguration.TRANSFER_EXECUTOR) Executor executor) {
		// Not a condition, which would be evaluated ahead of time.
		if (!properties.enabled() || properties.lifecycle().mode() == VgiExternalProperties.Lifecycle.Mode.NONE) {
			return null;
		}
		return new LifecycleMonitor(verifier, properties.lifecycle().expireAfter(), executor, System::nanoTime);
	}

}
