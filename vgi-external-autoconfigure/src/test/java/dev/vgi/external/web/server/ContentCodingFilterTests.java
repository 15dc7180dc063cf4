package dev.vgi.external.web.server;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import jakarta.servlet.FilterChain;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

/**
 * Tests for {@link ContentCodingFilter}.
 */
class ContentCodingFilterTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final long CAP = 1000;

	private static final byte[] BODY = "Arrow. ".repeat(100).getBytes(StandardCharsets.US_ASCII);

	private static final FilterChain NOT_CALLED = (request, response) -> {
		throw new IllegalStateException("the application was called");
	};

	private final MockHttpServletResponse response = new MockHttpServletResponse();

	@ParameterizedTest
	@ValueSource(strings = { "zstd", "gzip", "ZSTD", " gzip " })
	void codedRequestIsDecoded(String coding) throws Exception {
		MockHttpServletRequest request = request(encoded(coding.trim(), BODY));
		request.addHeader("Content-Encoding", coding);
		filter(List.of("zstd", "gzip"), CAP).doFilter(request, this.response, reading((seen) -> {
			assertThat(seen.getInputStream().readAllBytes()).isEqualTo(BODY);
			assertThat(seen.getHeader("Content-Encoding")).isNull();
			assertThat(seen.getHeaders("content-length").hasMoreElements()).isFalse();
			assertThat(seen.getContentLength()).isEqualTo(-1);
			assertThat(seen.getContentLengthLong()).isEqualTo(-1);
		}));
		assertThat(this.response.getStatus()).isEqualTo(200);
	}

	@ParameterizedTest
	@ValueSource(strings = { "zstd", "gzip" })
	void theDecoderIsClosedWithTheRequest(String coding) throws Exception {
		MockHttpServletRequest request = request(encoded(coding, BODY));
		request.addHeader("Content-Encoding", coding);
		List<InputStream> left = new ArrayList<>();
		filter(List.of(coding), CAP).doFilter(request, this.response, reading((seen) -> {
			left.add(seen.getInputStream());
			assertThat(left.get(0).read()).isEqualTo(BODY[0]);
		}));
		assertThatIOException().isThrownBy(() -> left.get(0).read()).withMessage("Stream closed");
	}

	@Test
	void theDecoderIsClosedWhenAnAsynchronousRequestIsComplete() throws Exception {
		MockHttpServletRequest request = request(encoded("zstd", BODY));
		request.addHeader("Content-Encoding", "zstd");
		request.setAsyncSupported(true);
		List<InputStream> left = new ArrayList<>();
		filter(List.of("zstd"), CAP).doFilter(request, this.response, reading((seen) -> {
			left.add(seen.getInputStream());
			seen.startAsync();
		}));
		assertThat(left.get(0).read()).isEqualTo(BODY[0]);
		Objects.requireNonNull(request.getAsyncContext()).complete();
		assertThatIOException().isThrownBy(() -> left.get(0).read()).withMessage("Stream closed");
	}

	@Test
	void whatADecoderHoldsIsChargedToTheRequest() throws Exception {
		byte[] body = new byte[20 << 20];
		MockHttpServletRequest request = request(encoded("zstd", body));
		request.addHeader("Content-Encoding", "zstd");
		TransferBudget budget = new TransferBudget(64 << 20, 1);
		try (RootAllocator allocator = new RootAllocator();
				RequestMemory memory = budget.request("a", allocator);
				RequestMemory.Bound bound = memory.bind()) {
			filter(List.of("zstd"), 64L << 20).doFilter(request, this.response, reading((seen) -> {
				seen.getInputStream().readNBytes(1000);
				assertThat(budget.inUse()).isBetween(1000L, 100_000L);
				assertThat(seen.getInputStream().readAllBytes()).hasSize(body.length - 1000);
				assertThat(budget.inUse()).isEqualTo(ContentCodec.HTTP_WINDOW);
			}));
		}
		assertThat(budget.inUse()).isZero();
	}

	@ParameterizedTest
	@ValueSource(strings = { "identity", "" })
	void plainRequestIsPassedOn(String coding) throws Exception {
		MockHttpServletRequest request = request(BODY);
		request.addHeader("Content-Encoding", coding);
		filter(List.of("zstd"), CAP).doFilter(request, this.response, reading((seen) -> {
			assertThat(seen.getInputStream().readAllBytes()).isEqualTo(BODY);
			assertThat(seen.getContentLengthLong()).isEqualTo(BODY.length);
		}));
	}

	@ParameterizedTest
	@CsvSource({ "br, 'zstd,gzip'", "gzip, zstd", "zstd, ''", "'zstd, gzip', 'zstd,gzip'",
			"'aws-chunked, zstd', zstd" })
	void unknownOrDisabledCodingIsUnsupported(String coding, String supported) throws Exception {
		MockHttpServletRequest request = request(BODY);
		request.addHeader("Content-Encoding", coding);
		filter(List.of(supported.split(",")), CAP).doFilter(request, this.response, NOT_CALLED);
		assertThat(this.response.getStatus()).isEqualTo(415);
		assertThat(this.response.getContentAsString()).contains("Content-Encoding '" + coding + "' is not supported");
	}

	@Test
	void codingsOfAllHeadersCount() throws Exception {
		MockHttpServletRequest request = request(BODY);
		request.addHeader("Content-Encoding", "gzip");
		request.addHeader("Content-Encoding", "zstd");
		filter(List.of("zstd", "gzip"), CAP).doFilter(request, this.response, NOT_CALLED);
		assertThat(this.response.getStatus()).isEqualTo(415);
		assertThat(this.response.getContentAsString()).contains("'gzip, zstd'");
	}

	@Test
	void otherMediaTypesAndOtherRoutesAreUntouched() throws Exception {
		MockHttpServletRequest json = request(new byte[2000]);
		json.setContentType("application/json");
		json.addHeader("Content-Encoding", "br");
		filter(List.of("zstd"), CAP).doFilter(json, this.response,
				reading((seen) -> assertThat(seen.getInputStream().readAllBytes()).hasSize(2000)));
		MockHttpServletRequest elsewhere = request(new byte[2000]);
		new ContentCodingFilter((request) -> false, CAP, List.of()).doFilter(elsewhere, this.response,
				(request, response) -> assertThat(request).isSameAs(elsewhere));
	}

	@Test
	void requestOverTheCapIsRefusedByItsLengthAndReadAway() throws Exception {
		MockHttpServletRequest request = request(new byte[(int) CAP + 1]);
		filter(List.of("zstd"), CAP).doFilter(request, this.response, NOT_CALLED);
		assertTooLarge();
		assertThat(request.getInputStream().read()).isEqualTo(-1);
	}

	@Test
	void requestAsLargeAsTheCapPasses() throws Exception {
		filter(List.of("zstd"), CAP).doFilter(request(new byte[(int) CAP]), this.response,
				reading((seen) -> assertThat(seen.getInputStream().readAllBytes()).hasSize((int) CAP)));
		assertThat(this.response.getStatus()).isEqualTo(200);
	}

	@Test
	void withoutACapEverythingPasses() throws Exception {
		filter(List.of("zstd"), null).doFilter(request(new byte[100_000]), this.response,
				reading((seen) -> assertThat(seen.getInputStream().readAllBytes()).hasSize(100_000)));
	}

	@ParameterizedTest
	@ValueSource(ints = { 200, 400, 500 })
	void requestOverTheCapIsRefusedWhateverTheApplicationMadeOfIt(int status) throws Exception {
		filter(List.of("zstd"), CAP).doFilter(chunked(new byte[5000]), this.response, (request, response) -> {
			assertThatExceptionOfType(RequestTooLargeException.class)
				.isThrownBy(() -> request.getInputStream().readAllBytes())
				.satisfies((ex) -> assertThat(ex.limit()).isEqualTo(CAP));
			answer((HttpServletResponse) response, status, ARROW, BODY);
		});
		assertTooLarge();
	}

	@Test
	void requestOverTheCapIsRefusedWhenTheApplicationFails() throws Exception {
		filter(List.of("zstd"), CAP).doFilter(chunked(new byte[5000]), this.response,
				reading((seen) -> seen.getInputStream().readAllBytes()));
		assertTooLarge();
	}

	@Test
	void requestOverTheCapIsRefusedWhenTheApplicationGaveUpEarly() throws Exception {
		MockHttpServletRequest request = chunked(new byte[5000]);
		filter(List.of("zstd"), CAP).doFilter(request, this.response, (seen, response) -> {
			assertThat(seen.getInputStream().read()).isZero();
			// Whoever reads it closes it.
			seen.getInputStream().close();
			((HttpServletResponse) response).sendError(400, "not Arrow");
		});
		assertTooLarge();
		assertThat(request.getInputStream().read()).isEqualTo(-1);
	}

	@ParameterizedTest
	@ValueSource(strings = { "zstd", "gzip" })
	void requestIsNoLargerDecodedThanTheCap(String coding) throws Exception {
		MockHttpServletRequest request = request(encoded(coding, new byte[100_000]));
		request.addHeader("Content-Encoding", coding);
		filter(List.of("zstd", "gzip"), CAP).doFilter(request, this.response,
				reading((seen) -> seen.getInputStream().readAllBytes()));
		assertTooLarge();
	}

	@Test
	void requestThatCannotBeDecodedIsTheApplicationsAffair() throws Exception {
		MockHttpServletRequest request = request(BODY);
		request.addHeader("Content-Encoding", "zstd");
		filter(List.of("zstd"), CAP).doFilter(request, this.response, (seen, response) -> {
			assertThatExceptionOfType(IOException.class).isThrownBy(() -> seen.getInputStream().readAllBytes())
				.withMessageContaining("zstd");
			answer((HttpServletResponse) response, 400, ARROW, BODY);
		});
		assertThat(this.response.getStatus()).isEqualTo(400);
		assertThat(this.response.getContentAsByteArray()).isEqualTo(BODY);
	}

	@ParameterizedTest
	@CsvSource(nullValues = "-", value = { "-, zstd, Content-Encoding, zstd", "zstd, -, X-VGI-Content-Encoding, zstd",
			"'zstd, gzip', gzip, X-VGI-Content-Encoding, zstd", "-, 'br, gzip;q=0.5, zstd', Content-Encoding, zstd",
			"zstd, 'gzip, zstd', Content-Encoding, zstd", "-, br, -, -", "-, -, -, -", "-, 'identity, zstd', -, -",
			"identity, zstd, -, -", "br, ZSTD, Content-Encoding, zstd" })
	void responseIsCodedAsTheCallerPrefers(@Nullable String own, @Nullable String standard, @Nullable String label,
			@Nullable String coding) throws Exception {
		MockHttpServletRequest request = request(BODY);
		if (own != null) {
			request.addHeader("X-VGI-Accept-Encoding", own);
		}
		if (standard != null) {
			request.addHeader("Accept-Encoding", standard);
		}
		filter(List.of("zstd", "gzip"), CAP).doFilter(request, this.response, answering(200, ARROW, BODY));
		if (label == null || coding == null) {
			assertThat(this.response.getHeader("Content-Encoding")).isNull();
			assertThat(this.response.getHeader("X-VGI-Content-Encoding")).isNull();
			assertThat(this.response.getContentLength()).isEqualTo(BODY.length);
			assertThat(this.response.getContentAsByteArray()).isEqualTo(BODY);
			return;
		}
		assertThat(this.response.getHeader(label)).isEqualTo(coding);
		assertThat(this.response.getHeader("Vary")).isEqualTo("Accept-Encoding");
		assertThat(this.response.getContentLength()).isZero();
		assertThat(this.response.getContentAsByteArray().length).isLessThan(BODY.length);
		assertThat(decoded(coding, this.response.getContentAsByteArray())).isEqualTo(BODY);
	}

	@Test
	void codedResponseDeclaresItsSize() throws Exception {
		MockHttpServletRequest request = request(BODY);
		request.addHeader("Accept-Encoding", "zstd");
		filter(List.of("zstd"), CAP).doFilter(request, this.response, answering(200, ARROW, BODY));
		assertThat(Zstd.getFrameContentSize(this.response.getContentAsByteArray())).isEqualTo(BODY.length);
	}

	@Test
	void onlyUncodedArrowResponsesToOtherThanHeadAreCoded() throws Exception {
		MockHttpServletRequest request = request(BODY);
		request.addHeader("Accept-Encoding", "zstd");
		filter(List.of("zstd"), CAP).doFilter(request, this.response, answering(200, "application/json", BODY));
		assertThat(this.response.getContentAsByteArray()).isEqualTo(BODY);
		MockHttpServletResponse coded = new MockHttpServletResponse();
		filter(List.of("zstd"), CAP).doFilter(request, coded, (seen, response) -> {
			((HttpServletResponse) response).setHeader("Content-Encoding", "gzip");
			answer((HttpServletResponse) response, 200, ARROW, BODY);
		});
		assertThat(coded.getContentAsByteArray()).isEqualTo(BODY);
		MockHttpServletResponse head = new MockHttpServletResponse();
		request.setMethod("HEAD");
		filter(List.of("zstd"), CAP).doFilter(request, head, answering(200, ARROW, BODY));
		assertThat(head.getHeader("Content-Encoding")).isNull();
		assertThat(head.getContentLength()).isEqualTo(BODY.length);
	}

	@Test
	void responseThatWasResetIsCodedAnew() throws Exception {
		MockHttpServletRequest request = request(BODY);
		request.addHeader("Accept-Encoding", "zstd");
		filter(List.of("zstd"), CAP).doFilter(request, this.response, (seen, response) -> {
			answer((HttpServletResponse) response, 200, ARROW, "half an answer".getBytes(StandardCharsets.US_ASCII));
			response.resetBuffer();
			answer((HttpServletResponse) response, 400, ARROW, BODY);
		});
		assertThat(this.response.getStatus()).isEqualTo(400);
		assertThat(decoded("zstd", this.response.getContentAsByteArray())).isEqualTo(BODY);
	}

	private void assertTooLarge() throws Exception {
		assertThat(this.response.getStatus()).isEqualTo(413);
		assertThat(this.response.getContentAsString()).contains("max_request_bytes", "1000");
		assertThat(this.response.getContentType()).startsWith("text/plain");
		assertThat(this.response.getHeader("X-VGI-RPC-Error")).isNull();
	}

	private static ContentCodingFilter filter(List<String> codings, @Nullable Long cap) {
		return new ContentCodingFilter((request) -> true, cap, codings);
	}

	private static MockHttpServletRequest request(byte[] body) {
		MockHttpServletRequest request = new MockHttpServletRequest("POST", "/method");
		request.setContentType(ARROW);
		request.setContent(body);
		return request;
	}

	private static MockHttpServletRequest chunked(byte[] body) {
		MockHttpServletRequest request = new MockHttpServletRequest("POST", "/method") {

			@Override
			public long getContentLengthLong() {
				return -1;
			}

		};
		request.setContentType(ARROW);
		request.setContent(body);
		return request;
	}

	private static FilterChain reading(Reading reading) {
		return (request, response) -> reading.read((HttpServletRequest) request);
	}

	private static FilterChain answering(int status, String contentType, byte[] body) {
		return (request, response) -> answer((HttpServletResponse) response, status, contentType, body);
	}

	private static void answer(HttpServletResponse response, int status, String contentType, byte[] body)
			throws IOException {
		response.setStatus(status);
		response.setContentType(contentType);
		response.setHeader("X-VGI-RPC-Error", (status == 200) ? "true" : null);
		response.setContentLength(body.length);
		response.getOutputStream().write(body);
	}

	private static byte[] encoded(String coding, byte[] bytes) throws IOException {
		if (coding.equalsIgnoreCase("zstd")) {
			return Zstd.compress(bytes);
		}
		ByteArrayOutputStream encoded = new ByteArrayOutputStream();
		try (GZIPOutputStream gzip = new GZIPOutputStream(encoded)) {
			gzip.write(bytes);
		}
		return encoded.toByteArray();
	}

	private static byte[] decoded(String coding, byte[] bytes) throws IOException {
		ContentCodec codec = ContentCodec.forCoding(coding);
		assertThat(codec).isNotNull();
		var in = new ByteArrayInputStream(bytes);
		return coding.equals("gzip") ? new GZIPInputStream(in).readAllBytes() : codec.decode(in).readAllBytes();
	}

	/**
	 * What the application does with a request.
	 */
	@FunctionalInterface
	private interface Reading {

		void read(HttpServletRequest request) throws IOException;

	}

}
