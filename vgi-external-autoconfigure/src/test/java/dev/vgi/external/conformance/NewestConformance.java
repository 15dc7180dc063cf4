package dev.vgi.external.conformance;

import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Publications;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcResult;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.WireError;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * What the newest release of the conformance service has beyond the one with flat routes,
 * and the second protocol it is hosted with.
 */
final class NewestConformance {

	/** Not ASCII on purpose. */
	private static final String LABEL = "\u00fcn\u00efcode-\u03bb";

	private NewestConformance() {
	}

	/**
	 * Further methods of the conformance service.
	 */
	@RestController
	@RpcService(name = "ConformanceService", version = "2.0.0")
	static class Additions {

		private static final Schema NUMBERS = new Schema(List.of(Field.nullable("value", new ArrowType.Int(64, true))));

		private static final Schema SEEN = new Schema(List.of(Field.nullable("seen", ArrowType.Utf8.INSTANCE),
				Field.nullable("keys", ArrowType.Utf8.INSTANCE)));

		private static final Schema VALUE = new Schema(
				List.of(Field.nullable("value", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE))));

		private final Publications<String> published = new Publications<>(Clock.systemUTC());

		@RpcMethod("published_string")
		RpcResult<String> publishedString(String value, boolean includeSha256) {
			ExternalRef ref = this.published.get(value, () -> RpcContext.current().publish(value));
			return RpcResult.published(includeSha256 ? ref : ref.withoutDigest());
		}

		@RpcMethod("produce_annotated_batches")
		ProducerStream<Void> produceAnnotatedBatches(long count, long rowsPerBatch) {
			return ProducerStream.of(NUMBERS, new AnnotatedState(count, rowsPerBatch, 0));
		}

		@RpcMethod("exchange_input_metadata")
		ExchangeStream<Void> exchangeInputMetadata() {
			return ExchangeStream.of(VALUE, SEEN, new SeenState());
		}

		@RpcTurn
		Turn annotated(AnnotatedState state, RpcContext context) {
			if (state.current() >= state.count()) {
				return Turn.finish();
			}
			VectorSchemaRoot root = VectorSchemaRoot.create(NUMBERS, context.allocator());
			BigIntVector values = (BigIntVector) root.getVector(0);
			for (int row = 0; row < state.rowsPerBatch(); row++) {
				values.setSafe(row, state.current() * 1_000_000 + row);
			}
			root.setRowCount((int) state.rowsPerBatch());
			Map<String, String> metadata = new LinkedHashMap<>();
			metadata.put("conformance.batch_index", String.valueOf(state.current()));
			metadata.put("conformance.batch_total", String.valueOf(state.count()));
			metadata.put("conformance.emit_label", LABEL);
			return Turn.emit(AnnotatedBatch.of(root).withMetadata(BatchMetadata.of(metadata)),
					new AnnotatedState(state.count(), state.rowsPerBatch(), state.current() + 1));
		}

		@RpcTurn
		Turn seen(SeenState state, AnnotatedBatch input, RpcContext context) {
			Map<String, String> metadata = input.metadata().asMap();
			VectorSchemaRoot root = VectorSchemaRoot.create(SEEN, context.allocator());
			set(root, 0, metadata.getOrDefault("vgi.conformance.input", ""));
			set(root, 1, String.join(",", new TreeSet<>(metadata.keySet())));
			root.setRowCount(1);
			return Turn.emit(root, state);
		}

		private static void set(VectorSchemaRoot root, int column, String text) {
			((VarCharVector) root.getVector(column)).setSafe(0, text.getBytes(StandardCharsets.UTF_8));
		}

		record AnnotatedState(long count, long rowsPerBatch, long current) {

		}

		record SeenState() {

		}

	}

	/**
	 * A protocol of its own, with a method that has the name of one of the first's: it
	 * needs a path of its own where routes are flat.
	 */
	@RestController
	@RequestMapping("/secondary")
	@RpcService(name = Secondary.NAME)
	static class Secondary {

		static final String NAME = "conformance.Secondary.v1";

		private static final Set<String> CODES = Set.of("CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
				"NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
				"ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED");

		@RpcMethod("echo_string")
		String echoString(String value) {
			return "secondary:" + value;
		}

		@RpcMethod("fail")
		void fail(String code, String kind, double retryDelaySeconds) {
			if (!CODES.contains(code)) {
				throw new CodedException("INVALID_ARGUMENT", "invalid_code",
						List.of(Map.of("@type", "vgi_rpc.BadRequest", "field_violations",
								List.of(Map.of("field", "code", "description", "must be a canonical code name")))));
			}
			List<Map<String, Object>> details = new ArrayList<>();
			details.add(Map.of("@type", "vgi_rpc.ErrorInfo", "metadata", Map.of("fixture", NAME)));
			if (retryDelaySeconds > 0) {
				details.add(Map.of("@type", "vgi_rpc.RetryInfo", "retry_delay_seconds", retryDelaySeconds));
			}
			details.add(Map.of("@type", NAME + ".Probe", "note", "clients ignore detail types they do not know"));
			throw new CodedException(code, kind.isEmpty() ? null : kind, details);
		}

		@RpcMethod("fail_oversized")
		void failOversized() {
			throw new CodedException("RESOURCE_EXHAUSTED", "details_oversized",
					List.of(Map.of("@type", "vgi_rpc.RetryInfo", "retry_delay_seconds", 1),
							Map.of("@type", "vgi_rpc.ErrorInfo", "metadata", Map.of("padding", "x".repeat(5000)))));
		}

	}

	/**
	 * Says its own code, kind and details.
	 */
	static class CodedException extends RuntimeException implements WireError {

		private final String code;

		private final @Nullable String kind;

		private final transient List<Map<String, Object>> details;

		CodedException(String code, @Nullable String kind, List<Map<String, Object>> details) {
			super("conformance failure");
			this.code = code;
			this.kind = kind;
			this.details = details;
		}

		@Override
		public List<Map<String, Object>> errorDetails() {
			return this.details;
		}

		@Override
		public String errorType() {
			return "StatusError";
		}

		@Override
		public @Nullable String errorKind() {
			return this.kind;
		}

		@Override
		public String errorCode() {
			return this.code;
		}

	}

}
