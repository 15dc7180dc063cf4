package dev.vgi.external.rpc.mapping;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;

import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.BaseLargeVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthVector;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.DateDayVector;
import org.apache.arrow.vector.DecimalVector;
import org.apache.arrow.vector.DurationVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.FixedSizeBinaryVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.FloatingPointVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarBinaryVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.TimeMicroVector;
import org.apache.arrow.vector.TimeStampMicroTZVector;
import org.apache.arrow.vector.TimeStampMicroVector;
import org.apache.arrow.vector.TimeStampVector;
import org.apache.arrow.vector.TinyIntVector;
import org.apache.arrow.vector.UInt1Vector;
import org.apache.arrow.vector.UInt2Vector;
import org.apache.arrow.vector.UInt4Vector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;

/**
 * Values without parts: numbers, text, bytes, dates and times. Times have a resolution of
 * microseconds; finer parts are truncated.
 *
 * @param <V> the vector
 * @param <T> the Java type
 */
final class ScalarMapping<V extends FieldVector, T> extends ValueMapping {

	private static final BigInteger MAX_UINT64 = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

	private final Class<V> vectorType;

	private final Class<T> javaType;

	private final Writer<V, T> writer;

	private final Reader<V, T> reader;

	private ScalarMapping(ArrowType type, Class<V> vectorType, Class<T> javaType, Writer<V, T> writer,
			Reader<V, T> reader) {
		super(type, vectorType);
		this.vectorType = vectorType;
		this.javaType = javaType;
		this.writer = writer;
		this.reader = reader;
	}

	@Override
	void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
		this.writer.write(this.vectorType.cast(vector), index, this.javaType.cast(value));
	}

	@Override
	Object readPresent(FieldVector vector, int index, RowReading reading) {
		return this.reader.read(this.vectorType.cast(vector), index);
	}

	@Override
	void chargeHeap(FieldVector vector, int index, HeapMeter heap) {
		if (vector instanceof BaseVariableWidthVector texts) {
			heap.chargeText(texts.getValueLength(index));
		}
		else if (vector instanceof BaseLargeVariableWidthVector texts) {
			heap.chargeText(texts.getValueLength(index));
		}
		else if (vector instanceof FixedSizeBinaryVector bytes) {
			heap.chargeText(bytes.getByteWidth());
		}
		else {
			super.chargeHeap(vector, index, heap);
		}
	}

	static ValueMapping bool() {
		return new ScalarMapping<>(ArrowType.Bool.INSTANCE, BitVector.class, Boolean.class,
				(vector, index, value) -> vector.setSafe(index, value ? 1 : 0),
				(vector, index) -> vector.get(index) == 1);
	}

	/**
	 * Map a whole number.
	 * @param bits 8, 16, 32 or 64
	 * @param signed whether the Arrow type is signed
	 * @param javaType the boxed primitive type or {@code BigInteger}
	 * @return the mapping
	 */
	static ValueMapping integer(int bits, boolean signed, Class<? extends Number> javaType) {
		Class<? extends FieldVector> vectorType = switch (bits) {
			case 8 -> signed ? TinyIntVector.class : UInt1Vector.class;
			case 16 -> signed ? SmallIntVector.class : UInt2Vector.class;
			case 32 -> signed ? IntVector.class : UInt4Vector.class;
			default -> signed ? BigIntVector.class : UInt8Vector.class;
		};
		return integer(new ArrowType.Int(bits, signed), vectorType, javaType);
	}

	private static <V extends FieldVector, T extends Number> ValueMapping integer(ArrowType.Int type,
			Class<V> vectorType, Class<T> javaType) {
		boolean unsigned = !type.getIsSigned();
		int bits = type.getBitWidth();
		BigInteger maximum = unsigned ? MAX_UINT64.shiftRight(64 - bits) : MAX_UINT64.shiftRight(65 - bits);
		BigInteger minimum = unsigned ? BigInteger.ZERO : maximum.not();
		return new ScalarMapping<>(type, vectorType, javaType, (vector, index, value) -> {
			BigInteger exact = (value instanceof BigInteger big) ? big : BigInteger.valueOf(value.longValue());
			if (exact.compareTo(minimum) < 0 || exact.compareTo(maximum) > 0) {
				throw new IllegalArgumentException(exact + " does not fit " + (unsigned ? "uint" : "int") + bits);
			}
			((BaseIntVector) vector).setWithPossibleTruncate(index, exact.longValue());
		}, (vector, index) -> {
			long raw = ((BaseIntVector) vector).getValueAsLong(index);
			BigInteger exact = BigInteger.valueOf(raw);
			return narrow((unsigned && bits == 64) ? exact.and(MAX_UINT64) : exact, javaType);
		});
	}

	private static <T extends Number> T narrow(BigInteger value, Class<T> javaType) {
		try {
			Number narrowed;
			if (javaType == Long.class) {
				narrowed = value.longValueExact();
			}
			else if (javaType == Integer.class) {
				narrowed = value.intValueExact();
			}
			else if (javaType == Short.class) {
				narrowed = value.shortValueExact();
			}
			else if (javaType == Byte.class) {
				narrowed = value.byteValueExact();
			}
			else {
				narrowed = value;
			}
			return javaType.cast(narrowed);
		}
		catch (ArithmeticException ex) {
			throw mismatch(value + " does not fit " + javaType.getSimpleName());
		}
	}

	static ValueMapping float64(boolean javaFloat) {
		return floating(new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE), Float8Vector.class, javaFloat);
	}

	static ValueMapping float32(boolean javaFloat) {
		return floating(new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE), Float4Vector.class, javaFloat);
	}

	private static <V extends FieldVector> ValueMapping floating(ArrowType type, Class<V> vectorType,
			boolean javaFloat) {
		return new ScalarMapping<>(type, vectorType, Number.class, (vector, index,
				value) -> ((FloatingPointVector) vector).setSafeWithPossibleTruncate(index, value.doubleValue()),
				(vector, index) -> {
					double value = ((FloatingPointVector) vector).getValueAsDouble(index);
					return javaFloat ? (Number) (float) value : (Number) value;
				});
	}

	static ValueMapping decimal(int precision, int scale) {
		return new ScalarMapping<>(new ArrowType.Decimal(precision, scale, 128), DecimalVector.class, BigDecimal.class,
				(vector, index, value) -> vector.setSafe(index, fit(value, precision, scale)), (vector, index) -> {
					try {
						// Inside of a record, a peer may declare another scale.
						return fit(vector.getObject(index), precision, scale);
					}
					catch (IllegalArgumentException ex) {
						throw mismatch(String.valueOf(ex.getMessage()));
					}
				});
	}

	private static BigDecimal fit(BigDecimal value, int precision, int scale) {
		// To set a scale takes as much memory as the result has digits.
		BigDecimal exact = value.stripTrailingZeros();
		if (exact.scale() <= scale && (long) exact.precision() - exact.scale() <= precision - scale) {
			return exact.setScale(scale);
		}
		throw new IllegalArgumentException(value + " does not fit decimal128(" + precision + ", " + scale + ")");
	}

	static ValueMapping utf8() {
		return new ScalarMapping<>(ArrowType.Utf8.INSTANCE, VarCharVector.class, String.class,
				(vector, index, value) -> vector.setSafe(index, requireUnicode(value).getBytes(StandardCharsets.UTF_8)),
				(vector, index) -> text(vector.get(index)));
	}

	static ValueMapping largeUtf8() {
		return new ScalarMapping<>(ArrowType.LargeUtf8.INSTANCE, LargeVarCharVector.class, String.class,
				(vector, index, value) -> vector.setSafe(index, requireUnicode(value).getBytes(StandardCharsets.UTF_8)),
				(vector, index) -> text(vector.get(index)));
	}

	static ValueMapping binary() {
		return new ScalarMapping<>(ArrowType.Binary.INSTANCE, VarBinaryVector.class, byte[].class,
				(vector, index, value) -> vector.setSafe(index, value), VarBinaryVector::get);
	}

	static ValueMapping largeBinary() {
		return new ScalarMapping<>(ArrowType.LargeBinary.INSTANCE, LargeVarBinaryVector.class, byte[].class,
				(vector, index, value) -> vector.setSafe(index, value), LargeVarBinaryVector::get);
	}

	static ValueMapping fixedSizeBinary(int width) {
		return new ScalarMapping<>(new ArrowType.FixedSizeBinary(width), FixedSizeBinaryVector.class, byte[].class,
				(vector, index, value) -> {
					if (value.length != width) {
						throw new IllegalArgumentException("must have " + width + " bytes, not " + value.length);
					}
					vector.setSafe(index, value);
				}, (vector, index) -> {
					if (vector.getByteWidth() != width) {
						throw mismatch("must have " + width + " bytes, not " + vector.getByteWidth());
					}
					return vector.get(index);
				});
	}

	static ValueMapping date() {
		return new ScalarMapping<>(new ArrowType.Date(DateUnit.DAY), DateDayVector.class, LocalDate.class,
				(vector, index, value) -> vector.setSafe(index, Math.toIntExact(value.toEpochDay())),
				(vector, index) -> LocalDate.ofEpochDay(vector.get(index)));
	}

	static ValueMapping timestamp() {
		return new ScalarMapping<>(new ArrowType.Timestamp(TimeUnit.MICROSECOND, null), TimeStampMicroVector.class,
				LocalDateTime.class,
				(vector, index, value) -> vector.setSafe(index, micros(value.toInstant(ZoneOffset.UTC))),
				(vector, index) -> LocalDateTime.ofInstant(instant(vector, index), ZoneOffset.UTC));
	}

	static ValueMapping timestampUtc() {
		return new ScalarMapping<>(new ArrowType.Timestamp(TimeUnit.MICROSECOND, "UTC"), TimeStampMicroTZVector.class,
				Instant.class, (vector, index, value) -> vector.setSafe(index, micros(value)), ScalarMapping::instant);
	}

	static ValueMapping time() {
		return new ScalarMapping<>(new ArrowType.Time(TimeUnit.MICROSECOND, 64), TimeMicroVector.class, LocalTime.class,
				(vector, index, value) -> vector.setSafe(index, value.toNanoOfDay() / 1000), (vector, index) -> {
					long micros = vector.get(index);
					if (micros < 0 || micros >= Duration.ofDays(1).toSeconds() * 1_000_000) {
						throw mismatch(micros + " microseconds are no time of day");
					}
					return LocalTime.ofNanoOfDay(micros * 1000);
				});
	}

	static ValueMapping duration() {
		return new ScalarMapping<>(new ArrowType.Duration(TimeUnit.MICROSECOND), DurationVector.class, Duration.class,
				(vector, index, value) -> vector.setSafe(index,
						Math.addExact(Math.multiplyExact(value.getSeconds(), 1_000_000L), value.getNano() / 1000)),
				(vector, index) -> Duration.of(DurationVector.get(vector.getDataBuffer(), index), ChronoUnit.MICROS));
	}

	private static long micros(Instant instant) {
		return Math.addExact(Math.multiplyExact(instant.getEpochSecond(), 1_000_000L), instant.getNano() / 1000);
	}

	private static Instant instant(TimeStampVector vector, int index) {
		return Instant.EPOCH.plus(vector.get(index), ChronoUnit.MICROS);
	}

	@FunctionalInterface
	private interface Writer<V, T> {

		void write(V vector, int index, T value);

	}

	@FunctionalInterface
	private interface Reader<V, T> {

		T read(V vector, int index);

	}

}
