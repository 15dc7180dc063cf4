package dev.vgi.external.batch.segment;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Column}, with vectors that do not have what they promise.
 */
class ColumnTests {

	private static final Field NUMBER = Field.nullable("number", RandomBatches.INT32);

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	/** Nine values each. A null keeps Arrow from making up the buffer of nulls. */
	static Stream<Sample> samples() {
		Field text = Field.nullable("text", ArrowType.Utf8.INSTANCE);
		Field large = Field.nullable("large", ArrowType.LargeUtf8.INSTANCE);
		int[] offsets = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
		return Stream.of(new Sample("numbers", NUMBER, true, new int[0], 2, 36),
				new Sample("no buffer of nulls", NUMBER, true, new int[0], 0, 36),
				new Sample("too few nulls", NUMBER, false, new int[0], 1, 36),
				new Sample("too few numbers", NUMBER, false, new int[0], 2, 35),
				new Sample("bits", Field.nullable("bits", ArrowType.Bool.INSTANCE), true, new int[0], 2, 2),
				new Sample("too few bits", Field.nullable("bits", ArrowType.Bool.INSTANCE), false, new int[0], 2, 1),
				new Sample("texts", text, true, offsets, 2, 9), new Sample("large texts", large, true, offsets, 2, 9),
				new Sample("texts that end before they begin", text, false, new int[] { 9, 9, 9, 9, 9, 9, 9, 9, 9, 8 },
						2, 9),
				new Sample("texts before the first byte", text, false, new int[] { -1, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 2,
						9),
				new Sample("texts behind the last byte", text, false, offsets, 2, 8));
	}

	@ParameterizedTest
	@MethodSource("samples")
	void whatIsNotThereIsNotPlanned(Sample sample) {
		try (FieldVector vector = sample.vector(this.allocator)) {
			Column column = Objects.requireNonNull(Column.of(sample.field()));
			assertThat(column.plan(vector)).isEqualTo(sample.complete());
		}
	}

	@ParameterizedTest
	@CsvSource({ "9, 8, true", "8, 8, false", "9, 7, false" })
	void elementsThatAreNotThereAreNotPlanned(int elements, int offsetBytes, boolean complete) {
		Field field = RandomBatches.list("lists", ArrowType.List.INSTANCE, NUMBER);
		try (FieldVector lists = field.createVector(this.allocator);
				FieldVector numbers = new Sample("", NUMBER, true, new int[0], 2, 36).vector(this.allocator);
				ArrowBuf nulls = this.allocator.buffer(1);
				ArrowBuf offsets = this.allocator.buffer(8)) {
			offsets.setInt(0, 0);
			offsets.setInt(4, 9);
			nulls.setByte(0, 1);
			lists.loadFieldBuffers(new ArrowFieldNode(1, 0), List.of(nulls.slice(0, 1), offsets.slice(0, offsetBytes)));
			lists.getChildrenFromFields()
				.get(0)
				.loadFieldBuffers(new ArrowFieldNode(elements, 1), numbers.getFieldBuffers());
			assertThat(Objects.requireNonNull(Column.of(field)).plan(lists)).isEqualTo(complete);
		}
	}

	@Test
	void moreValuesThanAVectorHasAreNotPlanned() {
		Field field = Field.nullable("nothing", ArrowType.Null.INSTANCE);
		try (NullVector values = new NullVector("nothing", Integer.MAX_VALUE);
				NullVector one = new NullVector("nothing", 1)) {
			Column column = Objects.requireNonNull(Column.of(field));
			assertThat(column.plan(values)).isTrue();
			assertThat(column.plan(one)).isFalse();
		}
	}

	@Test
	void moreTextThanAVectorHasIsNotPlanned() {
		Field field = Field.nullable("text", ArrowType.Utf8.INSTANCE);
		// Two values: none, and all of it. The memory is never touched.
		try (FieldVector texts = new Sample("", field, true, new int[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, Integer.MAX_VALUE },
				2, Integer.MAX_VALUE)
			.vector(this.allocator);
				FieldVector one = new Sample("", field, true, new int[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 2, 1)
					.vector(this.allocator)) {
			Column column = Objects.requireNonNull(Column.of(field));
			assertThat(column.plan(texts)).isTrue();
			assertThat(column.plan(one)).isFalse();
		}
	}

	@Test
	void valuesWithoutABufferOfNullsAreThere() {
		try (FieldVector some = new Sample("", NUMBER, true, new int[0], 2, 36).vector(this.allocator);
				FieldVector all = new Sample("", NUMBER, true, new int[0], 0, 36).vector(this.allocator)) {
			Column column = Objects.requireNonNull(Column.of(NUMBER));
			assertThat(column.plan(some) && column.plan(all)).isTrue();
			List<Column.Growing> buffers = new ArrayList<>();
			column.collect(buffers);
			buffers.forEach((buffer) -> buffer.moveTo(this.allocator.buffer(buffer.wanted(1))));
			column.append(some);
			column.append(all);
			try (FieldVector vector = column.toVector(NUMBER, this.allocator)) {
				assertThat(vector.getValueCount()).isEqualTo(18);
				for (int i = 0; i < 18; i++) {
					assertThat(vector.isNull(i)).as("value %s", i).isEqualTo(i == 8);
				}
			}
			buffers.forEach(Column.Growing::release);
		}
	}

	/**
	 * A vector of nine values, the last of which is null.
	 *
	 * @param name its name
	 * @param field its field
	 * @param complete whether everything is there
	 * @param offsets its offsets, if it has any
	 * @param nullBytes length of the buffer of nulls
	 * @param valueBytes length of the buffer of values
	 */
	record Sample(String name, Field field, boolean complete, int[] offsets, int nullBytes, int valueBytes) {

		FieldVector vector(RootAllocator allocator) {
			FieldVector vector = this.field.createVector(allocator);
			int width = (this.field.getType() instanceof ArrowType.LargeUtf8) ? Long.BYTES : Integer.BYTES;
			try (ArrowBuf nulls = allocator.buffer(2);
					ArrowBuf ends = allocator.buffer(16 * Long.BYTES);
					ArrowBuf values = allocator.buffer(this.valueBytes)) {
				nulls.setByte(0, -1);
				nulls.setByte(1, 0);
				for (int i = 0; i < this.offsets.length; i++) {
					ends.setInt((long) i * width, this.offsets[i]);
					if (width == Long.BYTES) {
						ends.setInt((long) i * width + Integer.BYTES, 0);
					}
				}
				// Of no bytes, a slice would be what Arrow takes for all there.
				ArrowBuf present = (this.nullBytes > 0) ? nulls.slice(0, this.nullBytes) : allocator.getEmpty();
				ArrowBuf content = values.slice(0, this.valueBytes);
				vector.loadFieldBuffers(new ArrowFieldNode(9, 1),
						(this.offsets.length > 0)
								? List.of(present, ends.slice(0, (long) this.offsets.length * width), content)
								: List.of(present, content));
			}
			return vector;
		}

		@Override
		public String toString() {
			return this.name;
		}

	}

}
