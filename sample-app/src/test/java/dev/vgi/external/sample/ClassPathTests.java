package dev.vgi.external.sample;

import org.junit.jupiter.api.Test;

import org.springframework.boot.http.client.ClientHttpRequestFactoryBuilder;
import org.springframework.boot.http.client.JdkClientHttpRequestFactoryBuilder;
import org.springframework.util.ClassUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the starter brings along must not change what the application has: Boot chooses
 * the engine of its HTTP clients by what is on the class path.
 */
class ClassPathTests {

	@Test
	void starterBringsNoOtherEngineForHttpClients() {
		assertThat(ClientHttpRequestFactoryBuilder.detect()).isInstanceOf(JdkClientHttpRequestFactoryBuilder.class);
		assertThat(ClassUtils.isPresent("org.apache.hc.client5.http.classic.HttpClient", null)).isFalse();
	}

}
