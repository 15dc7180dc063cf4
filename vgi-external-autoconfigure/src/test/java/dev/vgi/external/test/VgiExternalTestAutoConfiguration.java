package dev.vgi.external.test;

import dev.vgi.external.autoconfigure.VgiExternalAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiGcsStorageAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiLocalStorageAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiS3StorageAutoConfiguration;
import dev.vgi.external.autoconfigure.VgiTestSliceAutoConfiguration;
import dev.vgi.external.web.Capabilities;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.resttestclient.autoconfigure.RestTestClientBuilderCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.core.env.Environment;
import org.springframework.test.web.servlet.client.RestTestClient;

/**
 * {@link AutoConfiguration Auto-configuration} of {@link AutoConfigureVgiExternal}.
 */
@AutoConfiguration(before = { VgiLocalStorageAutoConfiguration.class, VgiS3StorageAutoConfiguration.class,
		VgiGcsStorageAutoConfiguration.class, VgiTestSliceAutoConfiguration.class, VgiExternalAutoConfiguration.class })
final class VgiExternalTestAutoConfiguration {

	static final String CHECK_LEAKS = "vgi.external.test.check-leaks";

	@Bean
	@Primary
	InMemoryStorage vgiInMemoryStorage() {
		return new InMemoryStorage();
	}

	@Bean
	static BeanPostProcessor vgiInMemoryStoragePostProcessor(ObjectProvider<InMemoryStorage> storage) {
		return new InMemoryStoragePostProcessor(storage);
	}

	@Bean
	TestIsolation vgiTestIsolation(InMemoryStorage storage, ObjectProvider<BufferAllocator> allocators,
			Environment environment) {
		return new TestIsolation(storage, allocators,
				environment.getProperty(CHECK_LEAKS, Boolean.class, Boolean.TRUE));
	}

	/**
	 * Lets the test client announce pointers where it accepts Arrow, as all clients do.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass({ RestTestClient.class, RestTestClientBuilderCustomizer.class })
	static class RestTestClientConfiguration {

		@Bean
		RestTestClientBuilderCustomizer vgiRestTestClientPointers() {
			return (builder) -> builder.defaultHeader(Capabilities.ACCEPT_POINTERS, Capabilities.WHERE_NAMED);
		}

	}

}
