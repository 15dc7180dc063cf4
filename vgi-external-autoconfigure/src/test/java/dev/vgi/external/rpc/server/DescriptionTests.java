package dev.vgi.external.rpc.server;

import java.lang.reflect.Method;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.AbstractRpcTests;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.Loopback.Answer;
import dev.vgi.external.rpc.RpcTestApplication;
import dev.vgi.external.rpc.StreamReply;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.rpc.server.ReflectionService.MethodInfo;
import dev.vgi.external.rpc.server.ReflectionService.ProtocolList;
import dev.vgi.external.rpc.server.ReflectionService.ProtocolSummary;
import dev.vgi.external.rpc.server.ReflectionService.ServiceDescription;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

import org.springframework.util.ReflectionUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what a service says of itself, in both dialects.
 */
@NullUnmarked
class DescriptionTests extends AbstractRpcTests {

	/** As the Python reference computes it for the same methods. */
	private static final String CONFORMANCE_HASH = "5cc768771c2e8a54e19ebb7546c97c119823eb13e20a5ff62ca5ce7ed2a1334e";

	/** As the Python reference computes it. */
	private static final String REFLECTION_HASH = "3c7db4cae8cdfc93dc4a76e73b8b759e18e45e6a5811adba4e520366344b919a";

	@Test
	void protocolsAreListedWithTheDigestsOfTheReference() {
		ProtocolList list = (ProtocolList) call("listProtocols", Map.of());
		assertThat(list.serverId()).isEqualTo(RpcTestApplication.SERVER_ID);
		assertThat(list.requestVersion()).isEqualTo("1");
		assertThat(list.protocols()).extracting(ProtocolSummary::protocol)
			.containsSubsequence("ConformanceService", ReflectionService.NAME)
			.endsWith(ReflectionService.NAME);
		assertThat(list.protocols()).filteredOn((each) -> each.protocol().equals("ConformanceService"))
			.containsExactly(
					new ProtocolSummary("ConformanceService", "2.0.0", CONFORMANCE_HASH, false, "", List.of()));
		assertThat(list.protocols()).filteredOn((each) -> each.protocol().equals(ReflectionService.NAME))
			.containsExactly(new ProtocolSummary(ReflectionService.NAME, "", REFLECTION_HASH, false, "", List.of()));
	}

	@Test
	void aProtocolIsDescribed() {
		ServiceDescription service = (ServiceDescription) call("describe", Map.of("protocol", "ConformanceService"));
		assertThat(service.protocolHash()).isEqualTo(CONFORMANCE_HASH);
		assertThat(service.methods()).hasSize(87).extracting(MethodInfo::name).isSorted();
		Map<String, MethodInfo> methods = service.methods()
			.stream()
			.collect(Collectors.toMap(MethodInfo::name, Function.identity()));
		MethodInfo unary = methods.get("echo_enum");
		assertThat(unary.methodType()).isEqualTo("unary");
		assertThat(unary.streamKind()).isEmpty();
		assertThat(unary.hasReturn()).isTrue();
		// In message format: what the dictionary holds.
		assertThat(schema(unary.paramsSchemaIpc()).getFields().get(0).getType()).isEqualTo(ArrowType.Utf8.INSTANCE);
		assertThat(schema(unary.paramsSchemaIpc()).getFields().get(0).getDictionary()).isNotNull();
		assertThat(methods.get("void_noop").hasReturn()).isFalse();
		assertThat(methods.get("void_noop").resultSchemaIpc()).isEmpty();
		assertThat(methods.get("produce_n").streamKind()).isEqualTo("producer");
		assertThat(methods.get("produce_n").headerSchemaIpc()).isEmpty();
		MethodInfo exchange = methods.get("exchange_with_header");
		assertThat(exchange.methodType()).isEqualTo("stream");
		assertThat(exchange.streamKind()).isEqualTo("exchange");
		assertThat(exchange.hasReturn()).isFalse();
		assertThat(schema(exchange.headerSchemaIpc()).getFields()).extracting(Field::getName)
			.containsExactly("total_expected", "description");
	}

	@Test
	void aProtocolThatIsNotHostedIsNotSupported() {
		HttpResponse<byte[]> response = post("/" + ReflectionService.NAME + "/describe", "describe",
				Map.of("protocol", "Nowhere"));
		try (Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error().errorKind()).isEqualTo("protocol_not_supported");
		}
	}

	@Test
	void everythingIsDescribedInTheFlatDialect() {
		StreamReply reply = StreamReply.of(post("/__describe__", "__describe__", Map.of()), this.allocator);
		assertThat(reply.status()).isEqualTo(200);
		StreamReply.Batch batch = reply.only(BatchKind.DATA);
		assertThat(batch.columns()).containsOnlyKeys("name", "method_type", "has_return", "params_schema_ipc",
				"result_schema_ipc", "has_header", "header_schema_ipc", "is_exchange");
		List<String> names = batch.columns().get("name").stream().map(Object::toString).toList();
		assertThat(names).hasSizeGreaterThan(87).isSorted().contains("echo_string", "exchange_scale", "whoami");
		int header = names.indexOf("produce_with_header");
		assertThat(batch.columns().get("method_type").get(header)).hasToString("stream");
		assertThat(batch.columns().get("has_header").get(header)).isEqualTo(true);
		assertThat(schema((byte[]) batch.columns().get("header_schema_ipc").get(header)).getFields()).hasSize(2);
		assertThat(batch.columns().get("header_schema_ipc").get(names.indexOf("produce_n"))).isNull();
		assertThat(batch.columns().get("is_exchange")).containsOnlyNulls();
		assertThat(batch.metadata().get(MetadataKeys.PROTOCOL_NAME)).contains("ConformanceService");
		assertThat(batch.metadata().get(MetadataKeys.DESCRIBE_VERSION)).isEqualTo("4");
		assertThat(batch.metadata().get(MetadataKeys.PROTOCOL_HASH)).matches("[0-9a-f]{64}");
		assertThat(batch.metadata().get(MetadataKeys.PROTOCOL_VERSION)).isEqualTo("2.0.0");
	}

	@Test
	void aRequestForSomethingElseIsRefused() {
		assertThat(post("/__describe__", "echo_string", Map.of()).statusCode()).isEqualTo(400);
		assertThat(this.loopback.post("/__describe__", "application/json", new byte[2]).statusCode()).isEqualTo(415);
	}

	private Object call(String javaName, Map<String, String> parameters) {
		Method method = ReflectionUtils.findMethod(ReflectionService.class, javaName, (Class<?>[]) null);
		RpcMethodDescriptor descriptor = new RpcMethods().find(method);
		HttpResponse<byte[]> response = post("/" + ReflectionService.NAME + "/" + descriptor.name(), descriptor.name(),
				parameters);
		assertThat(response.statusCode()).isEqualTo(200);
		try (Answer answer = this.loopback.read(response.body())) {
			assertThat(answer.error()).isNull();
			return descriptor.result().read(answer.data(), this.allocator, (embedded) -> {
			})[0];
		}
	}

	private HttpResponse<byte[]> post(String path, String method, Map<String, String> parameters) {
		List<Field> fields = parameters.keySet()
			.stream()
			.map((name) -> new Field(name, FieldType.notNullable(ArrowType.Utf8.INSTANCE), null))
			.toList();
		VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(fields), this.allocator);
		parameters.forEach((name, value) -> ((VarCharVector) root.getVector(name)).setSafe(0,
				value.getBytes(StandardCharsets.UTF_8)));
		root.setRowCount(fields.size());
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, method).with(MetadataKeys.REQUEST_VERSION, "1");
		try (AnnotatedBatch batch = AnnotatedBatch.of(root).withMetadata(metadata)) {
			return this.loopback.post(path, Loopback.ARROW, Loopback.bytes(batch));
		}
	}

	private static Schema schema(byte[] message) {
		return Schema.deserializeMessage(ByteBuffer.wrap(message));
	}

}
