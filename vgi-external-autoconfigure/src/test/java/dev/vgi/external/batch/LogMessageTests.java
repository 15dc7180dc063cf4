package dev.vgi.external.batch;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link LogMessage}, {@link ErrorBatchException} and {@link BatchKind}.
 */
class LogMessageTests {

	@Test
	void roundTrips() {
		Map<String, Object> extra = new LinkedHashMap<>();
		extra.put("source", "conformance");
		extra.put("count", 3);
		extra.put("list", List.of("a", "b"));
		LogMessage message = new LogMessage("INFO", "Grüße", extra);
		BatchMetadata metadata = message.toMetadata();
		assertThat(metadata.asMap().keySet()).containsExactly(MetadataKeys.LOG_LEVEL, MetadataKeys.LOG_MESSAGE,
				MetadataKeys.LOG_EXTRA);
		assertThat(metadata.get(MetadataKeys.LOG_EXTRA))
			.isEqualTo("{\"source\":\"conformance\",\"count\":3,\"list\":[\"a\",\"b\"]}");
		assertThat(LogMessage.from(metadata)).isEqualTo(message);
	}

	@Test
	@NullUnmarked
	void incompleteMessageIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> new LogMessage(" ", "m", Map.of()))
			.withMessageContaining("'level'");
		assertThatIllegalArgumentException().isThrownBy(() -> new LogMessage("INFO", null, Map.of()))
			.withMessageContaining("'message'");
		assertThatIllegalArgumentException().isThrownBy(() -> new LogMessage("INFO", "m", null))
			.withMessageContaining("'extra'");
		assertThat(LogMessage.from(BatchMetadata.of(MetadataKeys.LOG_LEVEL, " ").with(MetadataKeys.LOG_MESSAGE, "m")))
			.isNull();
	}

	@Test
	void withoutExtraThereIsNoKey() {
		assertThat(new LogMessage("DEBUG", "", Map.of()).toMetadata().asMap()).hasSize(2);
	}

	@Test
	void incompleteMetadataIsNoMessage() {
		assertThat(LogMessage.from(BatchMetadata.empty())).isNull();
		assertThat(LogMessage.from(BatchMetadata.of(MetadataKeys.LOG_LEVEL, "INFO"))).isNull();
		assertThat(LogMessage.from(BatchMetadata.of(MetadataKeys.LOG_MESSAGE, "x"))).isNull();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "{", "[1]", "3", "null", "\"text\"", "{\"a\":", "{\"a\":null}", "nonsense" })
	void brokenExtraIsDropped(String json) {
		LogMessage message = LogMessage
			.from(new LogMessage("INFO", "m", Map.of()).toMetadata().with(MetadataKeys.LOG_EXTRA, json));
		assertThat(message).isEqualTo(new LogMessage("INFO", "m", Map.of()));
	}

	@Test
	void deeplyNestedExtraIsDropped() {
		String json = "{\"a\":".repeat(100_000);
		assertThat(
				LogMessage.from(new LogMessage("INFO", "m", Map.of()).toMetadata().with(MetadataKeys.LOG_EXTRA, json)))
			.isEqualTo(new LogMessage("INFO", "m", Map.of()));
	}

	@Test
	void errorIsReadFromItsBatch() {
		BatchMetadata metadata = new LogMessage(LogMessage.EXCEPTION, "ValueError: no", Map.of("exception_type",
				"ValueError", "exception_message", "no", "traceback", "File ...", "error_kind", "inner"))
			.toMetadata()
			.with(MetadataKeys.REQUEST_ID, "abc");
		ErrorBatchException error = ErrorBatchException.from(metadata);
		assertThat(error).hasMessage("ValueError: no");
		assertThat(error.kind()).isEqualTo(VgiExternalException.Kind.REMOTE_ERROR);
		assertThat(error.errorType()).isEqualTo("ValueError");
		assertThat(error.errorMessage()).isEqualTo("no");
		assertThat(error.remoteTraceback()).isEqualTo("File ...");
		assertThat(error.requestId()).isEqualTo("abc");
		assertThat(error.errorKind()).isEqualTo("inner");
		assertThat(ErrorBatchException.from(metadata.with(MetadataKeys.ERROR_KIND, "session_lost")).errorKind())
			.isEqualTo("session_lost");
	}

	@Test
	void typeThatStandsInTheTextTooIsSaidOnce() {
		ErrorBatchException error = error("ValueError: no", Map.of("exception_type", "ValueError"));
		assertThat(error).hasMessage("ValueError: no");
		assertThat(error.errorMessage()).isEqualTo("no");
		assertThat(error("ValueErrors abound", Map.of("exception_type", "ValueError")))
			.hasMessage("ValueError: ValueErrors abound");
		assertThat(error("ValueError: ", Map.of("exception_type", "ValueError")).errorMessage()).isEmpty();
	}

	@Test
	void codeAndDetailsAreReadFromTheKeysOrElseFromTheExtra() {
		String details = "[{\"@type\":\"other.Thing\",\"n\":null,\"m\":[1]},7,"
				+ "{\"@type\":\"vgi_rpc.RetryInfo\",\"retry_delay_seconds\":2.5}]";
		BatchMetadata metadata = new LogMessage(LogMessage.EXCEPTION, "Busy: no room", Map.of("error_code", "INTERNAL",
				"error_details", List.of(Map.of("@type", "vgi_rpc.RetryInfo", "retry_delay_seconds", 7))))
			.toMetadata();
		ErrorBatchException mirrored = ErrorBatchException.from(metadata);
		assertThat(mirrored.errorCode()).isEqualTo("INTERNAL");
		assertThat(mirrored.retryDelay()).isEqualTo(Duration.ofSeconds(7));
		assertThat(mirrored.isRetryable()).isFalse();
		ErrorBatchException error = ErrorBatchException.from(
				metadata.with(MetadataKeys.ERROR_CODE, "RESOURCE_EXHAUSTED").with(MetadataKeys.ERROR_DETAILS, details));
		assertThat(error.errorCode()).isEqualTo("RESOURCE_EXHAUSTED");
		assertThat(error.errorDetails()).containsExactly(Map.of("@type", "other.Thing", "m", List.of(1)),
				Map.of("@type", "vgi_rpc.RetryInfo", "retry_delay_seconds", 2.5));
		assertThat(error.retryDelay()).isEqualTo(Duration.ofMillis(2500));
		assertThat(error.isRetryable()).isTrue();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "{", "{}", "3", "null", "[[]]",
			"[{\"@type\":\"vgi_rpc.RetryInfo\",\"retry_delay_seconds\":\"1\"}]",
			"[{\"@type\":\"vgi_rpc.RetryInfo\",\"retry_delay_seconds\":-1}]",
			"[{\"@type\":\"vgi_rpc.RetryInfo\",\"retry_delay_seconds\":1e300}]", "[{\"@type\":\"vgi_rpc.RetryInfo\"}]",
			"[{\"retry_delay_seconds\":1}]" })
	void brokenDetailsDoNotHideTheError(String details) {
		ErrorBatchException error = ErrorBatchException
			.from(new LogMessage(LogMessage.EXCEPTION, "Busy: no room", Map.of()).toMetadata()
				.with(MetadataKeys.ERROR_CODE, "RESOURCE_EXHAUSTED")
				.with(MetadataKeys.ERROR_DETAILS, details));
		assertThat(error.errorMessage()).isEqualTo("Busy: no room");
		assertThat(error.retryDelay()).isNull();
		assertThat(error.isRetryable()).isFalse();
	}

	@Test
	void detailsAreNoLongerThanTheProtocolAllows() {
		String many = "[" + "{},".repeat(2000) + "{}]";
		BatchMetadata metadata = new LogMessage(LogMessage.EXCEPTION, "Busy: no room", Map.of()).toMetadata();
		assertThat(ErrorBatchException.from(metadata.with(MetadataKeys.ERROR_DETAILS, many)).errorDetails()).isEmpty();
		BatchMetadata mirrored = new LogMessage(LogMessage.EXCEPTION, "Busy: no room",
				Map.of("error_details", Collections.nCopies(5000, Map.of("n", 1))))
			.toMetadata();
		assertThat(ErrorBatchException.from(mirrored).errorDetails()).hasSize(4096 / 3);
		String most = "[{\"k\":\"" + "x".repeat(4096 - 10) + "\"}]";
		assertThat(most).hasSize(4096);
		assertThat(ErrorBatchException.from(metadata.with(MetadataKeys.ERROR_DETAILS, most)).errorDetails()).hasSize(1);
		assertThat(ErrorBatchException.from(metadata.with(MetadataKeys.ERROR_DETAILS, most + " ")).errorDetails())
			.isEmpty();
	}

	@ParameterizedTest
	@CsvSource({ "0, 0", "0.0004, 0", "0.0005, 1", "2147483646, 2147483646000", "2147483647,", "-0.1," })
	void delayIsInMilliseconds(String seconds, @Nullable Long expected) {
		ErrorBatchException error = ErrorBatchException
			.from(new LogMessage(LogMessage.EXCEPTION, "m", Map.of()).toMetadata()
				.with(MetadataKeys.ERROR_DETAILS,
						"[{\"@type\":\"vgi_rpc.RetryInfo\",\"retry_delay_seconds\":" + seconds + "}]"));
		assertThat(error.retryDelay()).isEqualTo((expected != null) ? Duration.ofMillis(expected) : null);
	}

	@ParameterizedTest
	@CsvSource({ "UNAVAILABLE, true", "ABORTED, false", "UNKNOWN, false" })
	void onlyWhatPassesIsRetryable(String code, boolean retryable) {
		ErrorBatchException error = ErrorBatchException
			.from(new LogMessage(LogMessage.EXCEPTION, "m", Map.of()).toMetadata().with(MetadataKeys.ERROR_CODE, code));
		assertThat(error.isRetryable()).isEqualTo(retryable);
	}

	private static ErrorBatchException error(String message, Map<String, Object> extra) {
		return ErrorBatchException.from(new LogMessage(LogMessage.EXCEPTION, message, extra).toMetadata());
	}

	@Test
	void errorWithoutExtraIsNeutral() {
		ErrorBatchException error = ErrorBatchException
			.from(new LogMessage(LogMessage.EXCEPTION, "boom", Map.of()).toMetadata());
		assertThat(error.errorType()).isEqualTo("EXCEPTION");
		assertThat(error.errorMessage()).isEqualTo("boom");
		assertThat(error.remoteTraceback()).isNull();
		assertThat(error.requestId()).isNull();
		assertThat(error.errorKind()).isNull();
		assertThat(error.errorCode()).isNull();
		assertThat(error.errorDetails()).isEmpty();
		assertThat(error.isRetryable()).isFalse();
		assertThat(ErrorBatchException.from(BatchMetadata.empty())).hasMessage("EXCEPTION: ");
	}

	@Test
	void classifiesBatches() {
		BatchMetadata location = BatchMetadata.of(MetadataKeys.LOCATION, "https://x");
		BatchMetadata log = new LogMessage("INFO", "m", Map.of()).toMetadata();
		BatchMetadata error = new LogMessage(LogMessage.EXCEPTION, "m", Map.of()).toMetadata();
		BatchMetadata token = BatchMetadata.of(MetadataKeys.STREAM_STATE, "t");
		assertThat(BatchKind.of(0, BatchMetadata.empty())).isEqualTo(BatchKind.DATA);
		assertThat(BatchKind.of(1, location)).isEqualTo(BatchKind.DATA);
		assertThat(BatchKind.of(0, location)).isEqualTo(BatchKind.POINTER);
		assertThat(BatchKind.of(0, location.with(MetadataKeys.LOG_LEVEL, "INFO"))).isEqualTo(BatchKind.DATA);
		assertThat(BatchKind.of(0, log.with(location))).isEqualTo(BatchKind.LOG);
		assertThat(BatchKind.of(0, error)).isEqualTo(BatchKind.ERROR);
		assertThat(BatchKind.of(0, token)).isEqualTo(BatchKind.DATA);
		assertThat(BatchKind.ofStreamResponse(0, token)).isEqualTo(BatchKind.TOKEN);
		assertThat(BatchKind.ofStreamResponse(0, token.with(location))).isEqualTo(BatchKind.TOKEN);
		assertThat(BatchKind.of(0, token.with(location))).isEqualTo(BatchKind.POINTER);
		assertThat(BatchKind.ofStreamResponse(0, token.with(error))).isEqualTo(BatchKind.ERROR);
		assertThat(BatchKind.ofStreamResponse(2, token)).isEqualTo(BatchKind.DATA);
	}

}
