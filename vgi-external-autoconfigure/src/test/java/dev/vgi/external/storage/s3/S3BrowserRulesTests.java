package dev.vgi.external.storage.s3;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CORSRule;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Holds that the bucket's rules of {@code docs/storage-s3.md} let a page fetch and store
 * objects, on a server that applies them: {@code .ci/storage} names one, s3proxy has no
 * rules per bucket.
 */
@EnabledIfSystemProperty(named = "vgi.test.s3.endpoint", matches = ".+")
class S3BrowserRulesTests {

	private static final Pattern RULES = Pattern.compile("'(\\{\"CORSRules\".*})'");

	private static final String REGION = "eu-central-1";

	private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private final String bucket = "pages-" + Long.toString(System.nanoTime(), 36);

	@Test
	void theRulesOfTheDocsLetAPageFetchAndStore() throws Exception {
		URI endpoint = URI.create(System.getProperty("vgi.test.s3.endpoint"));
		AwsCredentialsProvider credentials = StaticCredentialsProvider
			.create(AwsBasicCredentials.create("access", "planted-secret"));
		CORSRule rule = rule();
		String page = rule.allowedOrigins().get(0);
		UploadUrl pair;
		try (S3Client client = S3Clients.client(credentials, REGION, endpoint, true);
				S3Presigner presigner = S3Clients.presigner(credentials, REGION, endpoint, true);
				StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null)) {
			client.createBucket((create) -> create.bucket(this.bucket));
			client.putBucketCors((put) -> put.bucket(this.bucket).corsConfiguration((cors) -> cors.corsRules(rule)));
			pair = new S3Storage(client, presigner, transport, TransferThreads.platform(),
					S3StorageSettings.of(this.bucket), Clock.systemUTC())
				.generateUploadUrl(new Schema(List.of()));
		}

		preflight(pair.uploadUrl(), page, "PUT", "content-encoding,content-type");
		HttpResponse<byte[]> put = send(pair.uploadUrl(), page, "PUT", "Content-Type",
				"application/vnd.apache.arrow.stream");
		assertReadable(put, page, "etag");
		// What a redirect carries on from the request to the service is among the
		// headers.
		preflight(pair.downloadUrl(), page, "GET", "if-match,range,vgi-accept-max-response-bytes,x-request-id");
		HttpResponse<byte[]> part = send(pair.downloadUrl(), page, "GET", "Range", "bytes=2-4", "If-Match",
				put.headers().firstValue("ETag").orElseThrow());
		assertThat(part.statusCode()).isEqualTo(206);
		assertThat(part.body()).asString().isEqualTo("234");
		assertReadable(part, page, "etag", "content-range", "accept-ranges");
		assertThat(send(pair.downloadUrl(), "https://evil.example", "GET").headers()
			.firstValue("Access-Control-Allow-Origin")).isEmpty();
	}

	private static CORSRule rule() throws IOException {
		Matcher rules = RULES.matcher(Files.readString(Path.of("../docs/storage-s3.md")));
		assertThat(rules.find()).isTrue();
		JsonNode rule = JsonMapper.shared().readTree(rules.group(1)).at("/CORSRules/0");
		return CORSRule.builder()
			.allowedOrigins(texts(rule.get("AllowedOrigins")))
			.allowedMethods(texts(rule.get("AllowedMethods")))
			.allowedHeaders(texts(rule.get("AllowedHeaders")))
			.exposeHeaders(texts(rule.get("ExposeHeaders")))
			.maxAgeSeconds(rule.get("MaxAgeSeconds").intValue())
			.build();
	}

	private static List<String> texts(JsonNode array) {
		return array.valueStream().map(JsonNode::stringValue).toList();
	}

	private static void preflight(URI url, String page, String method, String headers) throws Exception {
		HttpResponse<byte[]> response = send(url, page, "OPTIONS", "Access-Control-Request-Method", method,
				"Access-Control-Request-Headers", headers);
		assertThat(response.statusCode()).isBetween(200, 299);
		assertReadable(response, page);
		assertThat(names(response, "Access-Control-Allow-Methods")).contains(method.toLowerCase(Locale.ROOT));
		assertThat(names(response, "Access-Control-Allow-Headers")).contains(headers.split(","));
	}

	private static void assertReadable(HttpResponse<byte[]> response, String page, String... exposed) {
		assertThat(response.headers().allValues("Access-Control-Allow-Origin")).containsExactly(page);
		assertThat(names(response, "Access-Control-Expose-Headers")).containsAll(List.of(exposed));
	}

	private static List<String> names(HttpResponse<byte[]> response, String header) {
		return response.headers()
			.allValues(header)
			.stream()
			.flatMap((value) -> Arrays.stream(value.split(",")))
			.map((name) -> name.trim().toLowerCase(Locale.ROOT))
			.toList();
	}

	private static HttpResponse<byte[]> send(URI url, String page, String method, String... headers) throws Exception {
		HttpRequest.Builder request = HttpRequest.newBuilder(url).header("Origin", page);
		if (headers.length > 0) {
			request.headers(headers);
		}
		request.method(method, method.equals("PUT") ? BodyPublishers.ofString("0123456789") : BodyPublishers.noBody());
		return CLIENT.send(request.build(), BodyHandlers.ofByteArray());
	}

}
