package dev.vgi.external.web.client;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.ForeignStreams;
import dev.vgi.external.batch.ProtocolVersionException;
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.batch.UnsupportedStreamException;
import dev.vgi.external.call.ExchangeCall;
import dev.vgi.external.call.ProducerCall;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.codec.CodedBodies;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.web.client.ScriptedService.Reply;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.http.client.HttpComponentsClientHttpRequestFactory;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.http.client.SimpleClientHttpRequestFactory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link VgiClient}: one answer per call, and the two dialects.
 */
class VgiClientTests extends AbstractClientTests {

	private static final Reply NEW = Reply.headers("VGI-Externalization-Enabled", "false",
			"VGI-Accept-Max-Response-Bytes-Support", "true");

	private static final Reply OLD = Reply.headers("VGI-Externalization-Enabled", "false");

	private static final Reply UNKNOWN = Reply.arrow(404,
			ArrowBodies.stream(ArrowBodies.error("AttributeError", "no such method", "method_not_implemented")));

	@Test
	void readsTheOneBatchBetweenLogs() {
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.log("before"), ArrowBodies.data(1))));
		assertThat(values(call(client().build(), "m"))).containsExactly(1L);
		assertThat(messages()).containsExactly("before");
	}

	@Test
	void answersThatAreNoneAreErrors() {
		this.service.on("/m", Reply.arrow(ArrowBodies.stream()),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.data(2))), Reply.arrow(new byte[0]),
				Reply.text(200, "<html>"), Reply.arrow(500, ArrowBodies.stream(ArrowBodies.data(1))),
				Reply.arrow("no Arrow at all".getBytes()), Reply.text(401, "who are you"));
		VgiClient client = client().build();
		assertFails(client, UnexpectedResponseException.class, "without data");
		assertFails(client, CorruptStreamException.class, "more than one");
		assertFails(client, CorruptStreamException.class, "too few");
		assertFails(client, UnexpectedResponseException.class, "The service answered POST " + this.service.url()
				+ "/m with status 200 and text/plain instead of an Arrow stream");
		assertFails(client, UnexpectedResponseException.class, "500");
		assertFails(client, CorruptStreamException.class, "");
		assertFails(client, UnexpectedResponseException.class, "401");
	}

	@Test
	void bodiesAreDecodedOnceWhateverTheHttpClientDoes() throws IOException {
		byte[] plain = ArrowBodies.stream(ArrowBodies.data(1));
		JdkClientHttpRequestFactory decoding = new JdkClientHttpRequestFactory();
		decoding.enableCompression(true);
		for (ClientHttpRequestFactory requests : List.of(new JdkClientHttpRequestFactory(), decoding,
				new HttpComponentsClientHttpRequestFactory(), new SimpleClientHttpRequestFactory())) {
			VgiClient client = client(requests).build();
			// A standard label is only for what was offered by the standard header: never
			// zstd.
			for (List<String> label : List.of(List.of("Content-Encoding", "gzip"),
					List.of("X-VGI-Content-Encoding", "gzip"), List.of("X-VGI-Content-Encoding", "zstd"))) {
				this.service.on("/m", Reply.of(200, ScriptedService.ARROW, Map.of(label.get(0), label.get(1)),
						encode(label.get(1), plain)));
				assertThat(values(call(client, "m"))).as(requests + " " + label).containsExactly(1L);
			}
		}
	}

	private static byte[] encode(String coding, byte[] plain) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		ContentCodec codec = ContentCodec.forCoding(coding);
		assertThat(codec).isNotNull();
		try (OutputStream out = codec.encode(bytes, plain.length)) {
			out.write(plain);
		}
		return bytes.toByteArray();
	}

	@ParameterizedTest
	@CsvSource({ "gzip, WRONG", "gzip, MISSING", "zstd, WRONG", "zstd, MISSING" })
	void codedAnswersAreReadToTheirChecksum(String coding, CodedBodies.End end) {
		byte[] unary = ArrowBodies.stream(ArrowBodies.log("early"), ArrowBodies.data(1));
		byte[] opening = ArrowBodies.stream(ArrowBodies.tokens("a", "call"));
		Function<byte[], Reply> reply = (plain) -> Reply.of(200, ScriptedService.ARROW,
				Map.of("X-VGI-Content-Encoding", coding), CodedBodies.encode(coding, plain, end));
		VgiClient client = client().prefetch(false).build();
		this.service.on("/m", reply.apply(unary));
		assertFails(client, CorruptStreamException.class, coding);
		this.service.on("/m", reply
			.apply(ArrowBodies.stream(ArrowBodies.log("early"), ArrowBodies.error("ValueError", "no", "none"))));
		assertFails(client, CorruptStreamException.class, coding);
		this.service.on("/produce/init", reply.apply(unary));
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> produce(client, false));
		this.service.on("/talk/init", Reply.arrow(opening));
		this.service.on("/talk/exchange", reply.apply(unary), Reply.arrow(unary));
		try (ExchangeCall stream = exchange(client);
				AnnotatedBatch input = ArrowBodies.values(this.allocator, BatchMetadata.empty(), 1)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> stream.exchange(input));
		}
		assertThat(this.logs).isEmpty();
	}

	@Test
	void logsComeBeforeWhateverTheAnswerIs() {
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.log("data"), ArrowBodies.data(1))),
				Reply
					.arrow(ArrowBodies.stream(ArrowBodies.log("error"), ArrowBodies.error("ValueError", "no", "none"))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.log("neither"))));
		VgiClient client = client().build();
		assertThat(values(call(client, "m"))).containsExactly(1L);
		assertFails(client, ErrorBatchException.class, "ValueError: no");
		assertFails(client, UnexpectedResponseException.class, "without data");
		assertThat(messages()).containsExactly("data", "error", "neither");
	}

	@Test
	void whatCannotBeReadInAnAnswerIsNamed() {
		this.service.on("/m", Reply.arrow(ForeignStreams.of("decimal64")));
		assertFails(client().build(), UnsupportedStreamException.class, "decimal64 in column 'x'");
	}

	@ParameterizedTest
	@ValueSource(strings = { "gzip", "zstd" })
	void whenAProxyDropsTheLabelOfACodingItIsKnownByItsBytes(String coding) {
		this.service.on("/m", Reply.of(200, ScriptedService.ARROW, Map.of(),
				CodedBodies.encode(coding, ArrowBodies.stream(ArrowBodies.data(1)))));
		assertThat(values(call(client().build(), "m"))).containsExactly(1L);
	}

	@ParameterizedTest
	@CsvSource({ "405, text/html", "403, text/html", "204, text/plain", "502, what ever", "302, text/html" })
	void whenAProxyAnswersOptionsHealthIsAsked(int status, String type) {
		Reply ofProxy = Reply.of(status, type, Map.of(), new byte[0]);
		this.service.on("/health", ofProxy, OLD);
		assertThat(client().build().capabilities().uploadUrlSupport()).isFalse();
		assertThat(this.service.requests()).extracting(ScriptedService.Request::method)
			.containsExactly("OPTIONS", "GET");
		this.service.on("/m", ofProxy);
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> call(client().build(), "m"))
			.satisfies((ex) -> assertThat(ex.status()).isEqualTo(status));
	}

	@Test
	void whenAProxyRefusesALargeRequestAndAnythingElseTheErrorSaysWhichRequest() {
		this.service.on("/m", Reply.text(413, "<html>"));
		assertFails(client().build(), UnexpectedResponseException.class, "is too large for the service");
	}

	@Test
	void whenErrorIsFlaggedItIsNeverLost() {
		// Even where a void method's empty batch comes first, or no error at all.
		this.service.on("/m",
				Reply.flagged(ArrowBodies.stream(ArrowBodies.NOTHING, ArrowBodies.empty("own", "value"),
						ArrowBodies.error("ValueError", "late", "none"))),
				Reply.flagged(ArrowBodies.stream(ArrowBodies.NOTHING, ArrowBodies.empty("own", "value"))));
		VgiClient client = client().build();
		assertFails(client, ErrorBatchException.class, "ValueError: late");
		assertFails(client, UnexpectedResponseException.class, "failed");
	}

	@Test
	void whenVersionsDifferTheErrorSaysSo() {
		this.service.on("/m", Reply.arrow(400, ArrowBodies.stream(
				ArrowBodies.error("ProtocolVersionError", "client has 1.0, server 2.0", "protocol_version_mismatch"))));
		assertFails(client().build(), ProtocolVersionException.class, "server 2.0");
	}

	@Test
	void whenAnswerIsLargerThanAllowedItIsRefused() {
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(new long[1000]))));
		assertFails(client().maxResponseSize(4000).build(), StreamTooLongException.class, "4000 bytes");
	}

	@Test
	void whenCallIsLostItIsNotMadeAgain() {
		this.service.on("/m", Reply.hangUp());
		assertFails(client().build(), ServiceUnavailableException.class, "cannot be reached");
		assertThat(this.service.paths()).containsExactly("/m");
	}

	@Test
	void hostThatTheHttpClientDoesNotTakeIsNamed() {
		assertFails(client().baseUrl("http://my_service:8080").build(), ServiceUnavailableException.class,
				"its host must not have an underscore");
	}

	@Test
	void whenAQuestionIsLostItIsAskedAgainOnce() {
		this.service.on("/health", Reply.hangUp(), OLD, Reply.hangUp(), Reply.hangUp());
		assertThat(client().build().capabilities().uploadUrlSupport()).isFalse();
		assertThat(this.service.paths()).containsExactly("/health", "/health");
		assertThatExceptionOfType(ServiceUnavailableException.class).isThrownBy(() -> client().build().capabilities());
		assertThat(this.service.paths()).hasSize(4);
	}

	@Test
	void whenServiceIsGoneItIsUnavailable() {
		VgiClient client = client().build();
		this.service.close();
		assertFails(client, ServiceUnavailableException.class,
				"The service at " + this.service.url() + " cannot be reached: the connection was refused");
	}

	@Test
	void capabilitiesAreBelievedForAWhile() {
		AtomicLong time = new AtomicLong();
		this.service.on("/health", OLD, Reply.headers("VGI-Upload-URL-Support", "true"));
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1))));
		VgiClient client = client().nanoTime(time::get).build();
		assertThat(client.capabilities().uploadUrlSupport()).isFalse();
		// An answer without the headers withdraws nothing.
		call(client, "m").close();
		assertThat(client.capabilities().uploadUrlSupport()).isFalse();
		time.addAndGet(Duration.ofMinutes(5).toNanos());
		assertThat(client.capabilities().uploadUrlSupport()).isTrue();
	}

	@Test
	void whenServiceAnnouncesNothingThereAreNoCapabilities() {
		this.service.on("/health", Reply.headers());
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> client().build().capabilities())
			.withMessageContaining("capability");
	}

	@Test
	void whenRequestIsLargeTheCapIsAskedForFirst() {
		this.service.on("/health", Reply.headers("VGI-Upload-URL-Support", "true", "VGI-Max-Request-Bytes", "100000"));
		this.service.on("/__upload_url__/init",
				Reply.arrow(ArrowBodies.uploadUrls(this.service.url() + "/objects/input.arrow")));
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1))));
		try (AnnotatedBatch request = request("m");
				AnnotatedBatch large = ArrowBodies.values(this.allocator, request.metadata(), new long[200_000])) {
			client().build().call(large, this.context).close();
		}
		assertThat(this.service.paths()).containsExactly("/health", "/__upload_url__/init", "/m");
		assertThat(this.service.object("input.arrow").length).isGreaterThan(1_600_000);
	}

	@Test
	void whenNoUploadUrlIsVendedTheRequestIsTooLarge() {
		this.service.on("/m", Reply.text(413, "too large"));
		this.service.on("/health", OLD);
		assertFails(client().build(), UnexpectedResponseException.class, "vends no upload URLs");
	}

	@Test
	void whenNamespacesAreAnnouncedTheyAreUsed() {
		this.service.on("/health", NEW);
		this.service.on("/Some.v1/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(2))));
		VgiClient client = client().dialect(Dialect.AUTO).maxResponseSize(1_000_000).build();
		assertThat(values(call(client, "m"))).containsExactly(1L);
		assertThat(values(call(client, "m"))).containsExactly(2L);
		assertThat(this.service.paths()).containsExactly("/health", "/Some.v1/m", "/Some.v1/m");
		assertThat(this.service.requests().get(0).method()).isEqualTo("OPTIONS");
		assertThat(this.service.requests().get(1).headers().get("VGI-Accept-Max-Response-Bytes"))
			.containsExactly("1000000");
	}

	@Test
	void whenNamespacesAreNotAnnouncedTheyAreNotUsed() {
		this.service.on("/health", OLD);
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1))));
		assertThat(values(call(client().dialect(Dialect.AUTO).build(), "m"))).containsExactly(1L);
		assertThat(this.service.paths()).containsExactly("/health", "/m");
		assertThat(this.service.requests().get(1).headers()).doesNotContainKey("VGI-Accept-Max-Response-Bytes");
	}

	@Test
	void whenGuessIsWrongTheOtherDialectIsKept() {
		// As the last releases with flat routes answer.
		this.service.on("/health", NEW);
		this.service.on("/m/init", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "c"))));
		this.service.on("/m/exchange", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(2))));
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(3))));
		VgiClient client = client().dialect(Dialect.AUTO).build();
		try (AnnotatedBatch request = request("m");
				ProducerCall stream = client.openProducer(request, false, this.context)) {
			assertThat(drain(stream)).containsExactly(1L, 2L);
		}
		call(client, "m").close();
		assertThat(this.service.paths()).containsExactly("/health", "/Some.v1/m/init", "/m/init", "/m/exchange", "/m");
	}

	@Test
	void whenServiceIsUpgradedTheClientFollows() {
		this.service.on("/health", OLD);
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1))));
		VgiClient client = client().dialect(Dialect.AUTO).build();
		call(client, "m").close();
		this.service.on("/Some.v1/m", Reply.arrow(ArrowBodies.stream(ArrowBodies.data(2))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(3))));
		assertThat(values(call(client, "m"))).containsExactly(2L);
		assertThat(values(call(client, "m"))).containsExactly(3L);
		assertThat(this.service.paths()).containsExactly("/health", "/m", "/m", "/Some.v1/m", "/Some.v1/m");
	}

	@Test
	void whenNeitherDialectKnowsTheMethodItsOwnErrorWins() {
		this.service.on("/health", NEW, NEW);
		this.service.on("/m", UNKNOWN);
		assertFails(client().dialect(Dialect.AUTO).build(), ErrorBatchException.class, "no such method");
		this.service.on("/Some.v1/m", UNKNOWN);
		assertFails(client().dialect(Dialect.AUTO).build(), ErrorBatchException.class, "no such method");
		assertFails(client().dialect(Dialect.NAMESPACED).build(), UnexpectedResponseException.class, "404");
	}

	@Test
	void whenTurnIsNotFoundNothingElseIsTried() {
		this.service.on("/Some.v1/produce/init",
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		VgiClient client = client().dialect(Dialect.NAMESPACED).prefetch(false).build();
		try (ProducerCall stream = produce(client, false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(stream::next);
		}
		assertThat(this.service.paths()).containsExactly("/Some.v1/produce/init", "/Some.v1/produce/exchange",
				"/Some.v1/produce/exchange");
	}

	@Test
	void localStoreOfTheCalledServiceIsTrustedAndNothingElseOfIt() {
		String url = this.service.url() + "/objects/elsewhere.arrow";
		CalledService policy = new CalledService(URI.create(this.service.url() + "/m"));
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> policy.validate(URI.create(url)));
		policy.validate(URI
			.create(this.service.url() + LocalStorage.PATH + "/0123456789abcdef0123456789abcdef.arrow?Signature=x"));
	}

	private AnnotatedBatch call(VgiClient client, String method) {
		try (AnnotatedBatch request = request(method)) {
			return client.call(request, this.context);
		}
	}

	private void assertFails(VgiClient client, Class<? extends RuntimeException> type, String text) {
		assertThatExceptionOfType(type).isThrownBy(() -> call(client, "m"))
			.withMessageContaining(text)
			.satisfies((error) -> assertThat(error.getClass()).isEqualTo(type));
	}

}
