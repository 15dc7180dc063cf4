package dev.vgi.external.autoconfigure;

import java.net.URI;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.mock.env.MockEnvironment;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ServiceUrl}, outside of a request.
 */
class ServiceUrlTests {

	@ParameterizedTest
	@CsvSource(delimiter = '|', nullValues = "-",
			value = { "- | http", "server.ssl.bundle=own | https", "server.ssl.key-store=classpath:store | https",
					"server.ssl.certificate=file:own.crt | https", "server.ssl.key-store-type=PKCS11 | https",
					"server.ssl.bundle=own;server.ssl.enabled=false | http" })
	void schemeIsThatOfTheServer(String properties, String scheme) {
		MockEnvironment environment = new MockEnvironment().withProperty("local.server.port", "8443");
		for (String property : ((properties != null) ? properties : "other=one").split(";")) {
			environment.withProperty(property.substring(0, property.indexOf('=')),
					property.substring(property.indexOf('=') + 1));
		}
		assertThat(new ServiceUrl(null, environment).get()).isEqualTo(URI.create(scheme + "://127.0.0.1:8443"));
	}

}
