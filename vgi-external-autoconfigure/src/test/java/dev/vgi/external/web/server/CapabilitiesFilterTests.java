package dev.vgi.external.web.server;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.web.Capabilities;
import jakarta.servlet.FilterChain;
import jakarta.servlet.http.HttpServletResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.MDC;

import org.springframework.http.HttpHeaders;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

/**
 * Tests for {@link CapabilitiesFilter}.
 */
class CapabilitiesFilterTests {

	private static final FilterChain NOTHING = (request, response) -> {
	};

	private static final Capabilities ALL = new Capabilities(1L, 2L, 3L, true, List.of("zstd", "gzip"), true, 4L, true);

	private static final Capabilities NONE = new Capabilities(null, null, null, false, List.of(), false, 4L, false);

	private final MockHttpServletRequest request = new MockHttpServletRequest("POST", "/method");

	private final MockHttpServletResponse response = new MockHttpServletResponse();

	@Test
	void everythingTheServerCanIsSaidOnce() throws Exception {
		filter(ALL).doFilter(this.request, this.response, NOTHING);
		assertHeaders("VGI-Max-Request-Bytes", "1");
		assertHeaders("VGI-Max-Response-Bytes", "2");
		assertHeaders("VGI-Max-Externalized-Response-Bytes", "3");
		assertHeaders("VGI-Externalization-Enabled", "true");
		assertHeaders("VGI-Supported-Encodings", "zstd, gzip");
		assertHeaders("VGI-Upload-URL-Support", "true");
		assertHeaders("VGI-Max-Upload-Bytes", "4");
		assertHeaders("VGI-Pointer-Renewal", "true");
		assertHeaders("VGI-Accept-Max-Response-Bytes-Support", "true");
		assertThat(this.response.getHeader("Cache-Control")).isNull();
	}

	@Test
	void logLinesOfARequestHaveItsId() throws Exception {
		this.request.addHeader("X-Request-ID", "feedfacefeedface");
		AtomicReference<String> logged = new AtomicReference<>();
		filter(ALL).doFilter(this.request, this.response, (request, response) -> logged.set(MDC.get("vgiRequestId")));
		assertThat(logged).hasValue("feedfacefeedface");
		assertThat(MDC.get("vgiRequestId")).isNull();
	}

	@Test
	void whatTheServerCannotIsNotSaid() throws Exception {
		filter(NONE).doFilter(this.request, this.response, NOTHING);
		assertThat(this.response.getHeaderNames()).containsExactlyInAnyOrder("VGI-Externalization-Enabled",
				"VGI-Supported-Encodings", "VGI-Accept-Max-Response-Bytes-Support", "X-Request-ID");
		assertHeaders("VGI-Externalization-Enabled", "false");
		assertHeaders("VGI-Supported-Encodings", "");
	}

	@Test
	void whatIsSaidCanBeRead() throws Exception {
		filter(ALL).doFilter(this.request, this.response, NOTHING);
		var headers = new HttpHeaders();
		this.response.getHeaderNames().forEach((name) -> headers.addAll(name, this.response.getHeaders(name)));
		assertThat(Capabilities.from(headers)).isEqualTo(ALL);
	}

	@Test
	void errorsHaveTheHeadersToo() throws Exception {
		filter(ALL).doFilter(this.request, this.response,
				(request, response) -> ((HttpServletResponse) response).sendError(404));
		assertHeaders("VGI-Externalization-Enabled", "true");
		MockHttpServletResponse broken = new MockHttpServletResponse();
		assertThatIOException().isThrownBy(() -> filter(ALL).doFilter(this.request, broken, (request, response) -> {
			throw new IOException("broken");
		}));
		assertThat(broken.getHeader("VGI-Externalization-Enabled")).isEqualTo("true");
	}

	@Test
	void optionsMayBeCached() throws Exception {
		this.request.setMethod("OPTIONS");
		filter(ALL).doFilter(this.request, this.response, NOTHING);
		assertHeaders("Cache-Control", "public, max-age=300");
	}

	@Test
	void otherRoutesAreUntouched() throws Exception {
		new CapabilitiesFilter(ALL, (request) -> false).doFilter(this.request, this.response, NOTHING);
		assertThat(this.response.getHeaderNames()).isEmpty();
	}

	@Test
	void requestIdIsEchoedAndKnownToTheApplication() throws Exception {
		this.request.addHeader("X-Request-ID", "feedface-1");
		filter(ALL).doFilter(this.request, this.response, NOTHING);
		assertHeaders("X-Request-ID", "feedface-1");
		assertThat(this.request.getAttribute("X-Request-ID")).isEqualTo("feedface-1");
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "two words", "line\nbreak", "n\u00fcmber" })
	void requestIdThatIsNoneIsReplaced(String id) throws Exception {
		this.request.addHeader("X-Request-ID", id);
		filter(ALL).doFilter(this.request, this.response, NOTHING);
		assertThat(this.response.getHeader("X-Request-ID")).matches("[0-9a-f]{16}");
	}

	@Test
	void requestIdThatIsTooLongIsReplaced() throws Exception {
		this.request.addHeader("X-Request-ID", "1".repeat(257));
		filter(ALL).doFilter(this.request, this.response, NOTHING);
		assertThat(this.response.getHeader("X-Request-ID")).hasSize(16);
	}

	@Test
	void requestsWithoutIdGetDifferentOnes() throws Exception {
		filter(ALL).doFilter(this.request, this.response, NOTHING);
		MockHttpServletResponse other = new MockHttpServletResponse();
		filter(ALL).doFilter(new MockHttpServletRequest(), other, NOTHING);
		assertThat(other.getHeader("X-Request-ID")).matches("[0-9a-f]{16}")
			.isNotEqualTo(this.response.getHeader("X-Request-ID"));
	}

	private void assertHeaders(String name, String value) {
		assertThat(this.response.getHeaders(name)).containsExactly(value);
	}

	private static CapabilitiesFilter filter(Capabilities capabilities) {
		return new CapabilitiesFilter(capabilities, (request) -> true);
	}

}
