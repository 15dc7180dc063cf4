package dev.vgi.external.rpc;

import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.Loopback.Answer;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

import org.springframework.context.annotation.Import;
import org.springframework.test.context.TestPropertySource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for results and turns that go to storage, whatever their size.
 */
@NullUnmarked
@Import(StreamCallTests.Application.class)
@TestPropertySource(properties = "test.externalize-threshold=0")
class StoredAnswerTests extends AbstractCallTests {

	@Test
	void aTurnIsStoredAsOneAndItsTokenIsNot() {
		StreamReply reply = init("produce_with_logs", number("count", 1));
		assertThat(reply.kinds()).containsExactly(BatchKind.POINTER, BatchKind.TOKEN);
		assertThat(reply.only(BatchKind.POINTER).metadata().asMap()).containsOnlyKeys(MetadataKeys.LOCATION,
				MetadataKeys.LOCATION_SHA256);
		assertThat(this.seams.storage.uploaded).hasSize(1);
		try (Answer stored = stored(0)) {
			assertThat(stored.logs()).extracting(LogMessage::message).containsExactly("producing batch 0");
			assertThat(stored.data().metadata().isEmpty()).isTrue();
		}
	}

	@Test
	void theCursorOfAnExchangeIsInsideOfWhatIsStored() {
		StreamReply start = init("exchange_scale", List.of(real("factor", 2)));
		StreamReply reply = exchange("exchange_scale", start.tokens(), List.of(real("value", 1)), 1);
		assertThat(reply.data()).hasSize(1);
		assertThat(reply.data().get(0).metadata().asMap()).containsOnlyKeys(MetadataKeys.LOCATION,
				MetadataKeys.LOCATION_SHA256);
		try (Answer stored = stored(0)) {
			assertThat(stored.data().metadata().asMap()).containsOnlyKeys(MetadataKeys.STREAM_STATE);
		}
	}

	@Test
	void whatIsStoredHasExactlyTheDeclaredFields() {
		init("words", List.of(text("first", "required")), Map.of(), "X-Word", "x");
		try (Answer stored = stored(1)) {
			assertThat(stored.data().schema()).isEqualTo(StreamCallTests.WordController.WORD);
		}
	}

	@Test
	void aMethodMayKeepItsResultsInline() {
		StreamReply reply = init("inline_words", List.of(text("first", "one")), Map.of(), "X-Word", "x");
		assertThat(reply.kinds()).containsExactly(BatchKind.LOG, BatchKind.DATA, BatchKind.TOKEN);
		assertThat(this.seams.storage.uploaded).isEmpty();
	}

	@Test
	void aResultMayBecomeAPointer() {
		StreamReply reply = sum();
		assertThat(reply.only(BatchKind.POINTER).metadata().get(MetadataKeys.LOCATION))
			.startsWith("https://storage.example/");
		try (Answer stored = stored(0)) {
			assertThat(stored.data().root().getVector(0).getObject(0)).isEqualTo(3.0);
		}
	}

	@Test
	void aResultThatCannotBeStoredIsAFlaggedError() {
		this.seams.storage.failure.set(new IllegalStateException("storage is down"));
		StreamReply reply = sum();
		assertThat(reply.flagged()).isTrue();
		assertThat(reply.error().errorMessage()).isEqualTo("storage is down");
	}

	private StreamReply sum() {
		return post("/add_floats", metadata("add_floats"), List.of(real("a", 1.5), real("b", 1.5)), 1);
	}

	private Answer stored(int index) {
		return this.loopback.read(this.seams.storage.uploaded.get(index));
	}

}
