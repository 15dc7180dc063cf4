package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BitVectorHelper;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ReaderDictionary} and {@link StreamDictionaries}: dictionaries that
 * use and share each other, and grow.
 */
class DictionaryUsesTests {

	private static final DictionaryEncoding WORDS = encoding(40);

	private static final DictionaryEncoding OTHER_WORDS = encoding(41);

	private static final DictionaryEncoding[] LISTS = { encoding(1), encoding(2) };

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void dictionaryIsLongEnoughForAllThatUseIt() {
		assertThat(reads(words("a", "b", "c"), lists(0, 2), lists(1, 2))).isTrue();
		assertThat(reads(words("a", "b"), lists(0, 1), lists(1, 1))).isTrue();
		assertThat(reads(words("a", "b"), lists(0, 1), lists(1, 2))).as("only the second uses a third").isFalse();
		assertThat(reads(words("a", "b"), lists(0, 2), lists(1, 1))).as("only the first uses it").isFalse();
	}

	@Test
	void useEndsOnceForEachThatUsedTheSame() {
		Change[] both = { words("a", "b", "c"), lists(0, 2), lists(1, 2) };
		assertThat(reads(both, lists(0, 0), words("a"))).as("the other still uses the third").isFalse();
		assertThat(reads(both, lists(0, 0), lists(1, 0), words("a"))).isTrue();
		assertThat(reads(both, lists(1, 0), lists(0, 0), words("a"))).isTrue();
		assertThat(reads(both, words("a"), lists(1, 0), lists(0, 0))).isTrue();
		assertThat(reads(both, words("a"), lists(1, -1), lists(0, -1))).as("used no more").isTrue();
	}

	@Test
	void useGrowsWithADelta() {
		Change[] start = { words("a", "b", "c"), lists(0, 0), lists(1, 0) };
		assertThat(reads(start, more(0, 2), words("a", "b"))).isFalse();
		assertThat(reads(start, more(0, 2), words("a", "b", "d"))).isTrue();
		assertThat(reads(start, more(0, 2), more(0, 1), words("a", "b"))).as("the highest counts").isFalse();
		assertThat(reads(start, more(0, 1), more(0, 2), lists(0, 0), words("a"))).isTrue();
		assertThat(reads(start, more(0, 3))).isFalse();
		assertThat(reads(start, more(0, 3), moreWords("d"))).isTrue();
	}

	@Test
	void indexOfANullIsNotUsed() {
		assertThat(reads(words("a"), lists(0, -1), lists(1, 0))).isTrue();
		assertThat(reads(words(), lists(0, -1), lists(1, -1))).isTrue();
		assertThat(reads(words(), lists(0, -1), lists(1, 0))).isFalse();
	}

	@Test
	void laterStreamKnowsNothingOfAnEarlierOne() {
		byte[] broken = stream((encoder, gatherer) -> {
			words("a").write(encoder, gatherer);
			lists(0, 2).write(encoder, gatherer);
		});
		byte[] sound = stream((encoder, gatherer) -> {
		});
		byte[] plain;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			plain = SampleBatches.stream(batch);
		}
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		List.of(broken, sound, plain).forEach(all::writeBytes);
		try (IpcStreamReader reader = reader(all.toByteArray())) {
			reader.nextStream();
			SampleBatches.next(reader).close();
			assertThat(reader.next()).as("a dictionary that is too short, and no batch that needs it").isNull();
			reader.nextStream();
			SampleBatches.next(reader).close();
			reader.nextStream();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(batch.dictionaries().getDictionaryIds()).isEmpty();
			}
		}
	}

	static List<Arguments> indices() {
		List<Arguments> indices = new ArrayList<>();
		for (int bits : new int[] { 8, 16, 32, 64 }) {
			for (boolean signed : new boolean[] { true, false }) {
				ArrowType.Int type = new ArrowType.Int(bits, signed);
				indices.add(Arguments.of(type, 0, false, true));
				indices.add(Arguments.of(type, 99, false, true));
				indices.add(Arguments.of(type, 100, false, false));
				indices.add(Arguments.of(type, -1, false, false));
				indices.add(Arguments.of(type, Integer.MAX_VALUE, false, false));
				indices.add(Arguments.of(type, -1, true, true));
				indices.add(Arguments.of(type, 100, true, true));
			}
		}
		indices.add(Arguments.of(new ArrowType.Int(64, true), 1L << 32, false, false));
		indices.add(Arguments.of(new ArrowType.Int(8, false), 200, false, false));
		indices.add(Arguments.of(new ArrowType.Int(16, false), 40_000, false, false));
		return indices;
	}

	@ParameterizedTest
	@MethodSource
	void indices(ArrowType.Int type, long index, boolean isNull, boolean accepted) {
		// more rows than are examined at once
		int rows = 70_000;
		for (int row : new int[] { 0, rows - 1 }) {
			byte[] bytes = withIndex(type, rows, row, index, isNull);
			try (IpcStreamReader reader = reader(bytes)) {
				reader.nextStream();
				if (accepted) {
					SampleBatches.next(reader).close();
				}
				else {
					assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::next)
						.withMessage("Column 'c' has an index outside its dictionary");
				}
			}
		}
	}

	// indices into 100 values, all of them zero but one
	private byte[] withIndex(ArrowType.Int type, int rows, int row, long index, boolean isNull) {
		DictionaryEncoding encoding = new DictionaryEncoding(1, false, type);
		String[] words = new String[100];
		Arrays.fill(words, "x");
		MapDictionaryProvider provider = new MapDictionaryProvider();
		provider.put(new Dictionary(SampleBatches.texts(this.allocator, "words", words), encoding));
		BaseFixedWidthVector column = (BaseFixedWidthVector) new Field("c", new FieldType(true, type, encoding), null)
			.createVector(this.allocator);
		int width = column.getTypeWidth();
		column.allocateNew(rows);
		column.getDataBuffer().setZero(0, (long) rows * width);
		column.getValidityBuffer().setOne(0, column.getValidityBuffer().capacity());
		byte[] value = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(index).array();
		column.getDataBuffer().setBytes((long) row * width, value, 0, width);
		if (isNull) {
			BitVectorHelper.unsetBit(column.getValidityBuffer(), row);
		}
		AnnotatedBatch bare = SampleBatches.batch(rows, List.of(column), BatchMetadata.empty());
		try (AnnotatedBatch batch = new AnnotatedBatch(bare.root(), provider, BatchMetadata.empty())) {
			return SampleBatches.stream(batch);
		}
	}

	private boolean reads(Change... changes) {
		return reads(new Change[0], changes);
	}

	// whether a batch can be read after the changes
	private boolean reads(Change[] start, Change... changes) {
		byte[] bytes = stream((encoder, gatherer) -> {
			for (Change change : start) {
				change.write(encoder, gatherer);
			}
			if (start.length > 0) {
				encoder.zeroRows(gatherer, BatchMetadata.of("k", "v"));
			}
			for (Change change : changes) {
				change.write(encoder, gatherer);
			}
			encoder.zeroRows(gatherer, BatchMetadata.of("last", "v"));
		});
		try (IpcStreamReader reader = reader(bytes)) {
			reader.nextStream();
			SampleBatches.next(reader).close();
			if (start.length > 0) {
				SampleBatches.next(reader).close();
			}
			SampleBatches.next(reader).close();
			return true;
		}
		catch (CorruptStreamException ex) {
			assertThat(ex).hasMessage("A dictionary has an index outside its dictionary 40");
			return false;
		}
	}

	// the encoder begins with dictionaries that are empty
	private byte[] stream(Change change) {
		MapDictionaryProvider provider = new MapDictionaryProvider();
		provider.put(new Dictionary(SampleBatches.texts(this.allocator, "words"), WORDS));
		List<FieldVector> columns = new ArrayList<>();
		for (DictionaryEncoding encoding : LISTS) {
			ListVector empty = list();
			provider.put(new Dictionary(empty, encoding));
			columns.add(new IntVector("c" + encoding.getId(), new FieldType(true, SampleBatches.INT32, encoding),
					this.allocator));
		}
		AnnotatedBatch bare = SampleBatches.batch(0, columns, BatchMetadata.empty());
		try (AnnotatedBatch batch = new AnnotatedBatch(bare.root(), provider, BatchMetadata.empty());
				Gatherer gatherer = new Gatherer(this.allocator);
				StreamEncoder encoder = new StreamEncoder(batch.schema(), provider)) {
			encoder.batch(gatherer, batch);
			change.write(encoder, gatherer);
			encoder.end(gatherer);
			return SampleBatches.bytes(gatherer.finish());
		}
	}

	private Change words(String... words) {
		return texts(false, words);
	}

	private Change moreWords(String... words) {
		return texts(true, words);
	}

	private Change texts(boolean delta, String... words) {
		return (encoder, gatherer) -> {
			try (VarCharVector texts = SampleBatches.texts(this.allocator, "words", words)) {
				encoder.dictionaryBatch(gatherer, WORDS.getId(), BatchLayout.of(words.length, List.of(texts)), delta);
			}
		};
	}

	private Change lists(int dictionary, int index) {
		return lists(dictionary, index, false);
	}

	private Change more(int dictionary, int index) {
		return lists(dictionary, index, true);
	}

	private Change lists(int dictionary, int index, boolean delta) {
		return (encoder, gatherer) -> {
			try (ListVector list = list(0, index)) {
				encoder.dictionaryBatch(gatherer, LISTS[dictionary].getId(), BatchLayout.of(1, List.of(list)), delta);
			}
		};
	}

	// one list of words, or none; a negative index stands for a null
	private ListVector list(int... indices) {
		ListVector list = (ListVector) new Field("list", FieldType.nullable(ArrowType.List.INSTANCE),
				List.of(new Field("item", new FieldType(true, SampleBatches.INT32, WORDS), null)))
			.createVector(this.allocator);
		list.allocateNew();
		if (indices.length > 0) {
			IntVector items = (IntVector) list.getDataVector();
			list.startNewValue(0);
			for (int i = 1; i < indices.length; i++) {
				if (indices[i] >= 0) {
					items.setSafe(i - 1, indices[i]);
				}
			}
			list.endValue(0, indices.length - 1);
			list.setValueCount(1);
		}
		return list;
	}

	@Test
	void elementsOfADictionaryThatGrowsAreCountedToo() {
		Field field = new Field("c", new FieldType(true, ArrowType.Struct.INSTANCE, encoding(1)),
				List.of(Field.nullable("n", ArrowType.Null.INSTANCE)));
		StructVector struct = StructVector.empty("c", this.allocator);
		NullVector many = struct.addOrGet("n", FieldType.nullable(ArrowType.Null.INSTANCE), NullVector.class);
		struct.allocateNew();
		struct.setValueCount(1);
		many.setValueCount(1 << 30);
		try (struct; Gatherer gatherer = new Gatherer(this.allocator)) {
			MapDictionaryProvider provider = new MapDictionaryProvider();
			provider.put(new Dictionary(struct, encoding(1)));
			Field memory = new Field("c", new FieldType(true, SampleBatches.INT32, encoding(1)), null);
			try (StreamEncoder encoder = new StreamEncoder(new Schema(List.of(memory)), provider)) {
				encoder.zeroRows(gatherer, BatchMetadata.empty());
				encoder.dictionaryBatch(gatherer, 1, BatchLayout.of(1, List.of(struct)), true);
				encoder.end(gatherer);
			}
			byte[] bytes = SampleBatches.bytes(gatherer.finish());
			try (IpcStreamReader reader = reader(bytes)) {
				reader.nextStream();
				assertThat(reader.schema().getFields()).containsExactly(memory);
				SampleBatches.next(reader).close();
				assertThatExceptionOfType(CorruptStreamException.class).as(field.toString())
					.isThrownBy(reader::next)
					.withMessageContaining("larger than 2 GiB");
			}
		}
	}

	@Test
	void dictionaryDoesNotGrowBeyond2Gibibytes() {
		int count = 1 << 28;
		try (IntVector first = numbers(count); IntVector second = numbers(count)) {
			ReaderDictionary dictionary = new ReaderDictionary(new Dictionary(first, encoding(1)), this.allocator);
			assertThatExceptionOfType(CorruptStreamException.class)
				.isThrownBy(() -> dictionary.append(second, new WorkMeter((bytes) -> {
				}, Long.MAX_VALUE)))
				.withMessageContaining("larger than 2 GiB");
		}
	}

	@Test
	void versionThatCannotBeMadeLeavesNothing() {
		FragileType type = new FragileType();
		ReaderDictionary dictionary = new ReaderDictionary(
				new Dictionary(type.vector("values", 7, this.allocator), encoding(1)), this.allocator);
		WorkMeter meter = new WorkMeter((bytes) -> {
		}, Long.MAX_VALUE);
		type.setBroken(true);
		assertThatIllegalStateException().isThrownBy(() -> dictionary.version(meter)).withMessage("broken");
		type.setBroken(false);
		dictionary.version(meter).release();
		dictionary.closeVersion();
		dictionary.close();
	}

	// the memory of the values is never touched
	private IntVector numbers(int count) {
		IntVector vector = new IntVector("n", this.allocator);
		try (ArrowBuf values = this.allocator.buffer(4L * count)) {
			vector.loadFieldBuffers(new ArrowFieldNode(count, 0), List.of(this.allocator.getEmpty(), values));
		}
		return vector;
	}

	@Test
	void nothingLeaksWhereverMemoryEnds() {
		byte[] bytes = stream((encoder, gatherer) -> {
			words("a", "b".repeat(30_000)).write(encoder, gatherer);
			try (ListVector list = list(new int[50_000])) {
				encoder.dictionaryBatch(gatherer, LISTS[0].getId(), BatchLayout.of(1, List.of(list)), false);
			}
			encoder.zeroRows(gatherer, BatchMetadata.of("k", "v"));
			moreWords("c").write(encoder, gatherer);
			more(0, 2).write(encoder, gatherer);
			encoder.zeroRows(gatherer, BatchMetadata.of("k", "v"));
			more(0, 2).write(encoder, gatherer);
			encoder.zeroRows(gatherer, BatchMetadata.of("k", "v"));
		});
		int failures = 0;
		boolean read = false;
		for (long limit = 2048; !read; limit += 2048) {
			try (BufferAllocator limited = this.allocator.newChildAllocator("limited", 0, limit);
					IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
							limited)) {
				reader.nextStream();
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					try (AnnotatedBatch owned = batch) {
						assertThat(SampleBatches.values(owned)).hasSize(5);
					}
				}
				read = true;
			}
			catch (OutOfMemoryException ex) {
				failures++;
			}
			assertThat(this.allocator.getAllocatedMemory()).isZero();
		}
		assertThat(failures).isGreaterThan(10);
	}

	static Stream<Arguments> shared() {
		Field text = Field.nullable("x", SampleBatches.UTF8);
		Field words = new Field("x", new FieldType(true, SampleBatches.UTF8, WORDS), null);
		Field renamed = new Field("y", new FieldType(false, SampleBatches.UTF8, WORDS), null);
		Field others = new Field("x", new FieldType(true, SampleBatches.UTF8, OTHER_WORDS), null);
		Field number = Field.nullable("x", SampleBatches.INT32);
		return Stream.of(Arguments.of(text, text, true), Arguments.of(words, words, true),
				Arguments.of(words, renamed, true), Arguments.of(words, others, false),
				Arguments.of(words, text, false), Arguments.of(text, words, false), Arguments.of(text, number, false),
				Arguments.of(text, null, false),
				Arguments.of(words, new Field("x", new FieldType(true, SampleBatches.INT32, WORDS), null), false));
	}

	@ParameterizedTest
	@MethodSource
	void shared(Field first, @Nullable Field second, boolean accepted) {
		Field one = new Field("a", new FieldType(true, ArrowType.Struct.INSTANCE, encoding(1)), List.of(first));
		Field two = new Field("b", new FieldType(true, ArrowType.Struct.INSTANCE, encoding(1)),
				(second != null) ? List.of(second) : List.of());
		byte[] message = new Schema(List.of(one, two)).serializeAsMessage();
		try (IpcStreamReader reader = reader(message)) {
			if (accepted) {
				assertThat(reader.nextStream()).isTrue();
			}
			else {
				assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::nextStream)
					.withMessageContaining("shares a dictionary that has values of another type");
			}
		}
	}

	@Test
	void typesOfSharedDictionariesAreTheSame() {
		Field one = new Field("a", new FieldType(true, SampleBatches.UTF8, encoding(1)), null);
		Field two = new Field("b", new FieldType(true, SampleBatches.INT32, encoding(1)), null);
		byte[] message = new Schema(List.of(one, two)).serializeAsMessage();
		try (IpcStreamReader reader = reader(message)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::nextStream)
				.withMessage("Column 'b' shares a dictionary that has values of another type");
		}
	}

	private IpcStreamReader reader(byte[] bytes) {
		return IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, this.allocator);
	}

	private static DictionaryEncoding encoding(long id) {
		return new DictionaryEncoding(id, false, null);
	}

	/**
	 * Writes what changes dictionaries.
	 */
	@FunctionalInterface
	private interface Change {

		void write(StreamEncoder encoder, Gatherer gatherer);

	}

}
