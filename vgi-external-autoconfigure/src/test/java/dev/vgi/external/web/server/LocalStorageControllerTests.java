package dev.vgi.external.web.server;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.storage.local.SteppedClock;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link LocalStorageController} behind its {@link SignedQueryFilter}.
 */
@SuppressWarnings("NullAway.Init")
class LocalStorageControllerTests {

	private static final int LENGTH = 100_000;

	private static final byte[] BYTES = BytesPayload.random(LENGTH, 7).bytes();

	private static final Schema SCHEMA = new Schema(List.of());

	@TempDir
	private Path folder;

	private final SteppedClock clock = new SteppedClock();

	private LocalStorage storage;

	private URI object;

	@BeforeEach
	void setUp() {
		LocalStorageSettings settings = new LocalStorageSettings(this.folder, false, Duration.ofHours(1),
				Duration.ofMinutes(15), Duration.ofHours(2), 1 << 20, 200_000);
		this.storage = new LocalStorage(settings, () -> URI.create("http://localhost:8080/app"), this.clock);
		this.object = this.storage.upload(BytesPayload.of(BYTES), SCHEMA, null);
	}

	@Test
	void wholeObject() throws Exception {
		MockHttpServletResponse response = get(this.object);
		assertThat(response.getStatus()).isEqualTo(200);
		assertThat(response.getContentLengthLong()).isEqualTo(LENGTH);
		assertThat(response.getContentAsByteArray()).isEqualTo(BYTES);
		assertThat(response.getHeader("Content-Encoding")).isNull();
	}

	@Test
	void whatIsStoredIsNeverInterpreted() throws Exception {
		for (MockHttpServletResponse response : new MockHttpServletResponse[] { get(this.object),
				send("HEAD", this.object, null, (request) -> {
				}), get(this.object, "Range", "bytes=0-9") }) {
			assertThat(response.getContentType()).isEqualTo("application/vnd.apache.arrow.stream");
			assertThat(response.getHeader("X-Content-Type-Options")).isEqualTo("nosniff");
			assertThat(response.getHeader("Content-Disposition")).isEqualTo("attachment");
			assertThat(response.getHeader("Content-Security-Policy")).isEqualTo("sandbox");
			assertThat(response.getHeader("Cache-Control")).isEqualTo("no-store");
			assertThat(response.getHeader("Accept-Ranges")).isEqualTo("bytes");
			assertThat(response.getHeader("ETag")).matches("\"[0-9a-f]{32}\"");
		}
	}

	@Test
	void contentCodingIsKept() throws Exception {
		URI coded = this.storage.upload(BytesPayload.of(BYTES), SCHEMA, "zstd");
		assertThat(get(coded).getHeader("Content-Encoding")).isEqualTo("zstd");
		assertThat(get(coded).getContentAsByteArray()).isEqualTo(BYTES);
	}

	@Test
	void headHasTheLengthAndNoBody() throws Exception {
		MockHttpServletResponse response = send("HEAD", this.object, null, (request) -> {
		});
		assertThat(response.getStatus()).isEqualTo(200);
		assertThat(response.getContentLengthLong()).isEqualTo(LENGTH);
		assertThat(response.getContentAsByteArray()).isEmpty();
	}

	@ParameterizedTest
	@CsvSource({ "bytes=0-9, 0, 10", "bytes=99990-, 99990, 100000", "bytes=99990-200000, 99990, 100000",
			"bytes=-10, 99990, 100000", "bytes=-200000, 0, 100000", "bytes=65000-66000, 65000, 66001" })
	void range(String range, int from, int to) throws Exception {
		MockHttpServletResponse response = get(this.object, "Range", range);
		assertThat(response.getStatus()).isEqualTo(206);
		assertThat(response.getHeader("Content-Range")).isEqualTo("bytes " + from + "-" + (to - 1) + "/" + LENGTH);
		assertThat(response.getContentLengthLong()).isEqualTo(to - from);
		assertThat(response.getContentAsByteArray()).isEqualTo(Arrays.copyOfRange(BYTES, from, to));
	}

	@ParameterizedTest
	@CsvSource({ "bytes=100000-", "bytes=100000-100001", "bytes=9999999999-" })
	void rangeOutside(String range) throws Exception {
		MockHttpServletResponse response = get(this.object, "Range", range);
		assertThat(response.getStatus()).isEqualTo(416);
		assertThat(response.getHeader("Content-Range")).isEqualTo("bytes */" + LENGTH);
		assertThat(response.getContentAsByteArray()).isEmpty();
	}

	@ParameterizedTest
	@CsvSource({ "'bytes=0-1,5-6'", "items=0-1", "bytes=b-a", "bytes=9-3" })
	void whatIsNotOneRangeIsIgnored(String range) throws Exception {
		MockHttpServletResponse response = get(this.object, "Range", range);
		assertThat(response.getStatus()).isEqualTo(200);
		assertThat(response.getContentAsByteArray()).hasSize(LENGTH);
	}

	@Test
	void rangeOfTheSameObjectOnly() throws Exception {
		String tag = String.valueOf(get(this.object).getHeader("ETag"));
		assertThat(get(this.object, "Range", "bytes=0-9", "If-Range", tag).getStatus()).isEqualTo(206);
		assertThat(get(this.object, "Range", "bytes=0-9", "If-Range", "\"other\"").getStatus()).isEqualTo(200);
		assertThat(get(this.object, "Range", "bytes=0-9", "If-Match", tag).getStatus()).isEqualTo(206);
		assertThat(get(this.object, "Range", "bytes=0-9", "If-Match", "\"a\", " + tag).getStatus()).isEqualTo(206);
		assertThat(get(this.object, "Range", "bytes=0-9", "If-Match", "*").getStatus()).isEqualTo(206);
		assertThat(get(this.object, "Range", "bytes=0-9", "If-Match", "\"other\"").getStatus()).isEqualTo(412);
		assertThat(get(this.object, "If-None-Match", tag).getStatus()).isEqualTo(304);
		assertThat(get(this.object, "If-None-Match", "\"other\"").getStatus()).isEqualTo(200);
	}

	@ParameterizedTest
	@CsvSource({ "Signature=, Signature=A", "expires=, expires=1", "expires=, other=", "Signature=, other=",
			"expires=, expires=9&expires=", "Signature=, Signature=x&Signature=" })
	void whatIsNotSignedIsForbidden(String part, String replacement) throws Exception {
		MockHttpServletResponse response = get(URI.create(this.object.toString().replace(part, replacement)));
		assertThat(response.getStatus()).isEqualTo(403);
		assertThat(response.getContentType()).startsWith("text/plain");
		assertThat(response.getContentAsString()).contains("signature").doesNotContain(signature(this.object));
	}

	@Test
	void linkEnds() throws Exception {
		this.clock.step(Duration.ofHours(1));
		assertThat(get(this.object).getStatus()).isEqualTo(403);
		assertThat(get(this.object).getContentAsString()).contains("expired");
	}

	@Test
	void objectThatIsNotThere() throws Exception {
		assertThat(get(this.storage.generateUploadUrl(SCHEMA).downloadUrl()).getStatus()).isEqualTo(404);
	}

	@Test
	void upload() throws Exception {
		UploadUrl vended = this.storage.generateUploadUrl(SCHEMA);
		assertThat(put(vended.downloadUrl(), BYTES).getStatus()).as("signed for GET").isEqualTo(403);
		assertThat(get(vended.uploadUrl()).getStatus()).as("signed for PUT").isEqualTo(403);
		MockHttpServletResponse response = put(vended.uploadUrl(), BYTES, "Content-Encoding", "zstd");
		assertThat(response.getStatus()).isEqualTo(204);
		assertThat(response.getHeader("ETag")).isEqualTo(get(vended.downloadUrl()).getHeader("ETag"));
		assertThat(get(vended.downloadUrl()).getContentAsByteArray()).isEqualTo(BYTES);
		assertThat(get(vended.downloadUrl()).getHeader("Content-Encoding")).isEqualTo("zstd");
		assertThat(put(vended.uploadUrl(), BYTES, "Content-Encoding", "zstd").getStatus()).as("again").isEqualTo(409);
		assertThat(put(vended.uploadUrl(), new byte[3]).getStatus()).as("other bytes").isEqualTo(409);
		assertThat(get(vended.downloadUrl()).getContentAsByteArray()).isEqualTo(BYTES);
	}

	@Test
	void uploadsThatAreRefused() throws Exception {
		URI url = this.storage.generateUploadUrl(SCHEMA).uploadUrl();
		assertThat(send("PUT", url, null, (request) -> {
		}).getStatus()).as("no length").isEqualTo(411);
		assertThat(put(url, new byte[200_001]).getStatus()).as("too large").isEqualTo(413);
		assertThat(put(url, BYTES, "Content-Encoding", "br").getStatus()).as("coding").isEqualTo(415);
		for (int i = 0; i < 2; i++) {
			put(this.storage.generateUploadUrl(SCHEMA).uploadUrl(), BYTES);
		}
		assertThat(put(url, BYTES).getStatus()).as("full").isEqualTo(507);
		this.clock.step(Duration.ofMinutes(15));
		assertThat(put(url, BYTES).getStatus()).as("expired").isEqualTo(403);
	}

	@Test
	void withoutItsFilterReadsTheQueryItself() throws Exception {
		MockHttpServletRequest request = request("GET", this.object);
		MockHttpServletResponse response = new MockHttpServletResponse();
		new LocalStorageController(this.storage).download(key(this.object), request, response);
		assertThat(response.getStatus()).isEqualTo(200);
	}

	@Test
	void nobodyBehindTheFilterSeesTheQuery() throws Exception {
		MockHttpServletRequest request = request("GET", this.object);
		request.setParameter("Signature", signature(this.object));
		new SignedQueryFilter().doFilter(request, new MockHttpServletResponse(), (seen, response) -> {
			HttpServletRequest http = (HttpServletRequest) seen;
			assertThat(http.getQueryString()).isNull();
			assertThat(http.getParameter("Signature")).isNull();
			assertThat(http.getParameterValues("Signature")).isNull();
			assertThat(http.getParameterMap()).isEmpty();
			assertThat(http.getParameterNames().hasMoreElements()).isFalse();
			http.getAttributeNames()
				.asIterator()
				.forEachRemaining((name) -> assertThat(String.valueOf(http.getAttribute(name)))
					.doesNotContain(signature(this.object)));
		});
	}

	@Test
	void otherRequestsKeepTheirQuery() throws Exception {
		MockHttpServletRequest request = new MockHttpServletRequest("GET", "/flights");
		request.setQueryString("Signature=mine");
		new SignedQueryFilter().doFilter(request, new MockHttpServletResponse(),
				(seen, response) -> assertThat(seen).isSameAs(request));
	}

	@ParameterizedTest
	@CsvSource({ "/flights/100%, false", "/flights/%2, false", "/flights/%zz, false", "/app/_VGI/objects/%2, true" })
	void aPathWithABrokenEscapeIsNoFailure(String path, boolean hidden) throws Exception {
		MockHttpServletRequest request = new MockHttpServletRequest("GET", path);
		request.setQueryString("Signature=mine");
		new SignedQueryFilter().doFilter(request, new MockHttpServletResponse(),
				(seen, response) -> assertThat(((HttpServletRequest) seen).getQueryString() == null).isEqualTo(hidden));
	}

	private MockHttpServletResponse get(URI url, String... headers) throws Exception {
		return send("GET", url, null, headers(headers));
	}

	private MockHttpServletResponse put(URI url, byte[] body, String... headers) throws Exception {
		return send("PUT", url, body, headers(headers));
	}

	private static Consumer<MockHttpServletRequest> headers(String... headers) {
		return (request) -> {
			for (int i = 0; i < headers.length; i += 2) {
				request.addHeader(headers[i], headers[i + 1]);
			}
		};
	}

	private MockHttpServletResponse send(String method, URI url, byte @Nullable [] body,
			Consumer<MockHttpServletRequest> customizer) throws Exception {
		MockHttpServletRequest request = request(method, url);
		if (body != null) {
			request.setContent(body);
		}
		customizer.accept(request);
		MockHttpServletResponse response = new MockHttpServletResponse();
		LocalStorageController controller = new LocalStorageController(this.storage);
		new SignedQueryFilter().doFilter(request, response, (seen, answered) -> {
			HttpServletRequest http = (HttpServletRequest) seen;
			if (method.equals("PUT")) {
				controller.upload(key(url), http, response);
			}
			else {
				controller.download(key(url), http, response);
			}
		});
		return response;
	}

	private static MockHttpServletRequest request(String method, URI url) {
		MockHttpServletRequest request = new MockHttpServletRequest(method, url.getRawPath());
		request.setContextPath("/app");
		request.setQueryString(url.getRawQuery());
		return request;
	}

	private static String key(URI url) {
		return url.getPath().substring(url.getPath().lastIndexOf('/') + 1);
	}

	private static String signature(URI url) {
		return url.getRawQuery().replaceAll(".*Signature=", "");
	}

}
