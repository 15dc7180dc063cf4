package dev.vgi.external.web.client;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.ExchangeCall;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.web.client.ScriptedService.Reply;
import dev.vgi.external.web.client.ScriptedService.Request;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ExchangeCall} over HTTP.
 */
class HttpExchangeStreamTests extends AbstractClientTests {

	private static final String INIT = "/talk/init";

	private static final String TURN = "/talk/exchange";

	private static final String URLS = "/__upload_url__/init";

	private static final Reply OPENED = Reply.arrow(ArrowBodies.stream(ArrowBodies.tokens("a", "call")));

	private static final Reply CANCELLED = Reply.arrow(ArrowBodies.stream());

	private static final Reply TOO_LARGE = Reply.of(413, "application/json",
			Map.of("VGI-Upload-URL-Support", "true", "VGI-Max-Request-Bytes", "2000"), "{}".getBytes());

	@Test
	void everyBatchIsAnswered() {
		this.service.on(INIT, OPENED);
		this.service.on(TURN, answer("b", 10), Reply.arrow(ArrowBodies.stream(ArrowBodies.log("second"),
				ArrowBodies.data(BatchMetadata.of(MetadataKeys.STREAM_STATE, "c").with("own", "kept"), 20))));
		this.service.on(TURN, CANCELLED);
		try (ExchangeCall stream = exchange(client().build())) {
			assertThat(values(say(stream, 1))).containsExactly(10L);
			AnnotatedBatch second = say(stream, 2);
			assertThat(second.metadata().asMap()).containsExactly(Map.entry("own", "kept"));
			assertThat(values(second)).containsExactly(20L);
		}
		assertThat(messages()).containsExactly("second");
		assertThat(cursors(TURN)).containsExactly("a", "b", "[c]");
		assertThat(turns())
			.allSatisfy((turn) -> assertThat(turn.metadata().get(MetadataKeys.CALL_STATE)).isEqualTo("call"));
		assertThat(turns().get(2).rows()).isZero();
	}

	@Test
	void onlyTheCallersOwnKeysTravelWithItsBatch() {
		this.service.on(INIT, OPENED);
		this.service.on(TURN, answer("b", 10), CANCELLED);
		BatchMetadata resolved = BatchMetadata.of(Map.of("own", "kept", MetadataKeys.LOCATION_SOURCE,
				"https://storage.example/key?X-Amz-Signature=secret", MetadataKeys.CANCEL, "1"));
		try (ExchangeCall stream = exchange(client().build());
				AnnotatedBatch input = ArrowBodies.values(this.allocator, resolved, 1)) {
			stream.exchange(input).close();
			// Borrowed: still there.
			assertThat(input.rowCount()).isOne();
		}
		assertThat(turns().get(0).metadata().asMap()).containsOnlyKeys("own", MetadataKeys.STREAM_STATE,
				MetadataKeys.CALL_STATE);
	}

	@Test
	void whenAnswerHasNoRowsItIsAnAnswer() {
		this.service.on(INIT, OPENED);
		this.service.on(TURN, answer("b"), CANCELLED);
		try (ExchangeCall stream = exchange(client().build())) {
			assertThat(values(say(stream, 1))).isEmpty();
		}
		assertThat(cursors(TURN)).containsExactly("a", "[b]");
	}

	@Test
	void whenTokenStandsBesideTheAnswerItIsTaken() {
		// As a service does that takes the method for a producer.
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(0), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.token("b"))), CANCELLED);
		try (ExchangeCall stream = exchange(client().build())) {
			assertThat(values(say(stream, 1))).containsExactly(1L);
		}
		assertThat(cursors(TURN)).containsExactly("a", "[b]");
	}

	@Test
	void cursorComesFromThePayloadThenFromThePointer() {
		String withCursor = this.service.store("with.arrow",
				ArrowBodies.stream(ArrowBodies.data(BatchMetadata.of(MetadataKeys.STREAM_STATE, "inside"), 1)));
		String without = this.service.store("without.arrow", ArrowBodies.stream(ArrowBodies.data(2)));
		this.service.on(INIT, OPENED);
		this.service.on(TURN, pointer(withCursor, "outside"), pointer(without, "pointer"), CANCELLED);
		try (ExchangeCall stream = exchange(client().build())) {
			AnnotatedBatch first = say(stream, 1);
			assertThat(first.metadata().contains(MetadataKeys.STREAM_STATE)).isFalse();
			assertThat(values(first)).containsExactly(1L);
			assertThat(values(say(stream, 2))).containsExactly(2L);
		}
		assertThat(cursors(TURN)).containsExactly("a", "inside", "[pointer]");
	}

	@Test
	void whenInputIsLargerThanTheCapItIsUploadedBeforehand() {
		this.service.on(INIT,
				Reply.of(200, ScriptedService.ARROW,
						Map.of("VGI-Upload-URL-Support", "true", "VGI-Max-Request-Bytes", "2000"),
						ArrowBodies.stream(ArrowBodies.tokens("a", "call"))));
		this.service.on(URLS, uploadUrls());
		this.service.on(TURN, answer("b", 10), CANCELLED);
		try (ExchangeCall stream = exchange(client().build())) {
			assertThat(values(say(stream, new long[1000]))).containsExactly(10L);
		}
		assertUploaded(turns().get(0));
		assertThat(this.service.paths()).containsExactly(INIT, URLS, TURN, TURN);
		assertThat(this.context.externalBytesSent()).isGreaterThan(8000);
	}

	@Test
	void whenInputIsRefusedItIsUploadedAfterwards() {
		this.service.on(INIT, OPENED);
		this.service.on(URLS, uploadUrls());
		this.service.on(TURN, TOO_LARGE, answer("b", 10), CANCELLED);
		try (ExchangeCall stream = exchange(client().build())) {
			assertThat(values(say(stream, new long[1000]))).containsExactly(10L);
		}
		assertUploaded(turns().get(1));
	}

	@Test
	void whenInputIsLargeItIsUploadedWithoutACap() {
		this.service.on(INIT, Reply.of(200, ScriptedService.ARROW, Map.of("VGI-Upload-URL-Support", "true"),
				ArrowBodies.stream(ArrowBodies.tokens("a", "call"))));
		this.service.on(URLS, uploadUrls());
		this.service.on(TURN, answer("b", 10), answer("c", 20), CANCELLED);
		try (ExchangeCall stream = exchange(client().uploadThreshold(4000).build())) {
			assertThat(values(say(stream, new long[1000]))).containsExactly(10L);
			assertThat(values(say(stream, 1))).containsExactly(20L);
		}
		assertUploaded(turns().get(0));
		assertThat(turns().get(1).rows()).isOne();
		assertThat(cursors(TURN)).containsExactly("a", "b", "[c]");
	}

	@Test
	void whenEvenThePointerIsRefusedThatIsFinal() {
		this.service.on(INIT, OPENED);
		this.service.on(URLS, uploadUrls());
		this.service.on(TURN, TOO_LARGE, TOO_LARGE, CANCELLED);
		try (ExchangeCall stream = exchange(client().build())) {
			assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> say(stream, new long[1000]))
				.satisfies((error) -> assertThat(error.status()).isEqualTo(413));
			assertThatIllegalStateException().isThrownBy(() -> say(stream, 1)).withMessage("The stream is over");
		}
		assertThat(cursors(TURN)).containsExactly("a", "a", "[a]");
	}

	@Test
	void whenConnectionIsLostTheTurnIsNotMadeAgain() {
		this.service.on(INIT, OPENED);
		this.service.on(TURN, Reply.hangUp(), CANCELLED);
		try (ExchangeCall stream = exchange(client().build())) {
			assertThatExceptionOfType(ServiceUnavailableException.class).isThrownBy(() -> say(stream, 1));
			assertThatIllegalStateException().isThrownBy(() -> say(stream, 2));
		}
		assertThat(cursors(TURN)).containsExactly("a", "[a]");
	}

	@Test
	void whenServiceFailsTheStreamIsOver() {
		this.service.on(INIT, OPENED);
		this.service.on(TURN, Reply.flagged(ArrowBodies.stream(ArrowBodies.error("ValueError", "no", "none"))));
		try (ExchangeCall stream = exchange(client().build())) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> say(stream, 1))
				.withMessage("ValueError: no");
			assertThatIllegalStateException().isThrownBy(() -> say(stream, 2));
		}
		assertThat(cursors(TURN)).containsExactly("a");
	}

	@Test
	void whenErrorFollowsTheAnswerTheAnswerIsFreed() {
		this.service.on(INIT, OPENED);
		this.service.on(TURN,
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.error("ValueError", "no", "none"))));
		try (ExchangeCall stream = exchange(client().build())) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> say(stream, 1));
		}
	}

	@Test
	void whenStoredAnswerIsAnErrorTheStreamIsOver() {
		String url = this.service.store("error.arrow",
				ArrowBodies.stream(ArrowBodies.error("ValueError", "stored", "none")));
		this.service.on(INIT, OPENED);
		this.service.on(TURN, pointer(url, "b"));
		try (ExchangeCall stream = exchange(client().build())) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> say(stream, 1))
				.withMessage("ValueError: stored");
		}
		assertThat(cursors(TURN)).containsExactly("a");
	}

	@Test
	void whenAnsweredTwiceOrNotAtAllItIsAnError() {
		this.service.on(INIT, OPENED, OPENED, OPENED);
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.data(2))), CANCELLED,
				Reply.arrow(ArrowBodies.stream()), CANCELLED, Reply.text(502, "bad gateway"), CANCELLED);
		VgiClient client = client().build();
		try (ExchangeCall stream = exchange(client)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> say(stream, 1));
		}
		try (ExchangeCall stream = exchange(client)) {
			assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> say(stream, 1))
				.withMessageContaining("without data");
		}
		try (ExchangeCall stream = exchange(client)) {
			assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> say(stream, 1))
				.satisfies((error) -> assertThat(error.status()).isEqualTo(502));
		}
	}

	@Test
	void whenOpeningHasNoTokenItIsAnError() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream()),
				Reply.flagged(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.error("ValueError", "no", "none"))));
		VgiClient client = client().build();
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> exchange(client))
			.withMessageContaining("token");
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> exchange(client));
	}

	@Test
	void whenClosedNothingIsSent() {
		this.service.on(INIT, OPENED);
		this.service.on(TURN, CANCELLED);
		ExchangeCall stream = exchange(client().build());
		stream.close();
		stream.close();
		assertThatIllegalStateException().isThrownBy(() -> say(stream, 1)).withMessage("The stream is closed");
		assertThat(cursors(TURN)).containsExactly("[a]");
	}

	private AnnotatedBatch say(ExchangeCall stream, long... values) {
		try (AnnotatedBatch input = ArrowBodies.values(this.allocator, BatchMetadata.empty(), values)) {
			return stream.exchange(input);
		}
	}

	private List<Request> turns() {
		return this.service.requests().stream().filter((request) -> request.path().equals(TURN)).toList();
	}

	private void assertUploaded(Request pointer) {
		assertThat(pointer.rows()).isZero();
		assertThat(pointer.metadata().asMap()).containsOnlyKeys(MetadataKeys.STREAM_STATE, MetadataKeys.CALL_STATE,
				MetadataKeys.LOCATION, MetadataKeys.LOCATION_SHA256);
		assertThat(pointer.metadata().get(MetadataKeys.STREAM_STATE)).isEqualTo("a");
		byte[] object = this.service.object("input.arrow");
		assertThat(object.length).isGreaterThan(8000);
		assertThat(new String(object, StandardCharsets.ISO_8859_1)).contains(MetadataKeys.STREAM_STATE);
	}

	private static Reply answer(String cursor, long... values) {
		return Reply
			.arrow(ArrowBodies.stream(ArrowBodies.data(BatchMetadata.of(MetadataKeys.STREAM_STATE, cursor), values)));
	}

	private static Reply pointer(String url, String cursor) {
		return Reply.arrow(ArrowBodies.stream((writer, allocator) -> writer
			.writeEmpty(BatchMetadata.of(MetadataKeys.LOCATION, url).with(MetadataKeys.STREAM_STATE, cursor))));
	}

	private Reply uploadUrls() {
		return Reply.arrow(ArrowBodies.uploadUrls(this.service.url() + "/objects/input.arrow"));
	}

}
