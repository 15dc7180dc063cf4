package dev.vgi.external.web.server;

import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.web.server.RequestUrl.ForwardedHeaders;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link RequestUrl} with headers that no proxy sends.
 */
class RequestUrlTests {

	@AfterEach
	void endRequest() {
		RequestContextHolder.resetRequestAttributes();
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = { "X-Forwarded-Host|,", "X-Forwarded-Host|a b", "X-Forwarded-Proto|,",
			"X-Forwarded-Port|','", "X-Forwarded-Port|x", "Forwarded|host=a b" })
	void aHeaderThatSaysNothingIsRefusedInWords(String name, String value) {
		MockHttpServletRequest request = new MockHttpServletRequest("GET", "/numbers");
		request.addHeader(name, value);
		RequestContextHolder.setRequestAttributes(new ServletRequestAttributes(request));
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> RequestUrl.current(ForwardedHeaders.READ_BY_WEB_SERVER, ""))
			.withMessageContaining("forwarded host");
	}

}
