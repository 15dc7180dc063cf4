package dev.vgi.external.conformance;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.List;
import java.util.Map;

import dev.vgi.external.conformance.ConformanceTypes.AllTypes;
import dev.vgi.external.conformance.ConformanceTypes.BoundingBox;
import dev.vgi.external.conformance.ConformanceTypes.ContainerWideTypes;
import dev.vgi.external.conformance.ConformanceTypes.DeepNested;
import dev.vgi.external.conformance.ConformanceTypes.EmbeddedArrow;
import dev.vgi.external.conformance.ConformanceTypes.NestedContainers;
import dev.vgi.external.conformance.ConformanceTypes.Point;
import dev.vgi.external.conformance.ConformanceTypes.Status;
import dev.vgi.external.conformance.ConformanceTypes.WideTypes;
import dev.vgi.external.rpc.ArrowField;
import dev.vgi.external.rpc.ArrowField.Type;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import org.jspecify.annotations.Nullable;

/**
 * The unary methods of the reference's conformance service. The version is the one that
 * its releases from 0.43 on declare. What has sticky sessions is declared, since the
 * description must be complete, and refuses.
 */
@RpcService(name = "ConformanceService", version = "2.0.0")
public interface ConformanceService {

	@RpcMethod("echo_string")
	String echoString(String value);

	@RpcMethod("echo_bytes")
	byte[] echoBytes(byte[] data);

	@RpcMethod("echo_int")
	long echoInt(long value);

	@RpcMethod("echo_float")
	double echoFloat(double value);

	@RpcMethod("echo_bool")
	boolean echoBool(boolean value);

	@RpcMethod("echo_enum")
	Status echoEnum(Status status);

	@RpcMethod("echo_list")
	List<String> echoList(List<String> values);

	@RpcMethod("echo_dict")
	Map<String, Long> echoDict(Map<String, Long> mapping);

	@RpcMethod("echo_nested_list")
	List<List<Long>> echoNestedList(List<List<Long>> matrix);

	@RpcMethod("echo_status_list")
	List<Status> echoStatusList(List<Status> statuses);

	@RpcMethod("echo_optional_string")
	@Nullable String echoOptionalString(@Nullable String value);

	@RpcMethod("echo_optional_int")
	@Nullable Long echoOptionalInt(@Nullable Long value);

	@RpcMethod("echo_optional_point")
	@Nullable Point echoOptionalPoint(@Nullable Point point);

	@RpcMethod("echo_annotated_optional_int")
	@ArrowField(Type.INT32)
	@Nullable Integer echoAnnotatedOptionalInt(@ArrowField(Type.INT32) @Nullable Integer value);

	@RpcMethod("echo_outer_optional_non_null")
	@ArrowField(Type.INT32)
	int echoOuterOptionalNonNull(@ArrowField(Type.INT32) int value);

	@RpcMethod("echo_point")
	Point echoPoint(Point point);

	@RpcMethod("echo_all_types")
	AllTypes echoAllTypes(AllTypes data);

	@RpcMethod("echo_bounding_box")
	BoundingBox echoBoundingBox(BoundingBox box);

	@RpcMethod("echo_int8")
	@ArrowField(Type.INT8)
	byte echoInt8(@ArrowField(Type.INT8) byte value);

	@RpcMethod("echo_int16")
	@ArrowField(Type.INT16)
	short echoInt16(@ArrowField(Type.INT16) short value);

	@RpcMethod("echo_int32")
	@ArrowField(Type.INT32)
	int echoInt32(@ArrowField(Type.INT32) int value);

	@RpcMethod("echo_uint8")
	@ArrowField(Type.UINT8)
	int echoUint8(@ArrowField(Type.UINT8) int value);

	@RpcMethod("echo_uint16")
	@ArrowField(Type.UINT16)
	int echoUint16(@ArrowField(Type.UINT16) int value);

	@RpcMethod("echo_uint32")
	@ArrowField(Type.UINT32)
	long echoUint32(@ArrowField(Type.UINT32) long value);

	@RpcMethod("echo_uint64")
	@ArrowField(Type.UINT64)
	BigInteger echoUint64(@ArrowField(Type.UINT64) BigInteger value);

	@RpcMethod("echo_float32")
	@ArrowField(Type.FLOAT32)
	float echoFloat32(@ArrowField(Type.FLOAT32) float value);

	@RpcMethod("echo_date")
	LocalDate echoDate(LocalDate value);

	@RpcMethod("echo_timestamp")
	LocalDateTime echoTimestamp(LocalDateTime value);

	@RpcMethod("echo_timestamp_utc")
	Instant echoTimestampUtc(Instant value);

	@RpcMethod("echo_time")
	LocalTime echoTime(LocalTime value);

	@RpcMethod("echo_duration")
	Duration echoDuration(Duration value);

	@RpcMethod("echo_decimal")
	BigDecimal echoDecimal(BigDecimal value);

	@RpcMethod("echo_large_string")
	@ArrowField(Type.LARGE_UTF8)
	String echoLargeString(@ArrowField(Type.LARGE_UTF8) String value);

	@RpcMethod("echo_large_binary")
	@ArrowField(Type.LARGE_BINARY)
	byte[] echoLargeBinary(@ArrowField(Type.LARGE_BINARY) byte[] value);

	@RpcMethod("echo_fixed_binary")
	@ArrowField(value = Type.FIXED_SIZE_BINARY, width = 8)
	byte[] echoFixedBinary(@ArrowField(value = Type.FIXED_SIZE_BINARY, width = 8) byte[] value);

	@RpcMethod("echo_wide_types")
	WideTypes echoWideTypes(WideTypes data);

	@RpcMethod("echo_container_wide_types")
	ContainerWideTypes echoContainerWideTypes(ContainerWideTypes data);

	@RpcMethod("echo_embedded_arrow")
	EmbeddedArrow echoEmbeddedArrow(EmbeddedArrow data);

	@RpcMethod("echo_deep_nested")
	DeepNested echoDeepNested(DeepNested data);

	@RpcMethod("echo_dict_encoded_string")
	@ArrowField(Type.DICTIONARY)
	String echoDictEncodedString(@ArrowField(Type.DICTIONARY) String value);

	@RpcMethod("oversized_unary")
	byte[] oversizedUnary(long targetBytes);

	@RpcMethod("void_noop")
	void voidNoop();

	@RpcMethod("void_with_param")
	void voidWithParam(long value);

	@RpcMethod("inspect_point")
	String inspectPoint(Point point);

	@RpcMethod("pack_nested_containers")
	NestedContainers packNestedContainers(List<Status> statuses, List<Point> points, Map<String, Status> statusByName);

	@RpcMethod("add_floats")
	double addFloats(double a, double b);

	@RpcMethod("concatenate")
	String concatenate(String prefix, String suffix, String separator);

	@RpcMethod("with_defaults")
	String withDefaults(long required, String optionalStr, long optionalInt);

	@RpcMethod("raise_value_error")
	String raiseValueError(String message);

	@RpcMethod("raise_runtime_error")
	String raiseRuntimeError(String message);

	@RpcMethod("raise_type_error")
	String raiseTypeError(String message);

	@RpcMethod("echo_with_info_log")
	String echoWithInfoLog(String value);

	@RpcMethod("echo_with_multi_logs")
	String echoWithMultiLogs(String value);

	@RpcMethod("echo_with_log_extras")
	String echoWithLogExtras(String value);

	@RpcMethod("echo_with_all_log_levels")
	String echoWithAllLogLevels(String value);

	@RpcMethod("open_counter")
	long openCounter(long initial);

	@RpcMethod("increment_counter")
	long incrementCounter(long by);

	@RpcMethod("close_counter")
	long closeCounter();

	@RpcMethod("cancel_probe_counters")
	List<Long> cancelProbeCounters();

	@RpcMethod("reset_cancel_probe")
	void resetCancelProbe();

}
