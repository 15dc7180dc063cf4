package dev.vgi.external.conformance;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.local.LocalStorage;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Sends what a browser sends for a page of another origin, to a service that is
 * configured as {@code docs/security.md} shows it.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		classes = ConformanceWorker.Application.class,
		properties = { "spring.autoconfigure.exclude=", "conformance.security=auth",
				"app.page-origins=" + BrowserAccessTests.PAGE, "vgi.external.storage=local",
				"vgi.external.local.base-url=http://127.0.0.1", "vgi.rpc.max-request-size=100KB" })
@NullUnmarked
class BrowserAccessTests {

	static final String PAGE = "https://app.example.com";

	/** What every response shows to a script, whether CORS is configured or not. */
	private static final Set<String> SAFELISTED = Set.of("cache-control", "content-language", "content-length",
			"content-type", "expires", "last-modified", "pragma");

	private static final List<String> OF_STORED_OBJECTS = List.of("etag", "accept-ranges", "content-range");

	private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	@TempDir
	private static Path folder;

	@Autowired
	private LocalStorage storage;

	@LocalServerPort
	private int port;

	@DynamicPropertySource
	static void folder(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", folder::toString);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			HEAD | /health                             | authorization,vgi-accept-max-response-bytes
			POST | /echo_string                        | authorization,content-type,vgi-accept-max-response-bytes
			POST | /ConformanceService/echo_string     | content-type,content-encoding,x-vgi-accept-encoding
			POST | /exchange_scale/init                | content-type,vgi-accept-pointers,x-request-id
			POST | /exchange_scale/exchange            | content-type,traceparent
			POST | /__upload_url__/init                | content-type,vgi-accept-max-response-bytes
			GET  | /numbers                            | vgi-accept-pointers
			GET  | /_vgi/objects/key?Signature=secret  | if-match,range
			HEAD | /_vgi/objects/key?Signature=secret  | if-none-match
			PUT  | /_vgi/objects/key?Signature=secret  | content-type,content-encoding
			""")
	void aBrowserIsToldBeforehandThatItMaySend(String method, String path, String headers) throws Exception {
		HttpResponse<byte[]> response = send("OPTIONS", path, null, "Access-Control-Request-Method", method,
				"Access-Control-Request-Headers", headers);
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().allValues("Access-Control-Allow-Origin")).containsExactly(PAGE);
		assertThat(names(response, "Access-Control-Allow-Methods")).contains(method.toLowerCase(Locale.ROOT));
		assertThat(names(response, "Access-Control-Allow-Headers")).contains(headers.split(","));
		assertThat(response.headers().firstValue("Access-Control-Max-Age")).hasValue("3600");
	}

	@Test
	void capabilitiesAreReadBeforeThereIsACredential() throws Exception {
		HttpResponse<byte[]> response = readable(200, send("HEAD", "/health", null));
		assertThat(response.headers().firstValue("VGI-Max-Request-Bytes")).hasValue("102400");
		assertThat(response.headers().firstValue("VGI-Upload-URL-Support")).hasValue("true");
	}

	@Test
	void refusalsAreReadableWhereverTheyComeFrom() throws Exception {
		HttpResponse<byte[]> unknown = readable(401, send("POST", "/echo_string", new byte[8]));
		assertThat(names(unknown, "Access-Control-Expose-Headers")).contains("vgi-auth-reason", "www-authenticate");
		readable(413, send("POST", "/echo_string", new byte[200_000]));
		readable(415, send("POST", "/echo_string", new byte[8], "Content-Encoding", "br"));
		readable(403, send("GET", "/_vgi/objects/unknown", null));
	}

	@Test
	void storedObjectsAreUploadedAndReadInRanges() throws Exception {
		UploadUrl pair = this.storage.generateUploadUrl(new Schema(List.of()));
		readable(404, send("GET", path(pair.downloadUrl()), null));
		HttpResponse<byte[]> put = readable(204, send("PUT", path(pair.uploadUrl()), "0123456789".getBytes()));
		String tag = put.headers().firstValue("ETag").orElseThrow();
		readable(409, send("PUT", path(pair.uploadUrl()), "0123456789".getBytes()));

		String url = path(pair.downloadUrl());
		HttpResponse<byte[]> head = readable(200, send("HEAD", url, null));
		assertThat(head.headers().firstValue("Content-Length")).hasValue("10");
		HttpResponse<byte[]> part = readable(206, send("GET", url, null, "Range", "bytes=2-4", "If-Match", tag));
		assertThat(part.body()).asString().isEqualTo("234");
		assertThat(part.headers().firstValue("Content-Range")).hasValue("bytes 2-4/10");
		readable(304, send("GET", url, null, "If-None-Match", tag));
		readable(412, send("GET", url, null, "If-Match", "\"other\""));
		readable(416, send("GET", url, null, "Range", "bytes=10-"));
		for (HttpResponse<byte[]> response : List.of(put, head, part)) {
			// A client that sees a coding undoes it, and the browser has done so before.
			assertThat(names(response, "Access-Control-Expose-Headers")).containsAll(OF_STORED_OBJECTS)
				.doesNotContain("content-encoding");
		}
	}

	@Test
	void anotherOriginIsRefused() throws Exception {
		HttpRequest request = HttpRequest.newBuilder(uri("/health")).header("Origin", "https://evil.example").build();
		HttpResponse<byte[]> response = CLIENT.send(request, BodyHandlers.ofByteArray());
		assertThat(response.statusCode()).isEqualTo(403);
		assertThat(response.headers().firstValue("Access-Control-Allow-Origin")).isEmpty();
	}

	// What a script may read: the answer, and of its headers those of the protocol.
	private static HttpResponse<byte[]> readable(int status, HttpResponse<byte[]> response) {
		assertThat(response.statusCode()).isEqualTo(status);
		assertThat(response.headers().allValues("Access-Control-Allow-Origin")).containsExactly(PAGE);
		Set<String> exposed = names(response, "Access-Control-Expose-Headers");
		exposed.addAll(SAFELISTED);
		assertThat(response.headers().map().keySet()).filteredOn(BrowserAccessTests::isForScripts)
			.allSatisfy((name) -> assertThat(exposed).contains(name.toLowerCase(Locale.ROOT)));
		return response;
	}

	private static boolean isForScripts(String header) {
		String name = header.toLowerCase(Locale.ROOT);
		return name.contains("vgi") || name.equals("x-request-id") || name.equals("www-authenticate")
				|| OF_STORED_OBJECTS.contains(name);
	}

	private static Set<String> names(HttpResponse<?> response, String header) {
		return response.headers()
			.allValues(header)
			.stream()
			.flatMap((value) -> Arrays.stream(value.split(",")))
			.map((name) -> name.trim().toLowerCase(Locale.ROOT))
			.collect(Collectors.toCollection(TreeSet::new));
	}

	private HttpResponse<byte[]> send(String method, String path, byte[] body, String... headers)
			throws IOException, InterruptedException {
		HttpRequest.Builder request = HttpRequest.newBuilder(uri(path)).header("Origin", PAGE);
		if (body != null) {
			request.header("Content-Type", Loopback.ARROW);
		}
		if (headers.length > 0) {
			request.headers(headers);
		}
		request.method(method, (body != null) ? BodyPublishers.ofByteArray(body) : BodyPublishers.noBody());
		return CLIENT.send(request.build(), BodyHandlers.ofByteArray());
	}

	private URI uri(String path) {
		return URI.create("http://127.0.0.1:" + this.port + path);
	}

	private static String path(URI url) {
		return url.getRawPath() + "?" + url.getRawQuery();
	}

}
