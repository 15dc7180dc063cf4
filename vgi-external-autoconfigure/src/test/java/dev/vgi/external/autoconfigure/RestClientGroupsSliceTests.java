package dev.vgi.external.autoconfigure;

import java.util.List;

import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.test.ArrowBodies;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.http.client.autoconfigure.service.HttpServiceClientPropertiesAutoConfiguration;
import org.springframework.boot.restclient.autoconfigure.service.HttpServiceClientAutoConfiguration;
import org.springframework.boot.restclient.test.autoconfigure.RestClientTest;
import org.springframework.test.web.client.MockRestServiceServer;
import org.springframework.web.service.registry.ImportHttpServices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.springframework.test.web.client.match.MockRestRequestMatchers.requestTo;
import static org.springframework.test.web.client.response.MockRestResponseCreators.withSuccess;

/**
 * Typed clients of a group in a slice of an application, as {@code docs/testing.md} says
 * for a test without a storage.
 */
@RestClientTest(properties = { "vgi.external.s3.bucket=bucket", "vgi.external.client.dialect=namespaced",
		"spring.http.serviceclient.numbers.base-url=https://numbers.example" })
@ImportAutoConfiguration({ HttpServiceClientPropertiesAutoConfiguration.class,
		HttpServiceClientAutoConfiguration.class })
class RestClientGroupsSliceTests {

	@Autowired
	private Numbers numbers;

	@Autowired
	private MockRestServiceServer server;

	@Test
	void methodIsCalled() {
		this.server.expect(requestTo("https://numbers.example/Numbers/all"))
			.andRespond(withSuccess(ArrowBodies.result(Numbers.class, "all", List.of(1L, 2L)),
					ArrowStreamHttpMessageConverter.ARROW_STREAM));
		assertThat(this.numbers.all()).containsExactly(1L, 2L);
	}

	@RpcService(name = "Numbers")
	interface Numbers {

		@RpcMethod("all")
		List<Long> all();

	}

	@SpringBootConfiguration
	@EnableAutoConfiguration
	@ImportHttpServices(group = "numbers", types = Numbers.class)
	static class Application {

	}

}
