package dev.vgi.external.batch.segment;

import java.nio.charset.StandardCharsets;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.SampleBatches;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.FixedSizeBinaryVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link VectorMemory}.
 */
class VectorMemoryTests {

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(ints = { 5, 4096, 8192, 8193 })
	void wideValuesAreComparedWhole(int width) {
		Field field = Field.nullable("wide", new ArrowType.FixedSizeBinary(width));
		byte[] value = new byte[width];
		try (FixedSizeBinaryVector one = (FixedSizeBinaryVector) field.createVector(this.allocator)) {
			one.setSafe(0, value);
			one.setValueCount(1);
			try (FieldVector copy = VectorMemory.copy(field, one, this.allocator)) {
				assertThat(VectorMemory.startsWith(field, one, copy)).isTrue();
				value[width - 1] = 1;
				one.set(0, value);
				assertThat(VectorMemory.startsWith(field, one, copy)).isFalse();
			}
		}
	}

	@Test
	void listsOfOtherViewsDiffer() {
		Field field = RandomBatches.list("lists", new ArrowType.List(),
				Field.nullable("item", new ArrowType.Utf8View()));
		try (ListVector first = (ListVector) field.createVector(this.allocator);
				ListVector second = (ListVector) field.createVector(this.allocator)) {
			for (ListVector lists : List.of(first, second)) {
				ViewVarCharVector texts = (ViewVarCharVector) lists.getDataVector();
				lists.startNewValue(0);
				texts.setSafe(0, "a".getBytes(StandardCharsets.UTF_8));
				texts.setSafe(1, "b".getBytes(StandardCharsets.UTF_8));
				lists.endValue(0, 1);
				lists.setValueCount(1);
				texts.setValueCount(2);
			}
			assertThat(VectorMemory.startsWith(field, first, second)).isTrue();
			second.getOffsetBuffer().setInt(0, 1);
			second.getOffsetBuffer().setInt(4, 2);
			assertThat(second.getObject(0)).asString().isEqualTo("[\"b\"]");
			assertThat(VectorMemory.startsWith(field, first, second)).isFalse();
		}
	}

	@Test
	void listsWithoutElementsHaveNoneToCompare() {
		Field field = RandomBatches.list("lists", new ArrowType.FixedSizeList(0),
				Field.nullable("item", RandomBatches.INT32));
		try (FixedSizeListVector lists = (FixedSizeListVector) field.createVector(this.allocator)) {
			lists.setValueCount(3);
			lists.setNotNull(0);
			try (FieldVector copy = VectorMemory.copy(field, lists, this.allocator)) {
				assertThat(VectorMemory.startsWith(field, lists, copy)).isTrue();
			}
			Column column = Column.of(field);
			assertThat(column).isNotNull();
			assertThat(column.plan(lists)).isTrue();
		}
	}

	@Test
	void nullsAreCompared() {
		Field field = Field.nullable("numbers", RandomBatches.INT32);
		try (IntVector one = (IntVector) field.createVector(this.allocator)) {
			one.allocateNew(9);
			one.zeroVector();
			one.set(8, 0);
			one.setValueCount(9);
			try (FieldVector copy = VectorMemory.copy(field, one, this.allocator)) {
				assertThat(VectorMemory.startsWith(field, one, copy)).isTrue();
				one.setNull(8);
				assertThat(VectorMemory.startsWith(field, one, copy)).isFalse();
			}
		}
	}

	@Test
	void viewsAreComparedByTheirBytes() {
		Field field = Field.nullable("views", new ArrowType.Utf8View());
		try (FieldVector one = views("inline", "a text that is too long for a view");
				FieldVector same = views("inline", "a text that is too long for a view");
				FieldVector other = views("inline", "a text that is too long for a View");
				FieldVector inline = views("inlinf", "a text that is too long for a view");
				FieldVector fewerBuffers = views("inline", "short");
				FieldVector longer = views("inline", "a text that is too long for a view", "")) {
			assertThat(VectorMemory.startsWith(field, one, same)).isTrue();
			for (FieldVector different : List.of(other, inline, fewerBuffers, longer)) {
				assertThat(VectorMemory.startsWith(field, different, one)).isFalse();
			}
		}
	}

	private FieldVector views(String... texts) {
		ViewVarCharVector vector = new ViewVarCharVector("views", this.allocator);
		vector.allocateNew();
		for (int i = 0; i < texts.length; i++) {
			vector.setSafe(i, texts[i].getBytes(StandardCharsets.UTF_8));
		}
		vector.setValueCount(texts.length);
		return vector;
	}

	@Test
	void runsAreComparedWithTheirChildren() {
		try (AnnotatedBatch one = SampleBatches.runs(this.allocator);
				AnnotatedBatch other = SampleBatches.runs(this.allocator)) {
			Field field = one.schema().getFields().get(0);
			FieldVector changed = other.root().getVector(0);
			assertThat(VectorMemory.startsWith(field, one.root().getVector(0), changed)).isTrue();
			for (FieldVector child : changed.getChildrenFromFields()) {
				ArrowBuf buffer = child.getFieldBuffers().get(child.getFieldBuffers().size() - 1);
				buffer.setByte(0, buffer.getByte(0) ^ 1);
				assertThat(VectorMemory.startsWith(field, one.root().getVector(0), changed)).isFalse();
				buffer.setByte(0, buffer.getByte(0) ^ 1);
			}
		}
	}

	@Test
	void sizeIsThatOfAllBuffersAtEveryDepth() {
		try (VectorSchemaRoot structs = VectorSchemaRoot.create(
				new Schema(List.of(new Field("struct", FieldType.nullable(ArrowType.Struct.INSTANCE),
						List.of(Field.nullable("a", RandomBatches.INT32), Field.nullable("b", RandomBatches.INT32))))),
				this.allocator)) {
			structs.allocateNew();
			structs.setRowCount(16);
			assertThat(VectorMemory.size(structs.getFieldVectors())).isEqualTo(2 + 2 * (2 + 64));
			assertThat(VectorMemory.size(List.of())).isZero();
		}
	}

}
