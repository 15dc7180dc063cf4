package dev.vgi.external.rpc;

import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.validation.constraints.Size;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for streams, with what a peer may send.
 */
@NullUnmarked
@Import(StreamCallTests.Application.class)
class StreamCallTests extends AbstractCallTests {

	@BeforeEach
	void forget() {
		WordController.cancelled.clear();
	}

	@Test
	void aProducerMakesOneBatchPerTurn() {
		StreamReply first = init("produce_n", number("count", 2));
		assertThat(first.status()).isEqualTo(200);
		assertThat(first.flagged()).isFalse();
		assertThat(first.streams()).hasSize(1);
		assertThat(first.kinds()).containsExactly(BatchKind.DATA, BatchKind.TOKEN);
		assertThat(first.only(BatchKind.DATA).columns()).isEqualTo(Map.of("index", List.of(0L), "value", List.of(0L)));
		assertThat(first.only(BatchKind.DATA).metadata().isEmpty()).isTrue();
		assertThat(first.only(BatchKind.TOKEN).metadata().asMap()).containsOnlyKeys(MetadataKeys.STREAM_STATE,
				MetadataKeys.CALL_STATE);
		StreamReply second = turn("produce_n", first.tokens());
		assertThat(second.kinds()).containsExactly(BatchKind.DATA, BatchKind.TOKEN);
		assertThat(second.only(BatchKind.DATA).columns())
			.isEqualTo(Map.of("index", List.of(1L), "value", List.of(10L)));
		assertThat(second.only(BatchKind.TOKEN).metadata().asMap()).containsOnlyKeys(MetadataKeys.STREAM_STATE);
		StreamReply third = turn("produce_n", first.tokens().with(second.tokens()));
		assertThat(third.status()).isEqualTo(200);
		assertThat(third.data()).isEmpty();
	}

	@Test
	void aTurnMayBeAskedForAgain() {
		StreamReply first = init("produce_n", number("count", 3));
		assertThat(turn("produce_n", first.tokens()).only(BatchKind.DATA))
			.isEqualTo(turn("produce_n", first.tokens()).only(BatchKind.DATA));
	}

	@Test
	void anEmptyProducerIsAnEmptyStream() {
		StreamReply reply = init("produce_empty", List.of());
		assertThat(reply.status()).isEqualTo(200);
		assertThat(reply.streams()).containsExactly(List.of());
	}

	@Test
	void theLastBatchMayComeWithTheEnd() {
		StreamReply reply = init("produce_tick_metadata", number("count", 1), Map.of("vgi.conformance.tick", "tock"));
		assertThat(reply.kinds()).containsExactly(BatchKind.DATA);
		assertThat(reply.only(BatchKind.DATA).columns().get("seen")).hasToString("[tock]");
	}

	@Test
	void aHeaderIsAStreamOfItsOwnWithTheLogsOfTheStart() {
		StreamReply reply = init("produce_with_header_and_logs", number("count", 1));
		assertThat(reply.streams()).hasSize(2);
		List<StreamReply.Batch> header = reply.streams().get(0);
		assertThat(header).hasSize(2);
		assertThat(header.get(0).log().message()).isEqualTo("stream init log");
		assertThat(header.get(1).columns()).hasToString("{total_expected=[1], description=[producing 1 with logs]}");
		assertThat(reply.kinds()).containsExactly(BatchKind.DATA, BatchKind.TOKEN);
	}

	@Test
	void logsOfATurnComeBeforeItsBatch() {
		StreamReply reply = init("produce_with_logs", number("count", 1));
		assertThat(reply.kinds()).containsExactly(BatchKind.LOG, BatchKind.DATA, BatchKind.TOKEN);
		assertThat(reply.only(BatchKind.LOG).log().message()).isEqualTo("producing batch 0");
	}

	@Test
	void anErrorOnInitIsOneFlaggedStreamWithoutColumns() {
		StreamReply reply = init("produce_error_on_init", List.of());
		assertThat(reply.status()).isEqualTo(200);
		assertThat(reply.flagged()).isTrue();
		assertThat(reply.streams()).hasSize(1);
		assertThat(reply.error().errorMessage()).isEqualTo("intentional init error");
		assertThat(reply.only(BatchKind.ERROR).columns()).isEmpty();
	}

	@Test
	void anErrorInATurnEndsTheStream() {
		StreamReply first = init("produce_error_mid_stream", number("emit_before_error", 1));
		StreamReply second = turn("produce_error_mid_stream", first.tokens());
		assertThat(second.status()).isEqualTo(200);
		assertThat(second.flagged()).isTrue();
		assertThat(second.kinds()).containsExactly(BatchKind.ERROR);
		assertThat(second.error().errorType()).isEqualTo("RuntimeError");
		assertThat(second.only(BatchKind.ERROR).columns()).containsOnlyKeys("index", "value");
	}

	@Test
	void anErrorInTheFirstTurnLeavesTheHeader() {
		StreamReply reply = init("words", List.of(text("first", "fail")));
		assertThat(reply.flagged()).isTrue();
		assertThat(reply.streams()).hasSize(2);
		assertThat(reply.streams().get(0).get(0).columns()).hasToString("{title=[fail]}");
		assertThat(reply.kinds()).containsExactly(BatchKind.LOG, BatchKind.ERROR);
		assertThat(reply.error().errorMessage()).isEqualTo("no word");
	}

	@Test
	void aTurnIsAHandlerMethodLikeAnyOther() {
		StreamReply first = init("words", List.of(text("first", "one")), Map.of(), "X-Word", "two", "X-User", "ann");
		assertThat(first.only(BatchKind.DATA).columns()).hasToString("{word=[one two ann words]}");
		assertThat(first.only(BatchKind.DATA).metadata()).isEqualTo(BatchMetadata.of("app", "kept"));
		assertThat(first.only(BatchKind.LOG).log().message()).isEqualTo("in the cycle");
		StreamReply second = turn("words", first.tokens(), "X-Word", "much too long", "X-User", "ann");
		assertThat(second.status()).isEqualTo(400);
		assertThat(second.error().errorType()).isEqualTo("ValueError");
		StreamReply last = turn("words", first.tokens(), "X-Word", "end", "X-User", "ann");
		assertThat(last.kinds()).containsExactly(BatchKind.DATA);
		assertThat(last.only(BatchKind.DATA).columns()).hasToString("{word=[one. end ann words]}");
	}

	@Test
	void aBatchOfOtherColumnsIsAFailureOfTheTurn() {
		StreamReply reply = init("words", List.of(text("first", "wrong")));
		assertThat(reply.flagged()).isTrue();
		assertThat(reply.error().errorMessage()).contains("declares the columns").contains("emitted");
	}

	@Test
	void aStateWithoutATurnIsAFailureOfTheTurn() {
		StreamReply reply = init("words", List.of(text("first", "lost")));
		assertThat(reply.flagged()).isTrue();
		assertThat(reply.error().errorMessage()).contains("no @RpcTurn method for the state");
	}

	@Test
	void columnsMayBeDictionaries() {
		StreamReply first = init("colours", List.of());
		assertThat(first.kinds()).containsExactly(BatchKind.DATA, BatchKind.TOKEN);
		assertThat(first.only(BatchKind.DATA).columns()).hasToString("{colour=[1]}");
		StreamReply second = turn("colours", first.tokens());
		assertThat(second.status()).isEqualTo(200);
		assertThat(second.data()).isEmpty();
	}

	@Test
	void anExchangeStartsWithBothTokensAndNoTurn() {
		StreamReply reply = init("exchange_scale", List.of(real("factor", 2)));
		assertThat(reply.kinds()).containsExactly(BatchKind.TOKEN);
		assertThat(reply.tokens().asMap()).containsOnlyKeys(MetadataKeys.STREAM_STATE, MetadataKeys.CALL_STATE);
	}

	@Test
	void anExchangeAnswersEveryBatchWithOneThatHasTheCursor() {
		StreamReply start = init("exchange_accumulate", List.of());
		StreamReply first = exchange("exchange_accumulate", start.tokens(), List.of(real("value", 1.5)), 1);
		assertThat(first.data()).hasSize(1);
		assertThat(first.data().get(0).columns()).hasToString("{running_sum=[1.5], exchange_count=[1]}");
		assertThat(first.data().get(0).metadata().asMap()).containsOnlyKeys(MetadataKeys.STREAM_STATE);
		StreamReply second = exchange("exchange_accumulate", start.tokens().with(first.tokens()),
				List.of(real("value", 2)), 1);
		assertThat(second.data().get(0).columns()).hasToString("{running_sum=[3.5], exchange_count=[2]}");
	}

	@Test
	void whatWasSentMayBeAnsweredItself() {
		StreamReply start = init("exchange_with_logs", List.of());
		StreamReply reply = exchange("exchange_with_logs", start.tokens().with("app", "kept"),
				List.of(number("value", 7).get(0)), 1);
		assertThat(reply.kinds()).containsExactly(BatchKind.LOG, BatchKind.LOG, BatchKind.DATA);
		assertThat(reply.only(BatchKind.DATA).columns()).hasToString("{value=[7.0]}");
		assertThat(reply.only(BatchKind.DATA).metadata().asMap()).containsOnlyKeys("app", MetadataKeys.STREAM_STATE)
			.containsEntry("app", "kept");
	}

	@Test
	void aBatchWithoutRowsIsATurnToo() {
		StreamReply start = init("exchange_scale", List.of(real("factor", 2)));
		StreamReply reply = exchange("exchange_scale", start.tokens(), List.of(real("value", 0)), 0);
		assertThat(reply.data()).hasSize(1);
		assertThat(reply.data().get(0).rows()).isZero();
		assertThat(reply.tokens().asMap()).containsOnlyKeys(MetadataKeys.STREAM_STATE);
	}

	@Test
	void aBatchOfOtherColumnsIsAFlaggedTypeError() {
		StreamReply start = init("exchange_scale", List.of(real("factor", 2)));
		StreamReply reply = exchange("exchange_scale", start.tokens(), List.of(real("other", 1)), 1);
		assertThat(reply.status()).isEqualTo(200);
		assertThat(reply.flagged()).isTrue();
		assertThat(reply.error().errorType()).isEqualTo("TypeError");
		assertThat(exchange("exchange_scale", start.tokens(), List.of(real("value", 1)), 1).flagged()).isFalse();
	}

	@Test
	void anExchangeThatEndsIsAFailureOfTheTurn() {
		StreamReply start = init("ending_exchange", List.of());
		StreamReply reply = exchange("ending_exchange", start.tokens(), List.of(text("word", "x")), 1);
		assertThat(reply.flagged()).isTrue();
		assertThat(reply.error().errorMessage()).contains("must emit a batch and a next state");
	}

	@Test
	void cancellingRunsNoTurnButTheOneWhoListens() {
		StreamReply first = init("words", List.of(text("first", "one")));
		StreamReply reply = turn("words", first.tokens().with(MetadataKeys.CANCEL, "1"), "X-Word", "much too long");
		assertThat(reply.status()).isEqualTo(200);
		assertThat(reply.flagged()).isFalse();
		assertThat(reply.data()).isEmpty();
		assertThat(WordController.cancelled).containsExactly("one.");
		StreamReply exchange = init("exchange_scale", List.of(real("factor", 2)));
		StreamReply unheard = turn("exchange_scale", exchange.tokens().with(MetadataKeys.CANCEL, "1"));
		assertThat(unheard.status()).isEqualTo(200);
		assertThat(unheard.data()).isEmpty();
	}

	@ParameterizedTest
	@ValueSource(strings = { "no cursor", "no call", "swapped", "other stream", "tampered", "other method", "expired",
			"other caller", "anonymous" })
	void aTokenThatIsNotInOrderIsRefusedWithTheSameWords(String defect) {
		BatchMetadata tokens = init("words", List.of(text("first", "one")), Map.of(), "X-User", "ann").tokens();
		BatchMetadata others = init("words", List.of(text("first", "two")), Map.of(), "X-User", "ann").tokens();
		String cursor = tokens.get(MetadataKeys.STREAM_STATE);
		BatchMetadata sent = switch (defect) {
			case "no cursor" -> tokens.without(MetadataKeys.STREAM_STATE);
			case "no call" -> tokens.without(MetadataKeys.CALL_STATE);
			case "swapped" -> tokens.with(MetadataKeys.STREAM_STATE, tokens.get(MetadataKeys.CALL_STATE))
				.with(MetadataKeys.CALL_STATE, cursor);
			case "other stream" -> tokens.with(MetadataKeys.CALL_STATE, others.get(MetadataKeys.CALL_STATE));
			case "tampered" ->
				tokens.with(MetadataKeys.STREAM_STATE, (cursor.startsWith("A") ? "B" : "A") + cursor.substring(1));
			default -> tokens;
		};
		if (defect.equals("expired")) {
			this.seams.clock.updateAndGet((now) -> now.plus(Duration.ofHours(1)).plusMillis(1));
		}
		String method = defect.equals("other method") ? "colours" : "words";
		String user = defect.equals("other caller") ? "bob" : "ann";
		StreamReply reply = defect.equals("anonymous") ? turn(method, sent, "X-Word", "x")
				: turn(method, sent, "X-Word", "x", "X-User", user);
		assertThat(reply.status()).isEqualTo(400);
		assertThat(reply.flagged()).isFalse();
		assertThat(reply.error().errorMessage()).isEqualTo("The stream's token is missing, invalid or expired");
		assertThat(reply.tokens().isEmpty()).isTrue();
	}

	@Test
	void aCursorLivesAsLongAsItsStreamGoesOn() {
		BatchMetadata tokens = init("produce_n", number("count", 9)).tokens();
		for (int turn = 0; turn < 3; turn++) {
			this.seams.clock.updateAndGet((now) -> now.plus(Duration.ofMinutes(50)));
			StreamReply reply = turn("produce_n", tokens);
			assertThat(reply.status()).isEqualTo(200);
			tokens = tokens.with(reply.tokens());
		}
	}

	@Test
	void inputMayComeAsAPointer() {
		BatchMetadata tokens = init("exchange_scale", List.of(real("factor", 2))).tokens();
		BatchMetadata pointer;
		try (AnnotatedBatch stored = batch(List.of(real("value", 3)), 1, tokens)) {
			pointer = BatchMetadata.of(MetadataKeys.LOCATION, this.seams.storage.put("key", Loopback.bytes(stored)));
		}
		StreamReply reply = exchange("exchange_scale", tokens.with(pointer), List.of(real("value", 0)), 0);
		assertThat(reply.data().get(0).columns()).hasToString("{value=[6.0]}");
	}

	@Test
	void nothingIsFetchedForWhoHoldsNoStream() {
		BatchMetadata tokens = init("exchange_scale", List.of(real("factor", 2))).tokens();
		BatchMetadata pointer = BatchMetadata.of(MetadataKeys.LOCATION, "https://storage.example/key");
		for (BatchMetadata sent : List.of(pointer, tokens.with(pointer).without(MetadataKeys.STREAM_STATE),
				tokens.with(pointer).without(MetadataKeys.CALL_STATE),
				tokens.with(pointer).with(MetadataKeys.STREAM_STATE, "AAAA"),
				tokens.with(pointer).with(MetadataKeys.CALL_STATE, "AAAA"))) {
			assertInvalidToken(exchange("exchange_scale", sent, List.of(real("value", 0)), 0));
		}
		assertThat(this.seams.storage.opened).isEmpty();
	}

	@Test
	void aTokenThatIsCutAnywhereIsRefusedWithTheSameWords() {
		BatchMetadata tokens = init("produce_n", number("count", 2)).tokens();
		for (String key : List.of(MetadataKeys.STREAM_STATE, MetadataKeys.CALL_STATE)) {
			String token = tokens.get(key);
			for (int length = 0; length < token.length(); length++) {
				assertInvalidToken(turn("produce_n", tokens.with(key, token.substring(0, length))));
			}
		}
	}

	@Test
	void aTokenWithAnyDamageIsRefusedWithTheSameWords() {
		BatchMetadata tokens = init("produce_n", number("count", 2)).tokens();
		Random random = new Random(7);
		for (int i = 0; i < 300; i++) {
			String key = (i % 2 == 0) ? MetadataKeys.STREAM_STATE : MetadataKeys.CALL_STATE;
			byte[] token = tokens.get(key).getBytes(StandardCharsets.US_ASCII);
			token[random.nextInt(token.length)] ^= (byte) (1 << random.nextInt(7));
			assertInvalidToken(turn("produce_n", tokens.with(key, new String(token, StandardCharsets.US_ASCII))));
		}
	}

	private static void assertInvalidToken(StreamReply reply) {
		assertThat(reply.status()).isEqualTo(400);
		assertThat(reply.flagged()).isFalse();
		assertThat(reply.error().errorType()).isEqualTo("ValueError");
		assertThat(reply.error().errorMessage()).isEqualTo("The stream's token is missing, invalid or expired");
	}

	@ParameterizedTest
	@CsvSource({ "/produce_n, count", "/exchange_scale, factor", "/echo_int/init, value", "/echo_int/exchange, value" })
	void theRouteOfAnotherKindIsRefused(String path, String parameter) {
		String method = path.split("/")[1];
		List<FieldVector> row = method.equals("exchange_scale") ? List.of(real(parameter, 1)) : number(parameter, 1);
		StreamReply reply = post(path, metadata(method), row, 1);
		assertThat(reply.status()).isEqualTo(400);
		assertThat(reply.error().errorMessage()).contains("has no route");
	}

	@Test
	void streamsAreServedBelowTheirProtocolToo() {
		BatchMetadata metadata = metadata("produce_n").with(MetadataKeys.PROTOCOL, "ConformanceService");
		StreamReply first = post("/ConformanceService/produce_n/init", metadata, number("count", 2), 1);
		assertThat(first.kinds()).containsExactly(BatchKind.DATA, BatchKind.TOKEN);
		StreamReply second = post("/ConformanceService/produce_n/exchange", first.tokens(), List.of(), 0);
		assertThat(second.only(BatchKind.DATA).columns().get("index")).hasToString("[1]");
		assertThat(
				post("/produce_n/init", metadata.with(MetadataKeys.PROTOCOL, "Words"), number("count", 2), 1).status())
			.isEqualTo(400);
	}

	@ParameterizedTest
	@CsvSource({ "Nowhere/echo_int, protocol_not_supported", "Nowhere/echo_int/init, protocol_not_supported",
			"ConformanceService/nothing, method_not_implemented", "nothing/init, method_not_implemented",
			"nothing, method_not_implemented" })
	void anUnknownRouteSaysWhatIsMissing(String path, String kind) {
		StreamReply reply = post("/" + path, metadata("echo_int"), number("value", 1), 1);
		assertThat(reply.status()).isEqualTo(404);
		assertThat(reply.error().errorKind()).isEqualTo(kind);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "0", "65535", "01", "+70000", "-1", "70000.0", "70000, 80000", "9007199254740992" })
	void aLimitThatIsNoneIsRefused(String limit) {
		StreamReply reply = init("produce_n", number("count", 1), Map.of(), "VGI-Accept-Max-Response-Bytes", limit);
		assertThat(reply.status()).isEqualTo(400);
		assertThat(reply.error().errorMessage()).contains("VGI-Accept-Max-Response-Bytes");
	}

	@Test
	void theLimitOfTheStartHoldsForAllTurns() {
		StreamReply first = init("growing", List.of(), Map.of(), "VGI-Accept-Max-Response-Bytes", "65536");
		assertThat(first.kinds()).containsExactly(BatchKind.DATA, BatchKind.TOKEN);
		StreamReply second = turn("growing", first.tokens());
		assertThat(second.status()).isEqualTo(200);
		assertThat(second.flagged()).isTrue();
		assertThat(second.error().errorType()).isEqualTo("ResponseTooLargeError");
		assertThat(second.error().errorMessage()).contains("max_response_bytes").contains("> 65536");
		assertThat(second.tokens().isEmpty()).isTrue();
		StreamReply unlimited = turn("growing", init("growing", List.of()).tokens());
		assertThat(unlimited.kinds()).containsExactly(BatchKind.DATA, BatchKind.TOKEN);
	}

	@Test
	void whatWasReadIsFreedIfTheCallCannotBegin() {
		this.seams.listener.set((call) -> {
			throw new IllegalStateException("nobody listens");
		});
		StreamReply reply = init("words", List.of(text("first", "one")));
		assertThat(reply.error().errorMessage()).isEqualTo("nobody listens");
	}

	@Test
	void theCallerIsKnownBeforeTheRequestIsRead() {
		StreamReply reply = init("words", List.of(text("first", "one")), Map.of(), "X-User", "nobody");
		assertThat(reply.error().errorMessage()).isEqualTo("no such user");
	}

	@Import(WordController.class)
	static class Application {

		/**
		 * Takes the caller's name from a header, as a filter of a security framework
		 * would from better.
		 */
		@Bean
		FilterRegistrationBean<Filter> principals() {
			return new FilterRegistrationBean<>((request, response, chain) -> {
				String user = ((HttpServletRequest) request).getHeader("X-User");
				chain.doFilter((user != null) ? new HttpServletRequestWrapper((HttpServletRequest) request) {

					private boolean asked;

					@Override
					public Principal getUserPrincipal() {
						if (!this.asked && user.equals("nobody")) {
							this.asked = true;
							throw new IllegalStateException("no such user");
						}
						return () -> user;
					}

				} : request, response);
			});
		}

	}

	/**
	 * Streams that need what a handler may have.
	 */
	@RpcService(name = "Words")
	@RestController
	static class WordController {

		static final Schema WORD = new Schema(
				List.of(new Field("word", FieldType.nullable(ArrowType.Utf8.INSTANCE), null)));

		static final List<String> cancelled = new ArrayList<>();

		private static final DictionaryEncoding COLOURS = new DictionaryEncoding(3, false, new ArrowType.Int(16, true));

		@RpcMethod("words")
		ProducerStream<Title> words(String first) {
			return ProducerStream.of(WORD, new WordState(first), new Title(first));
		}

		@RpcMethod(value = "inline_words", externalize = false)
		ProducerStream<Void> inlineWords(String first) {
			return ProducerStream.of(WORD, new WordState(first));
		}

		@RpcMethod("colours")
		ProducerStream<Void> colours() {
			// In message format: the type of the values.
			return ProducerStream.of(
					new Schema(
							List.of(new Field("colour", new FieldType(true, ArrowType.Utf8.INSTANCE, COLOURS), null))),
					new ColourState(0));
		}

		@RpcMethod("growing")
		ProducerStream<Void> growing() {
			return ProducerStream.of(WORD, new GrowingState(1000));
		}

		@RpcMethod("ending_exchange")
		ExchangeStream<Void> endingExchange() {
			return ExchangeStream.of(WORD, WORD, new EndingState());
		}

		@RpcTurn
		Turn word(WordState state, @RequestHeader(name = "X-Word", defaultValue = "") @Size(max = 5) String word,
				Principal caller, RpcContext context) {
			if (state.word().equals("fail")) {
				context.log(RpcContext.Level.WARN, "about to fail");
				throw new IllegalArgumentException("no word");
			}
			if (state.word().equals("lost")) {
				return Turn.emit(root("word", "x", true, context), new Title("no state"));
			}
			String text = state.word() + " " + word + " " + ((caller != null) ? caller.getName() : "nobody") + " "
					+ context.method();
			boolean required = state.word().equals("required");
			AnnotatedBatch batch = AnnotatedBatch
				.of(root(state.word().equals("wrong") ? "world" : "word", text, !required, context))
				.withMetadata(BatchMetadata.of("app", "kept").with(MetadataKeys.STREAM_STATE, "not the turn's to say"));
			OutputCycle cycle = new OutputCycle(List.of(new LogMessage("INFO", "in the cycle", Map.of())), batch);
			return word.equals("end") ? Turn.emitLast(cycle.data())
					: Turn.emit(cycle, new WordState(state.word() + "."));
		}

		@RpcCancel
		void cancel(WordState state) {
			cancelled.add(state.word());
		}

		@RpcTurn
		Turn colour(ColourState state, RpcContext context) {
			if (state.turn() > 0) {
				return Turn.finish();
			}
			VarCharVector texts = new VarCharVector("dictionary", context.allocator());
			texts.setSafe(0, "red".getBytes(StandardCharsets.UTF_8));
			texts.setSafe(1, "blue".getBytes(StandardCharsets.UTF_8));
			texts.setValueCount(2);
			MapDictionaryProvider dictionaries = new MapDictionaryProvider(new Dictionary(texts, COLOURS));
			SmallIntVector codes = (SmallIntVector) new Field("colour",
					new FieldType(true, new ArrowType.Int(16, true), COLOURS), null)
				.createVector(context.allocator());
			codes.setSafe(0, 1);
			codes.setValueCount(1);
			VectorSchemaRoot root = new VectorSchemaRoot(List.of(codes));
			root.setRowCount(1);
			return Turn.emit(new AnnotatedBatch(root, dictionaries, BatchMetadata.empty()), new ColourState(1));
		}

		@RpcTurn
		Turn grow(GrowingState state, RpcContext context) {
			return Turn.emit(root("word", "x".repeat(state.size()), true, context),
					new GrowingState(state.size() * 100));
		}

		@RpcTurn
		Turn end(EndingState state, AnnotatedBatch input) {
			return Turn.emitLast(input);
		}

		private static VectorSchemaRoot root(String name, String text, boolean nullable, RpcContext context) {
			VarCharVector vector = (VarCharVector) new Field(name,
					new FieldType(nullable, ArrowType.Utf8.INSTANCE, null), null)
				.createVector(context.allocator());
			vector.setSafe(0, text.getBytes(StandardCharsets.UTF_8));
			vector.setValueCount(1);
			VectorSchemaRoot root = new VectorSchemaRoot(List.of(vector));
			root.setRowCount(1);
			return root;
		}

		record Title(String title) {

		}

		record WordState(String word) {

		}

		record ColourState(int turn) {

		}

		record GrowingState(int size) {

		}

		record EndingState() {

		}

	}

}
