package dev.vgi.external.conformance;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.conformance.ConformanceTypes.AllTypes;
import dev.vgi.external.conformance.ConformanceTypes.BoundingBox;
import dev.vgi.external.conformance.ConformanceTypes.ContainerWideTypes;
import dev.vgi.external.conformance.ConformanceTypes.DeepNested;
import dev.vgi.external.conformance.ConformanceTypes.EmbeddedArrow;
import dev.vgi.external.conformance.ConformanceTypes.NestedContainers;
import dev.vgi.external.conformance.ConformanceTypes.Point;
import dev.vgi.external.conformance.ConformanceTypes.Status;
import dev.vgi.external.conformance.ConformanceTypes.WideTypes;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcContext.Level;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.context.annotation.Import;
import org.springframework.util.Assert;
import org.springframework.web.bind.annotation.RestController;

/**
 * What the conformance service does.
 */
@RestController
@Import({ CancelProbe.class, ConformanceStreamController.class })
public class ConformanceController implements ConformanceService {

	private final CancelProbe cancelProbe;

	ConformanceController(CancelProbe cancelProbe) {
		this.cancelProbe = cancelProbe;
	}

	@Override
	public String echoString(String value) {
		return value;
	}

	@Override
	public byte[] echoBytes(byte[] data) {
		return data;
	}

	@Override
	public long echoInt(long value) {
		return value;
	}

	@Override
	public double echoFloat(double value) {
		return value;
	}

	@Override
	public boolean echoBool(boolean value) {
		return value;
	}

	@Override
	public Status echoEnum(Status status) {
		return status;
	}

	@Override
	public List<String> echoList(List<String> values) {
		return values;
	}

	@Override
	public Map<String, Long> echoDict(Map<String, Long> mapping) {
		return mapping;
	}

	@Override
	public List<List<Long>> echoNestedList(List<List<Long>> matrix) {
		return matrix;
	}

	@Override
	public List<Status> echoStatusList(List<Status> statuses) {
		return statuses;
	}

	@Override
	public @Nullable String echoOptionalString(@Nullable String value) {
		return value;
	}

	@Override
	public @Nullable Long echoOptionalInt(@Nullable Long value) {
		return value;
	}

	@Override
	public @Nullable Point echoOptionalPoint(@Nullable Point point) {
		return point;
	}

	@Override
	public @Nullable Integer echoAnnotatedOptionalInt(@Nullable Integer value) {
		return value;
	}

	@Override
	public int echoOuterOptionalNonNull(int value) {
		return value;
	}

	@Override
	public Point echoPoint(Point point) {
		return point;
	}

	@Override
	public AllTypes echoAllTypes(AllTypes data) {
		return data;
	}

	@Override
	public BoundingBox echoBoundingBox(BoundingBox box) {
		return box;
	}

	@Override
	public byte echoInt8(byte value) {
		return value;
	}

	@Override
	public short echoInt16(short value) {
		return value;
	}

	@Override
	public int echoInt32(int value) {
		return value;
	}

	@Override
	public int echoUint8(int value) {
		return value;
	}

	@Override
	public int echoUint16(int value) {
		return value;
	}

	@Override
	public long echoUint32(long value) {
		return value;
	}

	@Override
	public BigInteger echoUint64(BigInteger value) {
		return value;
	}

	@Override
	public float echoFloat32(float value) {
		return value;
	}

	@Override
	public LocalDate echoDate(LocalDate value) {
		return value;
	}

	@Override
	public LocalDateTime echoTimestamp(LocalDateTime value) {
		return value;
	}

	@Override
	public Instant echoTimestampUtc(Instant value) {
		return value;
	}

	@Override
	public LocalTime echoTime(LocalTime value) {
		return value;
	}

	@Override
	public Duration echoDuration(Duration value) {
		return value;
	}

	@Override
	public BigDecimal echoDecimal(BigDecimal value) {
		return value;
	}

	@Override
	public String echoLargeString(String value) {
		return value;
	}

	@Override
	public byte[] echoLargeBinary(byte[] value) {
		return value;
	}

	@Override
	public byte[] echoFixedBinary(byte[] value) {
		return value;
	}

	@Override
	public WideTypes echoWideTypes(WideTypes data) {
		return data;
	}

	@Override
	public ContainerWideTypes echoContainerWideTypes(ContainerWideTypes data) {
		return data;
	}

	@Override
	public EmbeddedArrow echoEmbeddedArrow(EmbeddedArrow data) {
		return data;
	}

	@Override
	public DeepNested echoDeepNested(DeepNested data) {
		return data;
	}

	@Override
	public String echoDictEncodedString(String value) {
		return value;
	}

	@Override
	public byte[] oversizedUnary(long targetBytes) {
		Assert.isTrue(targetBytes >= 0, "target_bytes must be non-negative");
		return new byte[Math.toIntExact(targetBytes)];
	}

	@Override
	public void voidNoop() {

	}

	@Override
	public void voidWithParam(long value) {

	}

	@Override
	public String inspectPoint(Point point) {
		return "Point(" + point.x() + ", " + point.y() + ")";
	}

	@Override
	public NestedContainers packNestedContainers(List<Status> statuses, List<Point> points,
			Map<String, Status> statusByName) {
		return new NestedContainers(statuses, points, statusByName, new LinkedHashSet<>(statuses),
				statuses.isEmpty() ? null : statuses.get(0), points.isEmpty() ? null : points.get(0), twoNumbers());
	}

	@Override
	public double addFloats(double a, double b) {
		return a + b;
	}

	@Override
	public String concatenate(String prefix, String suffix, String separator) {
		return prefix + separator + suffix;
	}

	@Override
	public String withDefaults(long required, String optionalStr, long optionalInt) {
		return "required=" + required + ", optional_str=" + optionalStr + ", optional_int=" + optionalInt;
	}

	@Override
	public String raiseValueError(String message) {
		throw new IllegalArgumentException(message);
	}

	@Override
	public String raiseRuntimeError(String message) {
		throw new IllegalStateException(message);
	}

	@Override
	public String raiseTypeError(String message) {
		throw new ClassCastException(message);
	}

	@Override
	public String echoWithInfoLog(String value) {
		RpcContext.current().log(Level.INFO, "info: " + value);
		return value;
	}

	@Override
	public String echoWithMultiLogs(String value) {
		RpcContext call = RpcContext.current();
		call.log(Level.DEBUG, "debug: " + value);
		call.log(Level.INFO, "info: " + value);
		call.log(Level.WARN, "warn: " + value);
		return value;
	}

	@Override
	public String echoWithLogExtras(String value) {
		Map<String, Object> extra = new LinkedHashMap<>();
		extra.put("source", "conformance");
		extra.put("detail", value);
		RpcContext.current().log(Level.INFO, "info: " + value, extra);
		return value;
	}

	@Override
	public String echoWithAllLogLevels(String value) {
		for (Level level : List.of(Level.TRACE, Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR)) {
			RpcContext.current().log(level, level.name().toLowerCase(Locale.ROOT) + ": " + value);
		}
		return value;
	}

	@Override
	public long openCounter(long initial) {
		throw new UnsupportedOperationException("There are no sticky sessions here");
	}

	@Override
	public long incrementCounter(long by) {
		throw new UnsupportedOperationException("There are no sticky sessions here");
	}

	@Override
	public long closeCounter() {
		throw new UnsupportedOperationException("There are no sticky sessions here");
	}

	@Override
	public List<Long> cancelProbeCounters() {
		return this.cancelProbe.counters();
	}

	@Override
	public void resetCancelProbe() {
		this.cancelProbe.reset();
	}

	private static AnnotatedBatch twoNumbers() {
		Schema schema = new Schema(List.of(Field.nullable("value", new ArrowType.Int(64, true))));
		VectorSchemaRoot root = VectorSchemaRoot.create(schema, RpcContext.current().allocator());
		BigIntVector vector = (BigIntVector) root.getVector(0);
		vector.setSafe(0, 1);
		vector.setSafe(1, 2);
		root.setRowCount(2);
		return AnnotatedBatch.of(root);
	}

}
