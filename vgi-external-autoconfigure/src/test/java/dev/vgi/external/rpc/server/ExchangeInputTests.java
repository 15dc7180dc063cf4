package dev.vgi.external.rpc.server;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.method.StreamShape;
import dev.vgi.external.rpc.server.ExchangeInput.MismatchException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.DecimalVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ExchangeInput}.
 */
@NullUnmarked
class ExchangeInputTests {

	private static final ArrowType FLOAT64 = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);

	private static final ArrowType FLOAT32 = new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);

	private final BufferAllocator allocator = new RootAllocator();

	@AfterEach
	void nothingIsKept() {
		this.allocator.close();
	}

	@Test
	void theSameColumnsAreHandedOnAsTheyAre() {
		VectorSchemaRoot root = VectorSchemaRoot.create(schema(field("a", FLOAT64)), this.allocator);
		((Float8Vector) root.getVector(0)).setSafe(0, 1.5);
		root.setRowCount(1);
		long address = root.getVector(0).getDataBufferAddress();
		AnnotatedBatch batch = AnnotatedBatch.of(root)
			.withMetadata(BatchMetadata.of(MetadataKeys.STREAM_STATE, "token").with("app", "kept"));
		try (AnnotatedBatch input = convert(batch, field("a", FLOAT64))) {
			assertThat(input.root().getVector(0).getDataBufferAddress()).isEqualTo(address);
			assertThat(input.metadata()).isEqualTo(BatchMetadata.of("app", "kept"));
		}
	}

	@Test
	void columnsAreFoundByName() {
		VectorSchemaRoot root = VectorSchemaRoot.create(schema(field("b", FLOAT32), field("a", FLOAT64)),
				this.allocator);
		((Float4Vector) root.getVector("b")).setSafe(0, 2.5f);
		((Float8Vector) root.getVector("a")).setSafe(0, 1.5);
		root.setRowCount(1);
		try (AnnotatedBatch input = convert(AnnotatedBatch.of(root), field("a", FLOAT64), field("b", FLOAT64))) {
			assertThat(input.schema()).isEqualTo(schema(field("a", FLOAT64), field("b", FLOAT64)));
			assertThat(input.root().getVector(0).getObject(0)).isEqualTo(1.5);
			assertThat(input.root().getVector(1).getObject(0)).isEqualTo(2.5);
		}
	}

	@ParameterizedTest
	@CsvSource({ "8, true", "16, true", "32, true", "64, true", "8, false", "16, false", "32, false", "64, false" })
	void wholeNumbersWidenToFloats(int width, boolean signed) {
		AnnotatedBatch batch = column(new ArrowType.Int(width, signed), (vector) -> {
			((BaseIntVector) vector).setWithPossibleTruncate(0, 100);
			vector.setNull(1);
		}, 2);
		try (AnnotatedBatch input = convert(batch, field("a", FLOAT64))) {
			assertThat(input.root().getVector(0).getObject(0)).isEqualTo(100.0);
			assertThat(input.root().getVector(0).isNull(1)).isTrue();
		}
	}

	@ParameterizedTest
	@CsvSource({ "8, true, 16, true, -5", "16, true, 64, true, -300", "8, false, 16, true, 200",
			"32, false, 64, true, 4000000000", "16, false, 32, false, 65535" })
	void wholeNumbersWidenToWiderOnes(int width, boolean signed, int toWidth, boolean toSigned, long value) {
		AnnotatedBatch batch = column(new ArrowType.Int(width, signed),
				(vector) -> ((BaseIntVector) vector).setWithPossibleTruncate(0, value), 1);
		try (AnnotatedBatch input = convert(batch, field("a", new ArrowType.Int(toWidth, toSigned)))) {
			assertThat(((BaseIntVector) input.root().getVector(0)).getValueAsLong(0)).isEqualTo(value);
		}
	}

	@Test
	void textBytesAndDecimalsWiden() {
		AnnotatedBatch text = column(ArrowType.Utf8.INSTANCE,
				(vector) -> ((VarCharVector) vector).setSafe(0, "text".getBytes(StandardCharsets.UTF_8)), 1);
		try (AnnotatedBatch input = convert(text, field("a", ArrowType.LargeUtf8.INSTANCE))) {
			assertThat(input.root().getVector(0).getObject(0)).hasToString("text");
		}
		AnnotatedBatch bytes = column(ArrowType.Binary.INSTANCE,
				(vector) -> ((VarBinaryVector) vector).setSafe(0, new byte[] { 1 }), 1);
		try (AnnotatedBatch input = convert(bytes, field("a", ArrowType.LargeBinary.INSTANCE))) {
			assertThat(input.root().getVector(0).getObject(0)).isEqualTo(new byte[] { 1 });
		}
		AnnotatedBatch decimal = column(new ArrowType.Decimal(10, 2, 128),
				(vector) -> ((DecimalVector) vector).setSafe(0, new BigDecimal("12.50")), 1);
		try (AnnotatedBatch input = convert(decimal, field("a", FLOAT64))) {
			assertThat(input.root().getVector(0).getObject(0)).isEqualTo(12.5);
		}
	}

	@ParameterizedTest
	@CsvSource({ "9007199254740993, false", "-9007199254740993, false", "-1, true" })
	void aWholeNumberThatWouldChangeIsRefused(long value, boolean unsigned) {
		AnnotatedBatch batch = column(new ArrowType.Int(64, !unsigned),
				(vector) -> ((BaseIntVector) vector).setWithPossibleTruncate(0, value), 1);
		assertThatExceptionOfType(MismatchException.class).isThrownBy(() -> convert(batch, field("a", FLOAT64)))
			.withMessageContaining("exactly")
			.satisfies((ex) -> assertThat(ex.errorType()).isEqualTo("TypeError"));
	}

	@Test
	void otherColumnsAreRefused() {
		for (Field[] declared : new Field[][] { { field("b", FLOAT64) }, {},
				{ field("a", FLOAT64), field("b", FLOAT64) }, { field("a", FLOAT32) },
				{ field("a", ArrowType.Utf8.INSTANCE) }, { field("a", new ArrowType.Int(64, true)) } }) {
			// Whatever it holds, even nothing.
			for (int rows : new int[] { 0, 1 }) {
				AnnotatedBatch batch = column(FLOAT64, (vector) -> ((Float8Vector) vector).setSafe(0, 1), rows);
				assertThatExceptionOfType(MismatchException.class).isThrownBy(() -> convert(batch, declared))
					.withMessageStartingWith("Input schema mismatch");
			}
		}
	}

	@Test
	void narrowerOrUnsignedTargetsAreRefused() {
		for (ArrowType.Int to : List.of(new ArrowType.Int(32, true), new ArrowType.Int(64, false))) {
			AnnotatedBatch batch = column(new ArrowType.Int(64, true), (vector) -> vector.setNull(0), 1);
			assertThatExceptionOfType(MismatchException.class).isThrownBy(() -> convert(batch, field("a", to)));
		}
	}

	@Test
	void aNullWhereNoneIsDeclaredIsRefused() {
		Field required = new Field("a", FieldType.notNullable(FLOAT64), null);
		AnnotatedBatch batch = column(FLOAT64, (vector) -> vector.setNull(0), 1);
		assertThatExceptionOfType(MismatchException.class).isThrownBy(() -> convert(batch, required))
			.withMessageContaining("must not hold nulls");
	}

	private AnnotatedBatch convert(AnnotatedBatch batch, Field... declared) {
		try (AnnotatedBatch shape = StreamShape.empty(schema(declared), this.allocator)) {
			return new ExchangeInput(shape, this.allocator).convert(batch);
		}
	}

	private AnnotatedBatch column(ArrowType type, Consumer<FieldVector> values, int rows) {
		VectorSchemaRoot root = VectorSchemaRoot.create(schema(field("a", type)), this.allocator);
		root.getVector(0).setInitialCapacity(2);
		root.getVector(0).allocateNew();
		values.accept(root.getVector(0));
		root.setRowCount(rows);
		return AnnotatedBatch.of(root);
	}

	private static Field field(String name, ArrowType type) {
		return Field.nullable(name, type);
	}

	private static Schema schema(Field... fields) {
		return new Schema(List.of(fields));
	}

}
