package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.TinyIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.complex.UnionVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * What reading costs is in proportion to the bytes that are read, however often they ask
 * for what was there before; and whoever watches can end it.
 */
class ReadingWorkTests {

	private static final int INNER = 40;

	private static final int OUTER = 2;

	private static final int MANY = 1 << 20;

	private static final ArrowType BYTE = new ArrowType.Int(8, true);

	private static final BatchMetadata LOG = new LogMessage("INFO", "m", Map.of()).toMetadata();

	private final AtomicLong allocated = new AtomicLong();

	private final RootAllocator allocator = new RootAllocator(new AllocationListener() {

		@Override
		public void onAllocation(long size) {
			ReadingWorkTests.this.allocated.addAndGet(size);
		}

	}, Long.MAX_VALUE);

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void repeatedDictionaryDoesNotHaveTheOthersCheckedAgain() throws IOException {
		int indices = 200_000;
		byte[] bytes = write(nested(indices, 1), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			for (int i = 0; i < 1_000; i++) {
				texts(encoder, gatherer, false, "x");
				encoder.zeroRows(gatherer, LOG);
			}
		});
		assertThat(work(bytes)).isLessThan(4L * bytes.length);
	}

	@Test
	void repeatedDictionaryOfManyIsPaidFor() throws IOException {
		// a struct of many columns, each with a dictionary of its own: one column outside
		int columns = 4_000;
		byte[] bytes = write(wide(columns), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			for (int i = 0; i < 9_000; i++) {
				texts(encoder, gatherer, 100, false, "x");
				encoder.zeroRows(gatherer, LOG);
			}
		});
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> read(bytes, ReadOptions.defaults()))
			.withMessageContaining("more work than its bytes");
	}

	@Test
	void batchesBetweenTwoChangesCostNothingForTheirDictionaries() throws IOException {
		byte[] bytes = write(wide(4_000), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			for (int i = 0; i < 9_000; i++) {
				encoder.zeroRows(gatherer, LOG);
			}
		});
		assertThat(work(bytes)).isLessThan(4L * bytes.length);
	}

	@Test
	void smallDeltasAreNotCopiedTogetherAgainAndAgain() throws IOException {
		byte[] bytes = write(nested(50_000, 1), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			for (int i = 0; i < 2_000; i++) {
				texts(encoder, gatherer, true, "more");
				lists(encoder, gatherer, true, i);
				encoder.zeroRows(gatherer, LOG);
			}
		});
		this.allocated.set(0);
		assertThat(work(bytes)).isLessThan(8L * bytes.length);
		assertThat(this.allocated).hasValueLessThan(8L * bytes.length);
	}

	@Test
	void shorterDictionaryIsNoticedByWhateverRefersToIt() throws IOException {
		byte[] shorter = write(nested(10, 3), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			texts(encoder, gatherer, false, "only", "two");
			encoder.zeroRows(gatherer, LOG);
		});
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> read(shorter, ReadOptions.defaults()))
			.withMessageContaining("outside its dictionary " + INNER);
		byte[] repaired = write(nested(10, 3), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			texts(encoder, gatherer, false, "only", "two");
			texts(encoder, gatherer, true, "and a third");
			encoder.zeroRows(gatherer, LOG);
			texts(encoder, gatherer, false, "one");
			lists(encoder, gatherer, false, 0);
			encoder.zeroRows(gatherer, LOG);
		});
		assertThat(read(repaired, ReadOptions.defaults())).isEqualTo(3);
		byte[] delta = write(nested(10, 3), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			lists(encoder, gatherer, true, 3);
			encoder.zeroRows(gatherer, LOG);
		});
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> read(delta, ReadOptions.defaults()))
			.withMessageContaining("outside its dictionary " + INNER);
	}

	@Test
	void batchesKeepTheirDictionariesWhateverHappensToTheOthers() throws IOException {
		byte[] bytes = write(nested(10, 3), (encoder, gatherer, batch) -> {
			encoder.batch(gatherer, batch);
			encoder.zeroRows(gatherer, BatchMetadata.of("key", "value"));
			texts(encoder, gatherer, true, "more");
			encoder.zeroRows(gatherer, BatchMetadata.of("key", "value"));
		});
		IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, this.allocator);
		reader.nextStream();
		AnnotatedBatch first = SampleBatches.next(reader);
		AnnotatedBatch second = SampleBatches.next(reader);
		AnnotatedBatch third = SampleBatches.next(reader);
		reader.close();
		FieldVector ofFirst = first.dictionaries().lookup(INNER).getVector();
		assertThat(second.dictionaries().lookup(INNER).getVector()).isNotSameAs(ofFirst);
		first.close();
		first.close();
		assertThat(second.dictionaries().lookup(INNER).getVector().getValueCount()).isEqualTo(3);
		second.close();
		assertThat(third.dictionaries().lookup(INNER).getVector().getObject(3)).hasToString("more");
		third.close();
	}

	@Test
	void dictionaryThatOutgrowsArrowsAppenderIsRefused() throws IOException {
		byte[] bytes;
		try (NullVector many = new NullVector("many", Integer.MAX_VALUE)) {
			bytes = write(nulls(), (encoder, gatherer, batch) -> {
				encoder.batch(gatherer, batch);
				encoder.dictionaryBatch(gatherer, OUTER, BatchLayout.of(Integer.MAX_VALUE, List.of(many)), false);
				encoder.dictionaryBatch(gatherer, OUTER, BatchLayout.of(Integer.MAX_VALUE, List.of(many)), true);
			});
		}
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> read(bytes, ReadOptions.defaults()))
			.withMessageContaining("larger than 2 GiB");
	}

	@Test
	void watchMayEndReading() throws IOException {
		byte[] bytes = write(nested(3 << 20, 1), (encoder, gatherer, batch) -> encoder.batch(gatherer, batch));
		AtomicLong calls = new AtomicLong();
		ReadOptions options = ReadOptions.defaults().withWatch((read) -> {
			assertThat(read).isGreaterThanOrEqualTo(WorkMeter.STRIDE);
			if (calls.incrementAndGet() == 2) {
				throw new LimitExceededException("Enough", "test");
			}
		});
		assertThatExceptionOfType(LimitExceededException.class).isThrownBy(() -> read(bytes, options));
		assertThat(calls).hasValue(2);
	}

	@ParameterizedTest
	@MethodSource
	void whatIsExaminedIsTold(String what, Function<BufferAllocator, FieldVector> column, long examined)
			throws IOException {
		byte[] bytes;
		FieldVector vector = column.apply(this.allocator);
		try (AnnotatedBatch batch = SampleBatches.batch(MANY, List.of(vector), BatchMetadata.empty())) {
			bytes = SampleBatches.stream(batch);
		}
		// the last part is less than a mebibyte
		assertThat(work(bytes)).as(what)
			.isBetween(bytes.length + examined - WorkMeter.STRIDE - 1024, bytes.length + examined + 1024);
	}

	static List<Arguments> whatIsExaminedIsTold() {
		int offsets = Integer.BYTES * MANY;
		return List.of(told("numbers", (allocator) -> new IntVector("c", allocator), 0),
				told("texts", (allocator) -> new VarCharVector("c", allocator), offsets),
				told("large texts", (allocator) -> new LargeVarCharVector("c", allocator), 2L * offsets),
				told("views", (allocator) -> new ViewVarCharVector("c", allocator), 4L * offsets),
				told("lists", (allocator) -> lists(ListVector.empty("c", allocator)), offsets),
				told("list views", (allocator) -> views(ListViewVector.empty("c", allocator)), 2L * offsets),
				told("large list views", (allocator) -> largeViews(LargeListViewVector.empty("c", allocator)),
						4L * offsets),
				told("sparse union", ReadingWorkTests::sparse, MANY),
				told("dense union", ReadingWorkTests::dense, MANY + offsets),
				told("runs", ReadingWorkTests::runs, Short.BYTES * MANY));
	}

	@Test
	void whatBuffersDecodeToIsTold() {
		byte[] zeros = new byte[4 << 20];
		byte[] bytes = ForeignStreams.compressed(1, 0, zeros.length / 8,
				ForeignStreams.compressedBuffer(zeros.length, Zstd.compress(zeros)));
		assertThat(work(bytes)).isBetween(zeros.length - 1L * WorkMeter.STRIDE,
				zeros.length + bytes.length + zeros.length / 64 + 1024L);
	}

	private static Arguments told(String what, Function<BufferAllocator, FieldVector> column, long examined) {
		return Arguments.of(what, column, examined);
	}

	private static FieldVector lists(ListVector lists) {
		lists.addOrGetVector(FieldType.nullable(SampleBatches.INT32));
		return lists;
	}

	private static FieldVector views(ListViewVector views) {
		views.addOrGetVector(FieldType.nullable(SampleBatches.INT32));
		return views;
	}

	private static FieldVector largeViews(LargeListViewVector views) {
		views.addOrGetVector(FieldType.nullable(SampleBatches.INT32));
		return views;
	}

	private static FieldVector sparse(BufferAllocator allocator) {
		Field field = new Field("c", FieldType.nullable(new ArrowType.Union(UnionMode.Sparse, new int[] { 0 })),
				List.of(Field.nullable("n", ArrowType.Null.INSTANCE)));
		UnionVector union = (UnionVector) field.createVector(allocator);
		union.allocateNew();
		union.setValueCount(MANY);
		union.getTypeBuffer().setZero(0, MANY);
		return union;
	}

	private static FieldVector dense(BufferAllocator allocator) {
		Field field = new Field("c", FieldType.nullable(new ArrowType.Union(UnionMode.Dense, new int[] { 0 })),
				List.of(Field.nullable("n", SampleBatches.INT32)));
		DenseUnionVector union = (DenseUnionVector) field.createVector(allocator);
		union.allocateNew();
		while (union.getValueCapacity() < MANY) {
			union.reAlloc();
		}
		union.getTypeBuffer().setZero(0, MANY);
		union.getOffsetBuffer().setZero(0, 4L * MANY);
		union.setValueCount(MANY);
		union.getChildrenFromFields().get(0).setValueCount(1);
		return union;
	}

	private static FieldVector runs(BufferAllocator allocator) {
		Field field = new Field("c", FieldType.notNullable(ArrowType.RunEndEncoded.INSTANCE), List
			.of(Field.notNullable("run_ends", SampleBatches.INT32), Field.nullable("n", ArrowType.Null.INSTANCE)));
		RunEndEncodedVector runs = (RunEndEncodedVector) field.createVector(allocator);
		IntVector ends = (IntVector) runs.getRunEndsVector();
		ends.allocateNew(MANY);
		for (int i = 0; i < MANY; i++) {
			ends.set(i, i + 1);
		}
		ends.setValueCount(MANY);
		runs.getValuesVector().setValueCount(MANY);
		runs.setValueCount(MANY);
		return runs;
	}

	private long work(byte[] bytes) {
		AtomicLong work = new AtomicLong();
		read(bytes, ReadOptions.defaults().withWatch(work::addAndGet));
		return work.get();
	}

	private int read(byte[] bytes, ReadOptions options) {
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), Long.MAX_VALUE,
				this.allocator, options)) {
			int batches = 0;
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					batch.close();
					batches++;
				}
			}
			return batches;
		}
	}

	private byte[] write(AnnotatedBatch batch, Writing writing) throws IOException {
		try (batch;
				Gatherer gatherer = new Gatherer(this.allocator);
				StreamEncoder encoder = new StreamEncoder(batch.schema(), batch.dictionaries())) {
			writing.write(encoder, gatherer, batch);
			encoder.end(gatherer);
			return SampleBatches.bytes(gatherer.finish());
		}
	}

	private void texts(StreamEncoder encoder, Gatherer gatherer, boolean delta, String... texts) {
		texts(encoder, gatherer, INNER, delta, texts);
	}

	private void texts(StreamEncoder encoder, Gatherer gatherer, int id, boolean delta, String... texts) {
		try (VarCharVector vector = SampleBatches.texts(this.allocator, "texts", texts)) {
			encoder.dictionaryBatch(gatherer, id, BatchLayout.of(texts.length, List.of(vector)), delta);
		}
	}

	private void lists(StreamEncoder encoder, Gatherer gatherer, boolean delta, int index) {
		try (ListVector list = list(1, index)) {
			encoder.dictionaryBatch(gatherer, OUTER, BatchLayout.of(1, List.of(list)), delta);
		}
	}

	// one value: a list of indices into the inner dictionary
	private ListVector list(int count, int index) {
		ListVector list = (ListVector) new Field("outer", FieldType.nullable(new ArrowType.List()),
				List.of(new Field("item", new FieldType(true, SampleBatches.INT32, encoding(INNER, 32)), null)))
			.createVector(this.allocator);
		IntVector items = (IntVector) list.getDataVector();
		list.startNewValue(0);
		for (int i = 0; i < count; i++) {
			items.setSafe(i, index);
		}
		list.endValue(0, count);
		list.setValueCount(1);
		return list;
	}

	private static DictionaryEncoding encoding(long id, int bits) {
		return new DictionaryEncoding(id, false, new ArrowType.Int(bits, true));
	}

	private AnnotatedBatch nested(int indices, int texts) {
		String[] values = new String[texts];
		Arrays.fill(values, "x");
		MapDictionaryProvider provider = new MapDictionaryProvider();
		provider.put(new Dictionary(SampleBatches.texts(this.allocator, "inner", values), encoding(INNER, 32)));
		return column(list(indices, texts - 1), provider);
	}

	private AnnotatedBatch wide(int columns) {
		MapDictionaryProvider provider = new MapDictionaryProvider();
		List<Field> children = new ArrayList<>();
		for (int i = 0; i < columns; i++) {
			DictionaryEncoding encoding = encoding(100 + i, 8);
			provider.put(new Dictionary(SampleBatches.texts(this.allocator, "inner", "x"), encoding));
			children.add(new Field("c" + i, new FieldType(true, BYTE, encoding), null));
		}
		StructVector struct = (StructVector) new Field("outer", FieldType.nullable(ArrowType.Struct.INSTANCE), children)
			.createVector(this.allocator);
		struct.allocateNew();
		struct.setValueCount(0);
		return column(struct, provider);
	}

	private AnnotatedBatch nulls() {
		return column(new NullVector("nulls", 0), new MapDictionaryProvider());
	}

	private AnnotatedBatch column(FieldVector values, MapDictionaryProvider provider) {
		DictionaryEncoding encoding = encoding(OUTER, 8);
		provider.put(new Dictionary(values, encoding));
		TinyIntVector column = (TinyIntVector) new Field("column", new FieldType(true, BYTE, encoding), null)
			.createVector(this.allocator);
		int rows = Math.min(values.getValueCount(), 1);
		column.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			column.set(i, 0);
		}
		column.setValueCount(rows);
		AnnotatedBatch batch = SampleBatches.batch(rows, List.of(column), BatchMetadata.empty());
		return new AnnotatedBatch(batch.root(), provider, BatchMetadata.empty());
	}

	/**
	 * Writes messages.
	 */
	private interface Writing {

		void write(StreamEncoder encoder, Gatherer gatherer, AnnotatedBatch batch) throws IOException;

	}

}
