package dev.vgi.external.rpc;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.conformance.ConformanceService;
import dev.vgi.external.conformance.ConformanceTypes.AllTypes;
import dev.vgi.external.conformance.ConformanceTypes.BoundingBox;
import dev.vgi.external.conformance.ConformanceTypes.ContainerWideTypes;
import dev.vgi.external.conformance.ConformanceTypes.DeepNested;
import dev.vgi.external.conformance.ConformanceTypes.EmbeddedArrow;
import dev.vgi.external.conformance.ConformanceTypes.NestedContainers;
import dev.vgi.external.conformance.ConformanceTypes.Point;
import dev.vgi.external.conformance.ConformanceTypes.Status;
import dev.vgi.external.conformance.ConformanceTypes.WideTypes;
import dev.vgi.external.rpc.RpcTestApplication.OtherService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.web.client.PlainClient;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.web.client.RestClient;
import org.springframework.web.client.support.RestClientAdapter;
import org.springframework.web.service.annotation.GetExchange;
import org.springframework.web.service.invoker.HttpServiceProxyFactory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link RpcClients} against a running server: every type survives both ways.
 */
@NullUnmarked
class RpcClientsTests extends AbstractRpcTests {

	private final List<LogMessage> logs = new ArrayList<>();

	private ConformanceService service;

	private OtherService other;

	private PlainClient plain;

	private VgiClient vgi;

	@BeforeEach
	void createClients() {
		this.plain = new PlainClient(this.allocator);
		this.vgi = this.plain.builder(this.loopback.base()).build();
		RpcClients clients = new RpcClients(this.vgi, this.allocator, this.logs::add);
		this.service = clients.createClient(ConformanceService.class);
		this.other = clients.createClient(OtherService.class);
	}

	@AfterEach
	void closeConnections() {
		this.plain.close();
	}

	@Test
	void scalarsSurvive() {
		assertThat(this.service.echoString("grüße \uD83D\uDE00")).isEqualTo("grüße \uD83D\uDE00");
		assertThat(this.service.echoString("")).isEmpty();
		assertThat(this.service.echoBytes(new byte[] { 0, 1, -1 })).containsExactly(0, 1, -1);
		assertThat(this.service.echoInt(Long.MIN_VALUE)).isEqualTo(Long.MIN_VALUE);
		assertThat(this.service.echoFloat(Double.NaN)).isNaN();
		assertThat(this.service.echoFloat(-0.0)).isEqualTo(-0.0);
		assertThat(this.service.echoBool(true)).isTrue();
		assertThat(this.service.addFloats(1.5, 2.25)).isEqualTo(3.75);
		assertThat(this.service.concatenate("a", "b", "-")).isEqualTo("a-b");
		assertThat(this.service.withDefaults(1, "default", 42))
			.isEqualTo("required=1, optional_str=default, optional_int=42");
	}

	@Test
	void explicitTypesSurvive() {
		assertThat(this.service.echoInt8(Byte.MIN_VALUE)).isEqualTo(Byte.MIN_VALUE);
		assertThat(this.service.echoInt16(Short.MIN_VALUE)).isEqualTo(Short.MIN_VALUE);
		assertThat(this.service.echoInt32(Integer.MIN_VALUE)).isEqualTo(Integer.MIN_VALUE);
		assertThat(this.service.echoUint8(255)).isEqualTo(255);
		assertThat(this.service.echoUint16(65535)).isEqualTo(65535);
		assertThat(this.service.echoUint32(4294967295L)).isEqualTo(4294967295L);
		BigInteger max = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);
		assertThat(this.service.echoUint64(max)).isEqualTo(max);
		assertThat(this.service.echoFloat32(1.1F)).isEqualTo(1.1F);
		assertThat(this.service.echoDate(LocalDate.of(1, 1, 1))).isEqualTo(LocalDate.of(1, 1, 1));
		LocalDateTime timestamp = LocalDateTime.of(2026, 4, 25, 12, 0, 0, 123_456_000);
		assertThat(this.service.echoTimestamp(timestamp)).isEqualTo(timestamp);
		Instant instant = Instant.parse("1960-01-01T00:00:00.000001Z");
		assertThat(this.service.echoTimestampUtc(instant)).isEqualTo(instant);
		LocalTime time = LocalTime.of(23, 59, 59, 999_999_000);
		assertThat(this.service.echoTime(time)).isEqualTo(time);
		assertThat(this.service.echoDuration(Duration.ofNanos(-1000))).isEqualTo(Duration.ofNanos(-1000));
		BigDecimal decimal = new BigDecimal("-1234567890123456.7891");
		assertThat(this.service.echoDecimal(decimal)).isEqualTo(decimal);
		assertThat(this.service.echoDecimal(BigDecimal.ONE)).isEqualTo("1.0000");
		assertThat(this.service.echoLargeString("large")).isEqualTo("large");
		assertThat(this.service.echoLargeBinary(new byte[] { 7 })).containsExactly(7);
		assertThat(this.service.echoFixedBinary(new byte[8])).hasSize(8);
		assertThat(this.service.echoDictEncodedString("once")).isEqualTo("once");
		assertThat(this.service.echoEnum(Status.CLOSED)).isEqualTo(Status.CLOSED);
	}

	@Test
	void containersSurvive() {
		assertThat(this.service.echoList(List.of("a", "b"))).containsExactly("a", "b");
		assertThat(this.service.echoList(List.of())).isEmpty();
		Map<String, Long> mapping = new LinkedHashMap<>();
		mapping.put("z", 1L);
		mapping.put("a", 2L);
		assertThat(this.service.echoDict(mapping)).hasToString("{z=1, a=2}");
		List<List<Long>> matrix = List.of(List.of(1L, 2L), List.of(), List.of(3L));
		assertThat(this.service.echoNestedList(matrix)).isEqualTo(matrix);
		List<Status> statuses = List.of(Status.ACTIVE, Status.ACTIVE, Status.PENDING);
		assertThat(this.service.echoStatusList(statuses)).isEqualTo(statuses);
	}

	@Test
	void missingValuesSurvive() {
		assertThat(this.service.echoOptionalString(null)).isNull();
		assertThat(this.service.echoOptionalString("there")).isEqualTo("there");
		assertThat(this.service.echoOptionalInt(null)).isNull();
		assertThat(this.service.echoOptionalPoint(null)).isNull();
		assertThat(this.service.echoAnnotatedOptionalInt(null)).isNull();
		assertThat(this.service.echoAnnotatedOptionalInt(3)).isEqualTo(3);
		assertThat(this.other.optionalLength(Optional.empty())).isEmpty();
		assertThat(this.other.optionalLength(Optional.of("four"))).hasValue(4L);
	}

	@Test
	void recordsSurvive() {
		Point point = new Point(1.5, 2.5);
		assertThat(this.service.echoPoint(point)).isEqualTo(point);
		assertThat(this.service.inspectPoint(new Point(1, 2))).isEqualTo("Point(1.0, 2.0)");
		BoundingBox box = new BoundingBox(new Point(0, 10), new Point(10, 0), "box");
		assertThat(this.service.echoBoundingBox(box)).isEqualTo(box);
		AllTypes all = new AllTypes("s", new byte[] { 1 }, 42, 3.14, true, List.of(1L), List.of("a"), Map.of("k", 1L),
				Status.ACTIVE, point, null, 7L, null, List.of(point), 100, 1.5F, List.of(List.of(1L), List.of()),
				Map.of("key", "val"));
		assertThat(this.service.echoAllTypes(all)).usingRecursiveComparison().isEqualTo(all);
		WideTypes wide = new WideTypes((byte) -1, (short) -2, -3, 4, 5, 6, BigInteger.ONE.shiftLeft(63), 0.5F,
				LocalDate.of(2026, 4, 25), LocalDateTime.of(2026, 4, 25, 1, 2), Instant.EPOCH, LocalTime.NOON,
				Duration.ofDays(1), new BigDecimal("1.2300"), "large", new byte[] { 1 }, new byte[8]);
		assertThat(this.service.echoWideTypes(wide)).usingRecursiveComparison().isEqualTo(wide);
		ContainerWideTypes containers = new ContainerWideTypes(List.of(new BigDecimal("1.0000")),
				List.of(LocalDate.EPOCH), List.of(LocalDateTime.MIN.withYear(1)), null, new BigDecimal("99.0000"), null,
				Map.of("a", new BigDecimal("1.5000")), Set.of(1L, 2L), Arrays.asList(1L, null, 3L));
		assertThat(this.service.echoContainerWideTypes(containers)).isEqualTo(containers);
		DeepNested deep = new DeepNested(List.of(List.of(new BigDecimal("1.0000"))), null, "text",
				List.of("a", "b", "a"));
		assertThat(this.service.echoDeepNested(deep)).isEqualTo(deep);
	}

	@Test
	void embeddedBatchesSurviveAndBelongToTheCaller() {
		Schema schema = new Schema(List.of(Field.nullable("x", ArrowType.Utf8.INSTANCE)));
		try (AnnotatedBatch batch = words(schema)) {
			EmbeddedArrow echoed = this.service.echoEmbeddedArrow(new EmbeddedArrow(batch, schema));
			assertThat(echoed.schema()).isEqualTo(schema);
			assertThat(echoed.batch().root().contentToTSVString()).isEqualTo("x\nthere\n");
			echoed.batch().close();
			assertThat(this.other.batchRows(batch)).isEqualTo(1);
		}
		NestedContainers packed = this.service.packNestedContainers(List.of(Status.ACTIVE), List.of(new Point(1, 2)),
				Map.of("k", Status.CLOSED));
		assertThat(packed.frozenStatuses()).containsExactly(Status.ACTIVE);
		assertThat(packed.taggedPoint()).isEqualTo(new Point(1, 2));
		assertThat(packed.taggedBatch().rowCount()).isEqualTo(2);
		packed.taggedBatch().close();
	}

	private AnnotatedBatch words(Schema schema) {
		VectorSchemaRoot root = VectorSchemaRoot.create(schema, this.allocator);
		((VarCharVector) root.getVector(0)).setSafe(0, "there".getBytes(StandardCharsets.UTF_8));
		root.setRowCount(1);
		return AnnotatedBatch.of(root);
	}

	@Test
	void voidCallsReturn() {
		this.service.voidNoop();
		this.service.voidWithParam(1);
		this.service.resetCancelProbe();
		assertThat(this.service.cancelProbeCounters()).containsExactly(0L, 0L, 0L);
	}

	@Test
	void logsComeBeforeTheResult() {
		assertThat(this.service.echoWithLogExtras("x")).isEqualTo("x");
		assertThat(this.logs)
			.containsExactly(new LogMessage("INFO", "info: x", Map.of("source", "conformance", "detail", "x")));
		this.logs.clear();
		this.service.echoWithAllLogLevels("y");
		assertThat(this.logs).extracting(LogMessage::level).containsExactly("TRACE", "DEBUG", "INFO", "WARN", "ERROR");
	}

	@Test
	void errorsHaveTheirWireName() {
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.service.raiseValueError("boom"))
			.satisfies((error) -> {
				assertThat(error.errorType()).isEqualTo("ValueError");
				assertThat(error.errorMessage()).isEqualTo("boom");
				assertThat(error.requestId()).isNotEmpty();
			});
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.service.raiseRuntimeError("boom"))
			.satisfies((error) -> assertThat(error.errorType()).isEqualTo("RuntimeError"));
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.service.raiseTypeError("boom"))
			.satisfies((error) -> assertThat(error.errorType()).isEqualTo("TypeError"));
	}

	@Test
	void anErrorOfAVoidMethodIsNotLost() {
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.other.failVoid("void"))
			.withMessage("ValueError: void");
		assertThat(this.logs).extracting(LogMessage::message).containsExactly("about to fail");
	}

	@Test
	void anErrorWithItsOwnNameKeepsItAndNoSecret() {
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(this.other::ownError).satisfies((error) -> {
			assertThat(error.errorType()).isEqualTo("FlightNotFoundError");
			assertThat(error.errorKind()).isEqualTo("flight_not_found");
			assertThat(error.errorCode()).isEqualTo("RESOURCE_EXHAUSTED");
			assertThat(error.errorDetails())
				.containsExactly(Map.of("@type", "vgi_rpc.RetryInfo", "retry_delay_seconds", 1.5));
			assertThat(error.retryDelay()).isEqualTo(Duration.ofMillis(1500));
			assertThat(error.isRetryable()).isTrue();
			assertThat(error.errorMessage()).isEqualTo("see https://storage.example:8443/key for more");
			assertThat(error.remoteTraceback()).doesNotContain("secret", "pw", "dev.vgi");
		});
	}

	@Test
	void argumentsThatDoNotFitAreNotSent() {
		assertThatIllegalArgumentException().isThrownBy(() -> this.service.echoUint8(256))
			.withMessage("'value' 256 does not fit uint8");
		assertThatIllegalArgumentException().isThrownBy(() -> this.service.echoString(null))
			.withMessage("'value' must not be null");
	}

	@Test
	void otherMethodsOfAnInterfaceStayWhatTheyAre() {
		RestClient rest = RestClient.create(this.loopback.base());
		HttpServiceProxyFactory.Builder builder = HttpServiceProxyFactory.builderFor(RestClientAdapter.create(rest));
		new RpcClients(this.vgi, this.allocator, this.logs::add).configure(builder);
		Mixed mixed = builder.build().createClient(Mixed.class);
		assertThat(mixed.plain()).isEqualTo("plain");
		assertThat(mixed.whoami(7, null)).startsWith("whoami 7 ");
	}

	/**
	 * Half RPC, half not.
	 */
	@RpcService("Other")
	interface Mixed {

		@GetExchange("/plain")
		String plain();

		@RpcMethod("whoami")
		String whoami(long number, RpcContext ignored);

	}

}
