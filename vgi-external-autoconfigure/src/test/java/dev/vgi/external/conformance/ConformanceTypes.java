package dev.vgi.external.conformance;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.ArrowField;
import dev.vgi.external.rpc.ArrowField.Type;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The records and the enum of the conformance service.
 */
public final class ConformanceTypes {

	private ConformanceTypes() {
	}

	public enum Status {

		PENDING, ACTIVE, CLOSED

	}

	public record Point(double x, double y) {

	}

	public record BoundingBox(Point topLeft, Point bottomRight, String label) {

	}

	public record AllTypes(String strField, byte[] bytesField, long intField, double floatField, boolean boolField,
			List<Long> listOfInt, List<String> listOfStr, Map<String, Long> dictField, Status enumField,
			Point nestedPoint, @Nullable String optionalStr, @Nullable Long optionalInt, @Nullable Point optionalNested,
			List<Point> listOfNested, @ArrowField(Type.INT32) int annotatedInt32,
			@ArrowField(Type.FLOAT32) float annotatedFloat32, List<List<Long>> nestedList,
			Map<String, String> dictStrStr) {

	}

	public record ConformanceHeader(long totalExpected, String description) {

	}

	public record RichHeader(String strField, byte[] bytesField, long intField, double floatField, boolean boolField,
			List<Long> listOfInt, List<String> listOfStr, Map<String, Long> dictField, Status enumField,
			Point nestedPoint, @Nullable String optionalStr, @Nullable Long optionalInt, @Nullable Point optionalNested,
			List<Point> listOfNested, List<List<Long>> nestedList, @ArrowField(Type.INT32) int annotatedInt32,
			@ArrowField(Type.FLOAT32) float annotatedFloat32, Map<String, String> dictStrStr) {

		/**
		 * Build the header that every implementation has for a seed.
		 */
		static RichHeader of(long seed) {
			Map<String, Long> numbers = new LinkedHashMap<>();
			numbers.put("a", seed);
			numbers.put("b", seed + 1);
			boolean even = Math.floorMod(seed, 2) == 0;
			boolean third = Math.floorMod(seed, 3) == 0;
			return new RichHeader("seed-" + seed, new byte[] { (byte) seed, (byte) (seed + 1), (byte) (seed + 2) },
					seed * 7, seed * 1.5, even, List.of(seed, seed + 1, seed + 2),
					List.of("item-" + seed, "item-" + (seed + 1)), numbers,
					Status.values()[(int) Math.floorMod(seed, 3)], new Point(seed, seed * 2),
					even ? "opt-" + seed : null, even ? null : seed * 3, third ? new Point(seed, 0) : null,
					List.of(new Point(seed, seed + 1)), List.of(List.of(seed, seed + 1), List.of(seed + 2)),
					(int) (seed % 1000), (float) (seed / 3.0), Map.of("key", "val-" + seed));
		}

	}

	public record WideTypes(@ArrowField(Type.INT8) byte int8Field, @ArrowField(Type.INT16) short int16Field,
			@ArrowField(Type.INT32) int int32Field, @ArrowField(Type.UINT8) int uint8Field,
			@ArrowField(Type.UINT16) int uint16Field, @ArrowField(Type.UINT32) long uint32Field,
			@ArrowField(Type.UINT64) BigInteger uint64Field, @ArrowField(Type.FLOAT32) float float32Field,
			LocalDate dateField, LocalDateTime timestampField, Instant timestampUtcField, LocalTime timeField,
			Duration durationField, BigDecimal decimalField, @ArrowField(Type.LARGE_UTF8) String largeStringField,
			@ArrowField(Type.LARGE_BINARY) byte[] largeBinaryField,
			@ArrowField(value = Type.FIXED_SIZE_BINARY, width = 8) byte[] fixedBinaryField) {

	}

	public record ContainerWideTypes(List<BigDecimal> listDecimal, List<LocalDate> listDate,
			List<LocalDateTime> listTimestamp, @Nullable LocalDate optionalDate, @Nullable BigDecimal optionalDecimal,
			@Nullable LocalDateTime optionalTimestamp, Map<String, BigDecimal> dictStrDecimal, Set<Long> frozensetInt,
			List<@Nullable Long> listOptionalInt) {

	}

	public record DeepNested(List<List<BigDecimal>> listOfListsDecimal, @Nullable List<LocalDate> optionalListDate,
			@ArrowField(Type.DICTIONARY) String dictEncodedString,
			List<@ArrowField(Type.DICTIONARY) String> listOfDictEncoded) {

	}

	public record EmbeddedArrow(AnnotatedBatch batch, Schema schema) {

	}

	public record NestedContainers(List<Status> statuses, List<Point> points, Map<String, Status> statusByName,
			Set<Status> frozenStatuses, @Nullable Status taggedStatus, @Nullable Point taggedPoint,
			@Nullable AnnotatedBatch taggedBatch) {

	}

}
