package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

import com.google.flatbuffers.FlatBufferBuilder;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link BatchLoader} and {@link BatchBuffers}: columns of every kind that just
 * have all they need, and that lack the last bit of it.
 */
class LoadedColumnsTests {

	private static final byte[] NONE = {};

	private static final byte[] ALL = { -1 };

	private static final Field NUMBER = Field.nullable("c", SampleBatches.INT32);

	private static final Field BITS = Field.nullable("c", ArrowType.Bool.INSTANCE);

	private static final Field TEXT = Field.nullable("c", ArrowType.Utf8.INSTANCE);

	private static final Field LARGE_TEXT = Field.nullable("c", ArrowType.LargeUtf8.INSTANCE);

	private static final Field VIEW = Field.nullable("c", ArrowType.Utf8View.INSTANCE);

	private static final Field LIST = of(ArrowType.List.INSTANCE, number("item"));

	private static final Field LARGE_LIST = of(ArrowType.LargeList.INSTANCE, number("item"));

	private static final Field LIST_VIEW = of(ArrowType.ListView.INSTANCE, number("item"));

	private static final Field LARGE_LIST_VIEW = of(ArrowType.LargeListView.INSTANCE, number("item"));

	private static final Field PAIRS = of(new ArrowType.FixedSizeList(2), number("item"));

	private static final Field STRUCT = of(ArrowType.Struct.INSTANCE, number("a"), number("b"));

	private static final Field SPARSE = of(new ArrowType.Union(UnionMode.Sparse, new int[] { 3, 5 }), number("a"),
			Field.nullable("b", ArrowType.Bool.INSTANCE));

	private static final Field DENSE = of(new ArrowType.Union(UnionMode.Dense, new int[] { 3, 5 }), number("a"),
			Field.nullable("b", ArrowType.Bool.INSTANCE));

	private static final Field SPARSE_FROM_0 = of(new ArrowType.Union(UnionMode.Sparse, new int[] { 0, 1 }),
			number("a"), Field.nullable("b", ArrowType.Bool.INSTANCE));

	private static final Field DENSE_FROM_0 = of(new ArrowType.Union(UnionMode.Dense, new int[] { 0, 127 }),
			number("a"), Field.nullable("b", ArrowType.Bool.INSTANCE));

	private static final Field RUNS = new Field("c", FieldType.notNullable(ArrowType.RunEndEncoded.INSTANCE),
			List.of(Field.notNullable("run_ends", SampleBatches.INT32), number("values")));

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	static List<Column> complete() {
		return List.of(column(NUMBER, 3, values("0", "0", "0"), nodes(3, 0), NONE, new byte[12]),
				column(NUMBER, 2, values("7", "-1"), nodes(2, 0), ALL, ints(7, -1)),
				column(NUMBER, 2, values("null", "8"), nodes(2, 1), bytes(2), ints(7, 8)),
				column(NUMBER, 2, values("null", "null"), nodes(2, 2), NONE, ints(7, 8)),
				column(NUMBER, 0, values(), nodes(0, 0), NONE, NONE), column(NUMBER, 8, nodes(8, 0), ALL, new byte[32]),
				column(BITS, 8, nodes(8, 0), ALL, bytes(1)),
				column(TEXT, 2, values("a", "bc"), nodes(2, 0), NONE, ints(0, 1, 3), text("abc")),
				column(TEXT, 2, values("", "bc"), nodes(2, 0), NONE, ints(1, 1, 3), text("abc")),
				column(TEXT, 2, values("", ""), nodes(2, 0), NONE, ints(0, 0, 0), NONE),
				column(TEXT, 0, values(), nodes(0, 0), NONE, NONE, NONE),
				column(TEXT, 0, values(), nodes(0, 0), NONE, bytes(1, 2, 3), NONE),
				column(TEXT, 0, values(), nodes(0, 0), NONE, ints(0, 9), NONE),
				column(TEXT, 0, values(), nodes(0, 0), NONE, ints(3), text("abc")),
				column(LARGE_TEXT, 2, values("a", "bc"), nodes(2, 0), NONE, longs(0, 1, 3), text("abc")),
				column(LARGE_TEXT, 0, values(), nodes(0, 0), NONE, NONE, NONE),
				column(LARGE_TEXT, 0, values(), nodes(0, 0), NONE, ints(-1), NONE),
				column(LARGE_TEXT, 0, values(), nodes(0, 0), NONE, longs(3), text("abc")),
				column(LIST, 2, values("[7]", "[8,9]"), nodes(2, 0, 3, 0), NONE, ints(0, 1, 3), NONE, ints(7, 8, 9)),
				column(LIST, 0, values(), nodes(0, 0, 0, 0), NONE, NONE, NONE, NONE),
				column(LARGE_LIST, 2, values("[7]", "[8,9]"), nodes(2, 0, 3, 0), NONE, longs(0, 1, 3), NONE,
						ints(7, 8, 9)),
				column(LIST_VIEW, 2, values("[8,9]", "[7]"), nodes(2, 0, 3, 0), ALL, ints(1, 0), ints(2, 1), NONE,
						ints(7, 8, 9)),
				column(LIST_VIEW, 2, values("null", "[]"), nodes(2, 1, 3, 0), bytes(2), ints(-9, 3), ints(2, 0), NONE,
						ints(7, 8, 9)),
				column(LIST_VIEW, 2, values("[7]", "null"), nodes(2, 1, 1, 0), bytes(1), ints(0, 3), ints(1, -2), NONE,
						ints(7)),
				column(LARGE_LIST_VIEW, 2, values("[8,9]", "[7]"), nodes(2, 0, 3, 0), ALL, longs(1, 0), longs(2, 1),
						NONE, ints(7, 8, 9)),
				column(PAIRS, 1, values("[7,8]"), nodes(1, 0, 2, 0), NONE, NONE, ints(7, 8)),
				column(PAIRS, 0, values(), nodes(0, 0, 0, 0), NONE, NONE, NONE),
				column(STRUCT, 1, values("{\"a\":7,\"b\":8}"), nodes(1, 0, 1, 0, 1, 0), NONE, NONE, ints(7), NONE,
						ints(8)),
				column(SPARSE, 2, nodes(2, 0, 2, 0, 2, 0), bytes(3, 5), NONE, ints(7, 8), NONE, bytes(2)),
				column(DENSE, 2, values("7", "true"), nodes(2, 0, 1, 0, 1, 0), bytes(3, 5), ints(0, 0), NONE, ints(7),
						NONE, bytes(1)),
				column(SPARSE_FROM_0, 2, nodes(2, 0, 2, 0, 2, 0), bytes(0, 1), NONE, ints(7, 8), NONE, bytes(2)),
				column(DENSE_FROM_0, 2, values("7", "true"), nodes(2, 0, 1, 0, 1, 0), bytes(0, 127), ints(0, 0), NONE,
						ints(7), NONE, bytes(1)),
				column(RUNS, 3, values("7", "8", "8"), nodes(3, 0, 2, 0, 2, 0), NONE, ints(1, 3), NONE, ints(7, 8)),
				column(RUNS, 3, values("7", "7", "8"), nodes(3, 0, 2, 0, 3, 0), NONE, ints(2, 4), NONE, ints(7, 8, 9)),
				column(RUNS, 0, values(), nodes(0, 0, 0, 0, 0, 0), NONE, NONE, NONE, NONE),
				column(VIEW, 1, values("twelve bytes"), nodes(1, 0), ALL, view(12, text("twelve bytes"))).variadic(0),
				column(VIEW, 1, values(""), nodes(1, 0), ALL, view(0, new byte[12])).variadic(0),
				column(VIEW, 1, values("thirteen text"), nodes(1, 0), ALL, view(13, ints(0, 0, 1)),
						text("_thirteen text"))
					.variadic(1),
				column(VIEW, 1, values("thirteen text"), nodes(1, 0), ALL, view(13, ints(0, 1, 0)), NONE,
						text("thirteen text"))
					.variadic(2),
				column(VIEW, 2, values("", "null"), nodes(2, 1), bytes(1),
						join(view(0, new byte[12]), view(13, ints(0, 9, -9))))
					.variadic(0),
				column(VIEW, 2, values("", "null"), nodes(2, 1), bytes(1),
						join(view(0, new byte[12]), view(-1, ints(0, 0, 0))))
					.variadic(0));
	}

	@ParameterizedTest
	@MethodSource
	void complete(Column column) {
		byte[] stream = column.stream();
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(stream), stream.length,
				this.allocator)) {
			reader.nextStream();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(batch.rowCount()).isEqualTo(column.rows);
				List<Object> values = SampleBatches.values(batch);
				if (column.values != null) {
					assertThat(values).containsExactly(column.values);
				}
				assertThat(SampleBatches.bytes(IpcStreamWriter.gather(reader.schema(), List.of(batch)))).isNotEmpty();
			}
			assertThat(reader.next()).isNull();
		}
	}

	static List<Column> incomplete() {
		String few = "Column 'c' has too few values";
		String shorter = "is shorter than its parent needs";
		String backwards = "Column 'c' has offsets that go backwards";
		String beyond = "Column 'c' has offsets beyond its data";
		String outside = "Column 'c' has a view outside its values";
		String view = "Column 'c' has a view outside its buffers";
		String type = "Column 'c' has an unknown type id";
		String more = "The record batch has more nodes or buffers than its schema";
		return List.of(
				column(Field.nullable("c", new ArrowType.FixedSizeBinary(-1)), 1,
						"Column 'c' has values without a width", nodes(1, 0), NONE, NONE),
				column(SPARSE, 2, type, nodes(2, 0, 2, 0, 2, 0), bytes(3, 2), NONE, ints(7, 8), NONE, bytes(2)),
				column(DENSE, 2, type, nodes(2, 0, 2, 0, 2, 0), bytes(3, 2), ints(0, 0), NONE, ints(7, 8), NONE,
						bytes(2)),
				column(NUMBER, 3, few, nodes(3, 0), NONE, new byte[11]),
				column(NUMBER, 9, "Column 'c' has too few validity bits", nodes(9, 0), ALL, new byte[36]),
				column(NUMBER, 2, "has more nulls than values", nodes(2, 3), ALL, ints(7, 8)),
				column(NUMBER, 2, "has nulls but does not say where", nodes(2, 1), NONE, ints(7, 8)),
				column(NUMBER, 2, "Column 'c' has 3 values in a batch of 2 rows", nodes(3, 0), NONE, ints(7, 8, 9)),
				column(NUMBER, -1, "The record batch declares -1 values", nodes(0, 0), NONE, NONE),
				column(NUMBER, 1L << 31, "The record batch declares 2147483648 values", nodes(0, 0), NONE, NONE),
				column(NUMBER, 0, "Column 'c' declares -1 values", nodes(-1, 0), NONE, NONE),
				column(NUMBER, 0, "Column 'c' declares 2147483648 values", nodes(1L << 31, 0), NONE, NONE),
				column(NUMBER, 1, "fewer nodes than its schema", nodes(), NONE, ints(7)),
				column(NUMBER, 1, "fewer buffers than its schema", nodes(1, 0), NONE),
				column(NUMBER, 1, more, nodes(1, 0, 1, 0), NONE, ints(7)),
				column(NUMBER, 1, more, nodes(1, 0), NONE, ints(7), NONE),
				column(NUMBER, 1, more, nodes(1, 0), NONE, ints(7)).variadic(0),
				column(BITS, 9, few, nodes(9, 0), NONE, bytes(1)), column(BITS, 1, few, nodes(1, 0), NONE, NONE),
				column(TEXT, 2, few, nodes(2, 0), NONE, Arrays.copyOf(ints(0, 1, 3), 11), text("abc")),
				column(TEXT, 2, beyond, nodes(2, 0), NONE, ints(0, 1, 3), text("ab")),
				column(TEXT, 2, backwards, nodes(2, 0), NONE, ints(0, 2, 1), text("abc")),
				column(TEXT, 2, backwards, nodes(2, 0), NONE, ints(-1, 2, 3), text("abc")),
				column(TEXT, 2, backwards, nodes(2, 0), NONE, ints(0, 0, -1), text("abc")),
				column(TEXT, 0, "Column 'c' has a negative offset", nodes(0, 0), NONE, ints(-1), NONE),
				column(TEXT, 0, beyond, nodes(0, 0), NONE, ints(1), NONE),
				column(LARGE_TEXT, 2, few, nodes(2, 0), NONE, Arrays.copyOf(longs(0, 1, 3), 23), text("abc")),
				column(LARGE_TEXT, 2, beyond, nodes(2, 0), NONE, longs(0, 1, 3), text("ab")),
				column(LARGE_TEXT, 2, backwards, nodes(2, 0), NONE, longs(0, 2, 1), text("abc")),
				column(LARGE_TEXT, 2, backwards, nodes(2, 0), NONE, longs(-1, 2, 3), text("abc")),
				column(LARGE_TEXT, 0, "has a negative offset", nodes(0, 0), NONE, longs(-1), NONE),
				column(LARGE_TEXT, 0, beyond, nodes(0, 0), NONE, longs(1L << 32), NONE),
				column(LIST, 2, "Column 'item' " + shorter, nodes(2, 0, 2, 0), NONE, ints(0, 1, 3), NONE, ints(7, 8)),
				column(LIST, 0, shorter, nodes(0, 0, 0, 0), NONE, ints(1), NONE, NONE),
				column(LARGE_LIST, 2, shorter, nodes(2, 0, 2, 0), NONE, longs(0, 1, 3), NONE, ints(7, 8)),
				column(LIST_VIEW, 2, shorter, nodes(2, 0, 2, 0), ALL, ints(1, 0), ints(2, 1), NONE, ints(7, 8)),
				column(LIST_VIEW, 1, outside, nodes(1, 0, 2, 0), ALL, ints(-1), ints(1), NONE, ints(7, 8)),
				column(LIST_VIEW, 1, outside, nodes(1, 0, 2, 0), ALL, ints(1), ints(-1), NONE, ints(7, 8)),
				column(LIST_VIEW, 1, outside, nodes(1, 0, 2, 0), NONE, ints(1), ints(-1), NONE, ints(7, 8)),
				column(LIST_VIEW, 2, few, nodes(2, 0, 2, 0), ALL, new byte[7], ints(0, 0), NONE, ints(7, 8)),
				column(LIST_VIEW, 2, few, nodes(2, 0, 2, 0), ALL, ints(0, 0), new byte[7], NONE, ints(7, 8)),
				column(LARGE_LIST_VIEW, 1, outside, nodes(1, 0, 2, 0), ALL, longs(1L << 31), longs(0), NONE,
						ints(7, 8)),
				column(LARGE_LIST_VIEW, 1, outside, nodes(1, 0, 2, 0), ALL, longs(0), longs(1L << 31), NONE,
						ints(7, 8)),
				column(LARGE_LIST_VIEW, 1, shorter, nodes(1, 0, 2, 0), ALL, longs(Integer.MAX_VALUE),
						longs(Integer.MAX_VALUE), NONE, ints(7, 8)),
				column(LARGE_LIST_VIEW, 2, few, nodes(2, 0, 2, 0), ALL, new byte[15], longs(0, 0), NONE, ints(7, 8)),
				column(PAIRS, 1, shorter, nodes(1, 0, 1, 0), NONE, NONE, ints(7)),
				column(STRUCT, 2, "Column 'b' " + shorter, nodes(2, 0, 2, 0, 1, 0), NONE, NONE, ints(7, 8), NONE,
						ints(9)),
				column(SPARSE, 2, "Column 'a' " + shorter, nodes(2, 0, 1, 0, 2, 0), bytes(3, 5), NONE, ints(7), NONE,
						bytes(2)),
				column(SPARSE, 2, few, nodes(2, 0, 2, 0, 2, 0), bytes(3), NONE, ints(7, 8), NONE, bytes(2)),
				column(SPARSE, 2, type, nodes(2, 0, 2, 0, 2, 0), bytes(3, 4), NONE, ints(7, 8), NONE, bytes(2)),
				column(SPARSE, 2, type, nodes(2, 0, 2, 0, 2, 0), bytes(3, -1), NONE, ints(7, 8), NONE, bytes(2)),
				column(DENSE, 2, few, nodes(2, 0, 1, 0, 1, 0), bytes(3), ints(0, 0), NONE, ints(7), NONE, bytes(1)),
				column(DENSE, 2, few, nodes(2, 0, 1, 0, 1, 0), bytes(3, 5), new byte[7], NONE, ints(7), NONE, bytes(1)),
				column(DENSE, 2, type, nodes(2, 0, 1, 0, 1, 0), bytes(3, 0), ints(0, 0), NONE, ints(7), NONE, bytes(1)),
				column(DENSE, 2, type, nodes(2, 0, 1, 0, 1, 0), bytes(3, -128), ints(0, 0), NONE, ints(7), NONE,
						bytes(1)),
				column(DENSE, 2, "has an offset outside its values", nodes(2, 0, 1, 0, 1, 0), bytes(3, 5), ints(0, 1),
						NONE, ints(7), NONE, bytes(1)),
				column(DENSE, 2, "has an offset outside its values", nodes(2, 0, 1, 0, 1, 0), bytes(3, 5), ints(-1, 0),
						NONE, ints(7), NONE, bytes(1)),
				column(RUNS, 3, "has no value for every run", nodes(3, 0, 2, 0, 1, 0), NONE, ints(1, 3), NONE, ints(7)),
				column(RUNS, 3, "has no value for every run", nodes(3, 0, 0, 0, 1, 0), NONE, NONE, NONE, ints(7)),
				column(RUNS, 3, "has a run without an end", nodes(3, 0, 2, 1, 2, 0), bytes(2), ints(1, 3), NONE,
						ints(7, 8)),
				column(RUNS, 3, "has runs that go backwards", nodes(3, 0, 2, 0, 2, 0), NONE, ints(3, 3), NONE,
						ints(7, 8)),
				column(RUNS, 3, "has runs that go backwards", nodes(3, 0, 2, 0, 2, 0), NONE, ints(0, 3), NONE,
						ints(7, 8)),
				column(RUNS, 3, "has runs for fewer values than it declares", nodes(3, 0, 2, 0, 2, 0), NONE, ints(1, 2),
						NONE, ints(7, 8)),
				column(VIEW, 1, few, nodes(1, 0), ALL, new byte[15]).variadic(0),
				column(VIEW, 1, "lacks its number of buffers", nodes(1, 0), ALL, view(0, new byte[12])),
				column(VIEW, 1, "has a wrong number of buffers", nodes(1, 0), ALL, view(0, new byte[12])).variadic(-1),
				column(VIEW, 1, "has a wrong number of buffers", nodes(1, 0), ALL, view(0, new byte[12])).variadic(1),
				column(VIEW, 1, more, nodes(1, 0), ALL, view(0, new byte[12])).variadic(0, 0),
				column(VIEW, 1, view, nodes(1, 0), ALL, view(-1, new byte[12])).variadic(0),
				column(VIEW, 1, view, nodes(1, 0), NONE, view(-1, new byte[12])).variadic(0),
				column(VIEW, 1, view, nodes(1, 0), ALL, view(13, ints(0, 0, 1)), new byte[13]).variadic(1),
				column(VIEW, 1, view, nodes(1, 0), ALL, view(13, ints(0, 1, 0)), new byte[13]).variadic(1),
				column(VIEW, 1, view, nodes(1, 0), ALL, view(13, ints(0, -1, 0)), new byte[13]).variadic(1),
				column(VIEW, 1, view, nodes(1, 0), ALL, view(13, ints(0, 0, -1)), new byte[13]).variadic(1),
				column(VIEW, 1, view, nodes(1, 0), ALL, view(Integer.MAX_VALUE, ints(0, 0, Integer.MAX_VALUE)),
						new byte[13])
					.variadic(1),
				column(VIEW, 1 << 27, "Column 'c' has too many views", nodes(1 << 27, 1 << 27), NONE, NONE).variadic(0),
				column(VIEW, (1 << 27) - 1, few, nodes((1 << 27) - 1, (1 << 27) - 1), NONE, NONE).variadic(0));
	}

	@ParameterizedTest
	@MethodSource
	void incomplete(Column column) {
		byte[] stream = column.stream();
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(stream), stream.length,
				this.allocator)) {
			reader.nextStream();
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::next)
				.withMessageContaining(column.problem);
			assertThat(this.allocator.getAllocatedMemory()).isZero();
		}
	}

	private static Field number(String name) {
		return Field.nullable(name, SampleBatches.INT32);
	}

	private static Field of(ArrowType type, Field... children) {
		return new Field("c", FieldType.nullable(type), List.of(children));
	}

	private static Column column(Field field, long rows, long[] nodes, byte[]... buffers) {
		return new Column(field, rows, null, "", nodes, buffers);
	}

	private static Column column(Field field, long rows, List<String> values, long[] nodes, byte[]... buffers) {
		return new Column(field, rows, values, "", nodes, buffers);
	}

	private static Column column(Field field, long rows, String problem, long[] nodes, byte[]... buffers) {
		return new Column(field, rows, null, problem, nodes, buffers);
	}

	// lengths and null counts in turn
	private static long[] nodes(long... nodes) {
		return nodes;
	}

	private static List<String> values(String... values) {
		return List.of(values);
	}

	private static byte[] view(int size, byte[] rest) {
		return join(ints(size), rest);
	}

	private static byte[] ints(int... values) {
		ByteBuffer bytes = ByteBuffer.allocate(values.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
		Arrays.stream(values).forEach(bytes::putInt);
		return bytes.array();
	}

	private static byte[] longs(long... values) {
		ByteBuffer bytes = ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
		Arrays.stream(values).forEach(bytes::putLong);
		return bytes.array();
	}

	private static byte[] bytes(int... values) {
		byte[] bytes = new byte[values.length];
		for (int i = 0; i < values.length; i++) {
			bytes[i] = (byte) values[i];
		}
		return bytes;
	}

	private static byte[] text(String text) {
		return SampleBatches.utf8(text);
	}

	private static byte[] join(byte[] first, byte[] second) {
		return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
	}

	/**
	 * A stream of one batch of one column, and what comes of it.
	 *
	 * @param field the column
	 * @param rows the number of rows that the batch declares
	 * @param values the values, or {@code null} if they do not matter
	 * @param problem why it is refused, if it is
	 * @param nodes lengths and null counts in turn
	 * @param buffers the buffers
	 * @param variadic the numbers of buffers of views
	 */
	record Column(Field field, long rows, @Nullable List<String> values, String problem, long[] nodes, byte[][] buffers,
			long... variadic) {

		Column variadic(long... counts) {
			return new Column(this.field, this.rows, this.values, this.problem, this.nodes, this.buffers, counts);
		}

		byte[] stream() {
			FlatBufferBuilder builder = new FlatBufferBuilder();
			RecordBatch.startNodesVector(builder, this.nodes.length / 2);
			for (int i = this.nodes.length - 2; i >= 0; i -= 2) {
				FieldNode.createFieldNode(builder, this.nodes[i], this.nodes[i + 1]);
			}
			int nodesOffset = builder.endVector();
			int length = Arrays.stream(this.buffers).mapToInt(Column::padded).sum();
			RecordBatch.startBuffersVector(builder, this.buffers.length);
			int end = length;
			for (int i = this.buffers.length - 1; i >= 0; i--) {
				end -= padded(this.buffers[i]);
				Buffer.createBuffer(builder, end, this.buffers[i].length);
			}
			int buffersOffset = builder.endVector();
			int counts = RecordBatch.createVariadicBufferCountsVector(builder, this.variadic);
			int batch = RecordBatch.createRecordBatch(builder, this.rows, nodesOffset, buffersOffset, 0, counts);
			ByteArrayOutputStream out = new ByteArrayOutputStream();
			out.writeBytes(new Schema(List.of(this.field)).serializeAsMessage());
			out.writeBytes(Messages.message(builder, batch, MetadataVersion.V5, MessageHeader.RecordBatch, length));
			for (byte[] buffer : this.buffers) {
				out.writeBytes(Arrays.copyOf(buffer, padded(buffer)));
			}
			out.writeBytes(ints(-1, 0));
			return out.toByteArray();
		}

		private static int padded(byte[] bytes) {
			return (bytes.length + 7) / 8 * 8;
		}

		@Override
		public String toString() {
			return this.field.getType() + " of " + this.rows + " rows"
					+ (this.problem.isEmpty() ? "" : ": " + this.problem);
		}

	}

}
