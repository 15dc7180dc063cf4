package dev.vgi.external.rpc;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.Loopback.Answer;
import dev.vgi.external.rpc.server.http.RpcWebMvc;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link RpcWebMvc} with what a peer may send.
 */
@NullUnmarked
class RpcWebMvcTests extends AbstractRpcTests {

	private static final ArrowType FLOAT64 = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);

	private static final ArrowType INT64 = new ArrowType.Int(64, true);

	@ParameterizedTest
	@ValueSource(strings = { "missing", "extra", "renamed", "reordered", "retyped", "nullable", "no rows", "two rows",
			"null", "no columns" })
	void aRequestOfAnotherSchemaIsRefused(String mutation) {
		List<Field> fields = new ArrayList<>(floats());
		switch (mutation) {
			case "missing" -> fields.remove(1);
			case "extra" -> fields.add(field("c", false, FLOAT64));
			case "renamed" -> fields.set(1, field("c", false, FLOAT64));
			case "reordered" -> fields.add(0, fields.remove(1));
			case "retyped" -> fields.set(1, field("b", false, INT64));
			case "nullable" -> fields.set(1, field("b", true, FLOAT64));
			case "no columns" -> fields.clear();
			default -> assertThat(fields).hasSize(2);
		}
		int rows = mutation.equals("no rows") ? 0 : (mutation.equals("two rows") ? 2 : 1);
		boolean withNull = mutation.equals("null");
		assertRefused("add_floats", request(fields, rows, withNull, metadata("add_floats")));
	}

	@ParameterizedTest
	@ValueSource(strings = { "no method", "other method", "no version", "wrong version", "no protocol version",
			"older protocol", "newer protocol", "no metadata" })
	void aRequestWithOtherMetadataIsRefused(String mutation) {
		BatchMetadata metadata = metadata("add_floats");
		metadata = switch (mutation) {
			case "no method" -> metadata.without(MetadataKeys.METHOD);
			case "other method" -> metadata.with(MetadataKeys.METHOD, "echo_int");
			case "no version" -> metadata.without(MetadataKeys.REQUEST_VERSION);
			case "wrong version" -> metadata.with(MetadataKeys.REQUEST_VERSION, "2");
			case "no protocol version" -> metadata.without(MetadataKeys.PROTOCOL_VERSION);
			case "older protocol" -> metadata.with(MetadataKeys.PROTOCOL_VERSION, "1.9.0");
			case "newer protocol" -> metadata.with(MetadataKeys.PROTOCOL_VERSION, "2.1.0");
			default -> BatchMetadata.empty();
		};
		assertRefused("add_floats", request(floats(), 1, false, metadata));
	}

	@Test
	void anotherVersionIsAPreconditionThatNamesTheProtocol() {
		BatchMetadata metadata = metadata("add_floats").with(MetadataKeys.PROTOCOL_VERSION, "1.9.0");
		StreamReply reply = StreamReply.of(post("add_floats", request(floats(), 1, false, metadata)), this.allocator);
		BatchMetadata error = reply.only(BatchKind.ERROR).metadata();
		assertThat(error.get(MetadataKeys.ERROR_CODE)).isEqualTo("FAILED_PRECONDITION");
		assertThat(error.get(MetadataKeys.ERROR_DETAILS)).contains("vgi_rpc.PreconditionFailure")
			.contains("\"subject\":\"ConformanceService\"");
		assertThat(error.get(MetadataKeys.LOG_EXTRA)).contains("\"error_details\":[")
			.contains("\"error_code\":\"FAILED_PRECONDITION\"");
	}

	@Test
	void aRequestThatTakesTooMuchOfTheHeapIsAFlaggedErrorOfItsOwnKind() {
		BatchMetadata metadata = metadata("add_floats").with("key", "v".repeat(1 << 20));
		StreamReply reply = StreamReply.of(post("add_floats", request(floats(), 1, false, metadata)), this.allocator);
		assertThat(reply.status()).isEqualTo(200);
		assertThat(reply.flagged()).isTrue();
		assertThat(reply.error().errorKind()).isEqualTo("limit_exceeded");
		assertThat(reply.error().errorMessage()).contains("vgi.external.limits.metadata-size");
		assertThat(reply.only(BatchKind.ERROR).metadata().get(MetadataKeys.ERROR_CODE)).isEqualTo("RESOURCE_EXHAUSTED");
	}

	@Test
	void anotherPatchVersionOfTheProtocolIsAccepted() {
		BatchMetadata metadata = metadata("add_floats").with(MetadataKeys.PROTOCOL_VERSION, "2.0.17");
		assertThat(post("add_floats", request(floats(), 1, false, metadata)).statusCode()).isEqualTo(200);
	}

	@Test
	void aMethodNameThatIsNotUtf8IsRefused() {
		byte[] body = request(floats(), 1, false, metadata("add_floats"));
		byte[] name = "add_floats".getBytes(StandardCharsets.UTF_8);
		int at = indexOf(body, name);
		body[at] = (byte) 0xff;
		body[at + 1] = (byte) 0xfe;
		assertRefused("add_floats", body);
	}

	@Test
	void anEnumMayComeAsPlainText() {
		Field status = field("status", false, ArrowType.Utf8.INSTANCE);
		try (AnnotatedBatch batch = batch(List.of(status), 1, false, metadata("echo_enum"), this.allocator)) {
			((VarCharVector) batch.root().getVector(0)).setSafe(0, "CLOSED".getBytes(StandardCharsets.UTF_8));
			HttpResponse<byte[]> response = post("echo_enum", Loopback.bytes(batch));
			assertThat(response.statusCode()).isEqualTo(200);
			try (Answer answer = this.loopback.read(response.body());
					VectorSchemaRoot root = answer.data().decode(this.allocator)) {
				assertThat(answer.data().schema().getFields().get(0).getDictionary()).isNotNull();
				assertThat(root.getVector(0).getObject(0)).hasToString("CLOSED");
			}
		}
		assertRefused("echo_enum", request(List.of(status), 1, false, metadata("echo_enum")));
		HttpResponse<byte[]> refused = post("echo_enum",
				request(List.of(field("status", false, INT64)), 1, false, metadata("echo_enum")));
		try (Answer answer = this.loopback.read(refused.body())) {
			assertThat(answer.error().errorMessage()).isEqualTo(
					"echo_enum() parameters: expected 'status' as Dictionary(Int(16, true), Utf8) but found Int(64, true)");
		}
	}

	@Test
	void aMethodWithoutParametersIsCheckedToo() {
		byte[] body = request(List.of(field("x", false, FLOAT64)), 1, false, metadata("void_noop"));
		assertRefused("void_noop", body);
		assertRefused("void_noop", request(List.of(), 0, false, metadata("void_noop").without(MetadataKeys.METHOD)));
	}

	@ParameterizedTest
	@ValueSource(ints = { 0, 1, 7, 8, 100, 200, 300, 400 })
	void aTruncatedRequestIsRefused(int length) {
		byte[] body = request(floats(), 1, false, metadata("add_floats"));
		assertRefused("add_floats", Arrays.copyOf(body, length));
	}

	@Test
	void anUnknownMethodIsNotFoundBeforeItsTypeMatters() {
		HttpResponse<byte[]> arrow = post("no_such_method", new byte[0]);
		assertThat(arrow.statusCode()).isEqualTo(404);
		try (Answer answer = this.loopback.read(arrow.body())) {
			assertThat(answer.error().errorKind()).isEqualTo("method_not_implemented");
			assertThat(answer.error().errorMessage()).isEqualTo("Unknown method: 'no_such_method'");
		}
		HttpResponse<byte[]> json = this.loopback.post("/no_such_method", "application/json", new byte[] { '{', '}' });
		assertThat(json.statusCode()).isEqualTo(404);
		assertThat(json.headers().firstValue("Content-Type"))
			.hasValueSatisfying((type) -> assertThat(type).contains("json"));
	}

	@Test
	void anotherContentTypeIsUnsupported() {
		for (String type : Arrays.asList("application/json", "text/plain", null, "not a type")) {
			HttpResponse<byte[]> response = this.loopback.post("/add_floats", type, new byte[] { 1 });
			assertThat(response.statusCode()).as(type).isEqualTo(415);
			try (Answer answer = this.loopback.read(response.body())) {
				assertThat(answer.error().errorType()).isNotEmpty();
			}
		}
	}

	@Test
	void parametersOfTheContentTypeDoNotMatter() {
		HttpResponse<byte[]> response = this.loopback.post("/add_floats", Loopback.ARROW + "; charset=binary",
				request(floats(), 1, false, metadata("add_floats")));
		assertThat(response.statusCode()).isEqualTo(200);
	}

	@Test
	void failuresOfAMethodAreFlagged() {
		HttpResponse<byte[]> response = post("fail_void",
				request(List.of(field("message", false, ArrowType.Utf8.INSTANCE)), 1, false, metadata("fail_void")));
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).hasValue("true");
		try (Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.logs()).extracting(LogMessage::message).containsExactly("about to fail");
			assertThat(answer.error().errorMessage()).isEqualTo("text");
		}
	}

	@Test
	void anErrorOfTheMachineIsAFailureOfTheMethod() {
		HttpResponse<byte[]> response = post("fatal", request(List.of(), 0, false, metadata("fatal")));
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).hasValue("true");
		try (Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error().errorMessage()).isEqualTo("too deep");
		}
	}

	@Test
	void aMissingResultIsAFailureOfTheMethod() {
		HttpResponse<byte[]> response = post("result_missing",
				request(List.of(), 0, false, metadata("result_missing")));
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).hasValue("true");
		try (Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error().errorMessage()).isEqualTo("'result' must not be null");
		}
	}

	@Test
	void aStatusOfItsOwnIsKept() {
		HttpResponse<byte[]> response = post("teapot", request(List.of(), 0, false, metadata("teapot")));
		assertThat(response.statusCode()).isEqualTo(418);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).isEmpty();
		try (Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error().errorMessage()).contains("short and stout");
		}
	}

	@Test
	void springValidatesParameters() {
		byte[] body = request(List.of(field("value", false, INT64)), 1, false, metadata("at_most_ten"));
		assertThat(post("at_most_ten", body).statusCode()).isEqualTo(200);
		body[lastIndexOf(body, (byte) 1)] = 11;
		HttpResponse<byte[]> response = post("at_most_ten", body);
		assertThat(response.statusCode()).isEqualTo(400);
		try (Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error().errorType()).isEqualTo("ValueError");
		}
	}

	@Test
	void aHandlerWithoutInterfaceGetsItsContext() {
		byte[] body = request(List.of(field("number", false, INT64)), 1, false, metadata("whoami"));
		try (Answer answer = this.loopback.read(post("whoami", body).body())) {
			assertThat(answer.data().root().getVector(0).getObject(0)).hasToString("whoami 1 feedfacefeedface");
		}
	}

	@Test
	void aPointerIsResolvedBeforeItIsChecked() {
		// A payload may lack what its pointer says.
		String url = this.seams.storage.put("key", request(floats(), 1, false, BatchMetadata.empty()));
		try (Answer answer = this.loopback.read(post("add_floats", pointer("add_floats", url)).body())) {
			assertThat(answer.error()).isNull();
			assertThat(answer.data().root().getVector(0).getObject(0)).isEqualTo(3.0);
		}
		assertThat(this.seams.storage.opened).hasSize(1);
	}

	@Test
	void aPointerForAnotherMethodIsNotResolved() {
		assertRefused("add_floats", pointer("echo_int", "https://storage.example/key"));
		assertThat(this.seams.storage.opened).isEmpty();
	}

	@Test
	void aPointerThatCannotBeResolvedIsAFlaggedError() {
		String url = this.seams.storage.put("key?X-Amz-Signature=secret", new byte[] { 1, 2, 3 });
		for (RuntimeException failure : Arrays.asList(null, new IllegalStateException("no " + url))) {
			this.seams.storage.failure.set(failure);
			HttpResponse<byte[]> response = post("add_floats", pointer("add_floats", url));
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(response.headers().firstValue("X-VGI-RPC-Error")).hasValue("true");
			assertThat(new String(response.body(), StandardCharsets.ISO_8859_1)).doesNotContain("secret");
		}
		assertThat(this.seams.storage.opened).hasSize(2);
	}

	@Test
	void anInterceptorOfTheApplicationRefusesBeforeAPointerIsResolved() {
		byte[] body = pointer("add_floats", "https://storage.example/key");
		assertThat(this.loopback.post("/add_floats", Loopback.ARROW, body, "X-Refuse", "yes").statusCode())
			.isEqualTo(403);
		assertThat(this.seams.storage.opened).isEmpty();
	}

	@Test
	void ordinaryHandlersAreUntouched() {
		assertThat(text(this.loopback.get("/plain"))).isEqualTo("plain");
		assertThat(text(this.loopback.get("/beside"))).isEqualTo("beside");
		assertThat(text(this.loopback.post("/json", "application/json", "{\"a\":1}".getBytes(StandardCharsets.UTF_8))))
			.isEqualTo("{\"got\":[\"a\"]}");
		HttpResponse<byte[]> refused = this.loopback.post("/refuse", "application/json", new byte[0]);
		assertThat(refused.statusCode()).isEqualTo(500);
		assertThat(text(refused)).startsWith("{");
		assertThat(this.loopback.get("/add_floats").statusCode()).isEqualTo(405);
	}

	private void assertRefused(String method, byte[] body) {
		HttpResponse<byte[]> response = post(method, body);
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.headers().firstValue("Content-Type")).hasValue(Loopback.ARROW);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).isEmpty();
		try (Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error().errorType()).isNotEmpty();
			assertThat(answer.error().requestId()).isEqualTo("feedfacefeedface");
		}
		byte[] good = request(floats(), 1, false, metadata("add_floats"));
		try (Answer answer = this.loopback.read(post("add_floats", good).body())) {
			assertThat(answer.data().root().getVector(0).getObject(0)).isEqualTo(3.0);
		}
	}

	private HttpResponse<byte[]> post(String method, byte[] body) {
		return this.loopback.post("/" + method, Loopback.ARROW, body);
	}

	private static List<Field> floats() {
		return List.of(field("a", false, FLOAT64), field("b", false, FLOAT64));
	}

	private static Field field(String name, boolean nullable, ArrowType type) {
		return new Field(name, new FieldType(nullable, type, null), null);
	}

	private static BatchMetadata metadata(String method) {
		Map<String, String> entries = new LinkedHashMap<>();
		entries.put(MetadataKeys.METHOD, method);
		entries.put(MetadataKeys.REQUEST_VERSION, "1");
		entries.put(MetadataKeys.PROTOCOL_VERSION, "2.0.0");
		return BatchMetadata.of(entries);
	}

	private byte[] request(List<Field> fields, int rows, boolean withNull, BatchMetadata metadata) {
		try (AnnotatedBatch batch = batch(fields, rows, withNull, metadata, this.allocator)) {
			return Loopback.bytes(batch);
		}
	}

	private byte[] pointer(String method, String url) {
		return request(floats(), 0, false, metadata(method).with(MetadataKeys.LOCATION, url));
	}

	private static AnnotatedBatch batch(List<Field> fields, int rows, boolean withNull, BatchMetadata metadata,
			BufferAllocator allocator) {
		VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(fields), allocator);
		for (FieldVector vector : root.getFieldVectors()) {
			vector.allocateNew();
			for (int row = 0; row < rows && !withNull; row++) {
				if (vector instanceof Float8Vector numbers) {
					numbers.setSafe(row, 1.5);
				}
				else if (vector instanceof BigIntVector numbers) {
					numbers.setSafe(row, 1);
				}
				else {
					((VarCharVector) vector).setSafe(row, "text".getBytes(StandardCharsets.UTF_8));
				}
			}
		}
		root.setRowCount(rows);
		return AnnotatedBatch.of(root).withMetadata(metadata);
	}

	private static int lastIndexOf(byte[] body, byte value) {
		for (int at = body.length - 1; at >= 0; at--) {
			if (body[at] == value) {
				return at;
			}
		}
		throw new IllegalStateException("not found");
	}

	private static int indexOf(byte[] body, byte[] part) {
		for (int at = 0; at <= body.length - part.length; at++) {
			if (Arrays.equals(body, at, at + part.length, part, 0, part.length)) {
				return at;
			}
		}
		throw new IllegalStateException("not found");
	}

	private static String text(HttpResponse<byte[]> response) {
		return new String(response.body(), StandardCharsets.UTF_8);
	}

}
