package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link IpcStreamWriter}, {@link StreamParts} and what they encode with.
 */
class IpcStreamWriterTests {

	private static final BatchMetadata BEFORE = BatchMetadata.of("before", "1");

	private static final BatchMetadata AFTER = BatchMetadata.of("after", "2");

	private static final DictionaryEncoding WORDS = new DictionaryEncoding(5, false, null);

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void batchStandsBetweenThoseWithoutRows() {
		try (AnnotatedBatch data = SampleBatches.dictionaries(this.allocator, 5);
				AnnotatedBatch shape = data.zeroRows(BatchMetadata.empty(), this.allocator)) {
			byte[] bytes = SampleBatches
				.bytes(IpcStreamWriter.gather(shape, List.of(BEFORE, BEFORE), data, List.of(AFTER)));
			try (IpcStreamReader reader = reader(bytes)) {
				reader.nextStream();
				assertEmpty(reader, BEFORE);
				assertEmpty(reader, BEFORE);
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(SampleBatches.values(read)).isEqualTo(SampleBatches.values(data));
				}
				assertEmpty(reader, AFTER);
				assertThat(reader.next()).isNull();
				assertThat(reader.isBrokenOff()).isFalse();
			}
		}
	}

	@Test
	void streamNeedsNoBatchWithValues() {
		try (AnnotatedBatch shape = SampleBatches.dictionaries(this.allocator, 5)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(shape, List.of(BEFORE), null, List.of(AFTER)));
			try (IpcStreamReader reader = reader(bytes)) {
				reader.nextStream();
				assertEmpty(reader, BEFORE);
				assertEmpty(reader, AFTER);
				assertThat(reader.next()).isNull();
				assertThat(reader.isBrokenOff()).isFalse();
			}
		}
	}

	@Test
	void streamNeedsNoBatches() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 1)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of()));
			try (IpcStreamReader reader = reader(bytes)) {
				assertThat(reader.nextStream()).isTrue();
				assertThat(reader.schema()).isEqualTo(batch.schema());
				assertThat(reader.next()).isNull();
				assertThat(reader.isBrokenOff()).isFalse();
			}
		}
		try (AnnotatedBatch encoded = SampleBatches.dictionaries(this.allocator, 1)) {
			Schema schema = encoded.schema();
			assertThatIllegalArgumentException().isThrownBy(() -> IpcStreamWriter.gather(schema, List.of()));
		}
	}

	@Test
	void partBeginsWithItsBatchesWithoutRows() {
		try (AnnotatedBatch data = SampleBatches.numbers(this.allocator, 5);
				StreamParts parts = new StreamParts(data, this.allocator)) {
			byte[] first = SampleBatches.bytes(parts.next(List.of(BEFORE), data, false));
			byte[] last = SampleBatches.bytes(parts.next(List.of(AFTER), null, true));
			assertThat(types(first)).containsExactly(MessageHeader.Schema, MessageHeader.RecordBatch,
					MessageHeader.RecordBatch);
			assertThat(types(last)).containsExactly(MessageHeader.RecordBatch, (byte) -1);
			ByteArrayOutputStream all = new ByteArrayOutputStream();
			all.writeBytes(first);
			all.writeBytes(last);
			try (IpcStreamReader reader = reader(all.toByteArray())) {
				reader.nextStream();
				assertEmpty(reader, BEFORE);
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(SampleBatches.values(read)).isEqualTo(SampleBatches.values(data));
				}
				assertEmpty(reader, AFTER);
				assertThat(reader.next()).isNull();
			}
		}
	}

	@Test
	void firstPartBeginsWithTheSchemaWhateverIsInIt() {
		try (AnnotatedBatch shape = SampleBatches.numbers(this.allocator, 5);
				StreamParts parts = new StreamParts(shape, this.allocator)) {
			assertThat(types(SampleBatches.bytes(parts.next(List.of(), null, false))))
				.containsExactly(MessageHeader.Schema);
			assertThat(types(SampleBatches.bytes(parts.next(List.of(), null, false)))).isEmpty();
			assertThat(types(SampleBatches.bytes(parts.next(List.of(), null, true)))).containsExactly((byte) -1);
		}
	}

	private void assertEmpty(IpcStreamReader reader, BatchMetadata metadata) {
		try (AnnotatedBatch read = SampleBatches.next(reader)) {
			assertThat(read.rowCount()).isZero();
			assertThat(read.metadata()).isEqualTo(metadata);
		}
	}

	@Test
	void writerSaysHowMuchItWrote() throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3);
				IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), batch.schema(),
						batch.dictionaries())) {
			assertThat(writer.writeEmpty(BEFORE)).isPositive().isEqualTo(out.size());
			int before = out.size();
			assertThat(writer.write(batch)).isPositive().isEqualTo(out.size() - before);
			before = out.size();
			writer.end();
			writer.end();
			assertThat(out.size() - before).isEqualTo(8);
			assertThatIllegalStateException().isThrownBy(() -> writer.write(batch)).withMessageContaining("ended");
			assertThatIllegalStateException().isThrownBy(() -> writer.writeEmpty(AFTER)).withMessageContaining("ended");
			before = out.size();
			writer.close();
			assertThat(out.size()).isEqualTo(before);
		}
	}

	@Test
	void copiesBelongToTheAllocatorOfTheColumns() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3);
				AnnotatedBatch none = SampleBatches.batch(3, List.of(), BatchMetadata.empty())) {
			long before = this.allocator.getAllocatedMemory();
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
				assertThat(this.allocator.getAllocatedMemory() - before).isGreaterThanOrEqualTo(stream.length());
			}
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(none))) {
				assertThat(stream.length()).isPositive();
				assertThat(this.allocator.getAllocatedMemory()).isEqualTo(before);
			}
		}
	}

	@Test
	void closedWriterWritesNoEnd() throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), batch.schema(),
					batch.dictionaries());
			writer.close();
			writer.end();
			assertThat(out.size()).isZero();
		}
	}

	static Stream<Arguments> otherColumns() {
		Field number = Field.nullable("n", SampleBatches.INT32);
		Field text = Field.nullable("n", SampleBatches.UTF8);
		Field words = new Field("n", new FieldType(true, SampleBatches.INT32, WORDS), null);
		Field others = new Field("n", new FieldType(true, SampleBatches.INT32, new DictionaryEncoding(6, false, null)),
				null);
		Field zero = new Field("n", new FieldType(true, SampleBatches.INT32, new DictionaryEncoding(0, false, null)),
				null);
		return Stream.of(Arguments.of(List.of(number), List.of(number, number)),
				Arguments.of(List.of(number), List.of(text)), Arguments.of(List.of(words), List.of(others)),
				Arguments.of(List.of(zero), List.of(number)), Arguments.of(List.of(number), List.of(zero)),
				Arguments.of(List.of(struct(number)), List.of(struct(number, text))),
				Arguments.of(List.of(struct(number)), List.of(struct(text))),
				Arguments.of(List.of(struct(number)), List.of(struct())));
	}

	private static Field struct(Field... members) {
		return new Field("s", FieldType.nullable(ArrowType.Struct.INSTANCE), List.of(members));
	}

	@ParameterizedTest
	@MethodSource
	void otherColumns(List<Field> expected, List<Field> actual) {
		try (AnnotatedBatch batch = new AnnotatedBatch(VectorSchemaRoot.create(new Schema(actual), this.allocator),
				dictionaries(), BatchMetadata.empty())) {
			assertThatIllegalArgumentException()
				.isThrownBy(() -> IpcStreamWriter.gather(new Schema(expected), List.of(batch)))
				.withMessageContaining("columns are not those of its stream");
			assertThat(SampleBatches.bytes(IpcStreamWriter.gather(new Schema(actual), List.of(batch)))).isNotEmpty();
		}
	}

	@Test
	void namesAndMetadataAreThoseOfTheStream() {
		Field other = new Field("other", new FieldType(false, new ArrowType.Int(64, true), null, Map.of("k", "v")),
				null);
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(new Schema(List.of(other)), List.of(batch)));
			try (IpcStreamReader reader = reader(bytes)) {
				reader.nextStream();
				assertThat(reader.schema().getFields()).containsExactly(other);
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(SampleBatches.values(read)).isEqualTo(SampleBatches.values(batch));
				}
			}
		}
	}

	@Test
	void batchLacksADictionary() {
		MapDictionaryProvider other = dictionaries();
		Field field = new Field("n", new FieldType(true, SampleBatches.INT32, WORDS), null);
		try (AnnotatedBatch batch = new AnnotatedBatch(
				VectorSchemaRoot.create(new Schema(List.of(field)), this.allocator), new MapDictionaryProvider(),
				BatchMetadata.empty());
				AnnotatedBatch shape = new AnnotatedBatch(
						VectorSchemaRoot.create(new Schema(List.of(field)), this.allocator), other,
						BatchMetadata.empty());
				StreamParts parts = new StreamParts(shape, this.allocator)) {
			assertThatIllegalArgumentException().isThrownBy(() -> IpcStreamWriter.gather(OutputCycle.of(batch)));
			assertThat(types(SampleBatches.bytes(parts.next(List.of(), batch, false)))).as("that of the stream")
				.containsExactly(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch);
		}
	}

	private MapDictionaryProvider dictionaries() {
		MapDictionaryProvider dictionaries = new MapDictionaryProvider();
		for (long id : new long[] { 0, 5, 6 }) {
			dictionaries.put(new Dictionary(SampleBatches.texts(this.allocator, "words", "a"),
					new DictionaryEncoding(id, false, null)));
		}
		return dictionaries;
	}

	/** Two dictionaries, and whether the second has to be sent after the first. */
	static Stream<Arguments> changes() {
		return Stream.of(Arguments.of(List.of("a", "b"), List.of("a", "b"), false),
				Arguments.of(List.of("a", "b"), List.of("a", "c"), true),
				Arguments.of(List.of("a", "b"), List.of("ab", ""), true),
				Arguments.of(List.of("a", "b"), List.of("a"), true),
				Arguments.of(List.of("a"), List.of("a", "b"), true), Arguments.of(List.of(), List.of(), false),
				Arguments.of(List.of(), List.of("a"), true), Arguments.of(List.of("a"), List.of(), true),
				Arguments.of(List.of("", "?"), List.of("", ""), true),
				Arguments.of(List.of("?", ""), List.of("", "?"), true));
	}

	@ParameterizedTest
	@MethodSource
	void changes(List<String> first, List<String> second, boolean sent) {
		try (AnnotatedBatch one = words(texts(first)); AnnotatedBatch two = words(texts(second))) {
			assertThat(types(SampleBatches.bytes(IpcStreamWriter.gather(one.schema(), List.of(one, two)))))
				.isEqualTo(sent
						? List.of(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch,
								MessageHeader.DictionaryBatch, MessageHeader.RecordBatch, (byte) -1)
						: List.of(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch,
								MessageHeader.RecordBatch, (byte) -1));
		}
	}

	// a question mark is a null
	private VarCharVector texts(List<String> texts) {
		VarCharVector vector = new VarCharVector("words", this.allocator);
		vector.allocateNew();
		for (int i = 0; i < texts.size(); i++) {
			if (!"?".equals(texts.get(i))) {
				vector.setSafe(i, SampleBatches.utf8(texts.get(i)));
			}
		}
		vector.setValueCount(texts.size());
		return vector;
	}

	@Test
	void dictionaryOfNothingIsSentOnceWhateverItsMemory() {
		VarCharVector unallocated = new VarCharVector("words", this.allocator);
		try (AnnotatedBatch one = words(texts(List.of()));
				AnnotatedBatch two = words(unallocated);
				AnnotatedBatch three = words(new VarCharVector("words", this.allocator))) {
			assertThat(types(SampleBatches.bytes(IpcStreamWriter.gather(one.schema(), List.of(two, three)))))
				.containsExactly(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch,
						MessageHeader.RecordBatch, (byte) -1);
			assertThat(types(SampleBatches.bytes(IpcStreamWriter.gather(one.schema(), List.of(one, two)))))
				.containsExactly(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch,
						MessageHeader.RecordBatch, (byte) -1);
			assertThat(read(IpcStreamWriter.gather(one.schema(), List.of(one, two, three)))).isEqualTo(3);
		}
		try (AnnotatedBatch one = words(new NullVector("words", 3));
				AnnotatedBatch two = words(new NullVector("words", 3));
				AnnotatedBatch three = words(new NullVector("words", 4))) {
			assertThat(types(SampleBatches.bytes(IpcStreamWriter.gather(one.schema(), List.of(one, two, three)))))
				.containsExactly(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch,
						MessageHeader.RecordBatch, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch, (byte) -1);
		}
	}

	@Test
	void dictionaryThatWasReadIsTheSameAsItsEqual() {
		byte[] bytes;
		try (AnnotatedBatch batch = words(texts(List.of("a", "?", "b")))) {
			bytes = SampleBatches.stream(batch);
		}
		// buffers without a byte to spare
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
				ArrowBuf other = SampleBatches.offHeap(this.allocator, bytes);
				IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator);
				IpcStreamReader second = IpcStreamReader.of(other, bytes.length, this.allocator)) {
			reader.nextStream();
			second.nextStream();
			try (AnnotatedBatch one = SampleBatches.next(reader); AnnotatedBatch two = SampleBatches.next(second)) {
				assertThat(types(SampleBatches.bytes(IpcStreamWriter.gather(one.schema(), List.of(one, two)))))
					.containsExactly(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch,
							MessageHeader.RecordBatch, (byte) -1);
			}
		}
	}

	@Test
	void dictionariesOfViewsDifferByTheirBuffers() {
		try (AnnotatedBatch one = words(views(13));
				AnnotatedBatch same = words(views(13));
				AnnotatedBatch longer = words(views(14))) {
			assertThat(types(SampleBatches.bytes(IpcStreamWriter.gather(one.schema(), List.of(one, same, longer)))))
				.containsExactly(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch,
						MessageHeader.RecordBatch, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch, (byte) -1);
		}
	}

	// one text of thirteen bytes in a buffer that may have more
	private ViewVarCharVector views(int length) {
		ViewVarCharVector vector = new ViewVarCharVector("words", this.allocator);
		try (ArrowBuf validity = SampleBatches.offHeap(this.allocator, new byte[] { 1 });
				ArrowBuf view = SampleBatches.offHeap(this.allocator, new byte[16]);
				ArrowBuf data = SampleBatches.offHeap(this.allocator, new byte[length])) {
			view.setInt(0, 13);
			validity.writerIndex(1);
			view.writerIndex(16);
			data.writerIndex(length);
			vector.loadFieldBuffers(new ArrowFieldNode(1, 0), List.of(validity, view, data.slice(0, length)));
		}
		return vector;
	}

	@Test
	void valuesThatAreMissingAreWrittenAsZeros() {
		try (AnnotatedBatch one = words(tooShort()); AnnotatedBatch two = words(tooShort())) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(one.schema(), List.of(one, two)));
			assertThat(types(bytes)).as("nobody knows whether they are the same")
				.containsExactly(MessageHeader.Schema, MessageHeader.DictionaryBatch, MessageHeader.RecordBatch,
						MessageHeader.DictionaryBatch, MessageHeader.RecordBatch, (byte) -1);
			try (IpcStreamReader reader = reader(bytes)) {
				reader.nextStream();
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(Objects.requireNonNull(read.dictionaries().lookup(5)).getVector().getObject(0))
						.hasToString("ab\0\0");
				}
			}
		}
	}

	// a text of four bytes of which two are there
	private VarCharVector tooShort() {
		VarCharVector vector = new VarCharVector("words", this.allocator);
		try (ArrowBuf offsets = SampleBatches.offHeap(this.allocator, new byte[] { 0, 0, 0, 0, 4, 0, 0, 0 });
				ArrowBuf data = SampleBatches.offHeap(this.allocator, new byte[] { 'a', 'b', 'x', 'y' })) {
			vector.loadFieldBuffers(new ArrowFieldNode(1, 0),
					List.of(this.allocator.getEmpty(), offsets, data.slice(0, 2)));
		}
		return vector;
	}

	@Test
	void memoryOfDictionariesIsKeptUntilTheWriterIsClosed() throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		AnnotatedBatch batch = words(texts(List.of("a", "b")));
		long held = this.allocator.getAllocatedMemory();
		try (IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), batch.schema(),
				batch.dictionaries())) {
			writer.write(batch);
			batch.close();
			assertThat(this.allocator.getAllocatedMemory()).isPositive().isLessThan(held);
			try (AnnotatedBatch other = words(texts(List.of("c")))) {
				writer.write(other);
			}
			writer.close();
			assertThat(this.allocator.getAllocatedMemory()).isZero();
		}
	}

	// no rows, and a dictionary
	private AnnotatedBatch words(FieldVector values) {
		MapDictionaryProvider dictionaries = new MapDictionaryProvider();
		dictionaries.put(new Dictionary(values, WORDS));
		IntVector indices = new IntVector("n", new FieldType(true, SampleBatches.INT32, WORDS), this.allocator);
		indices.allocateNew(1);
		AnnotatedBatch bare = SampleBatches.batch(0, List.of(indices), BatchMetadata.empty());
		return new AnnotatedBatch(bare.root(), dictionaries, BatchMetadata.empty());
	}

	private int read(GatheredStream stream) {
		try (IpcStreamReader reader = reader(SampleBatches.bytes(stream))) {
			reader.nextStream();
			int batches = 0;
			for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
				batch.close();
				batches++;
			}
			return batches;
		}
	}

	private IpcStreamReader reader(byte[] bytes) {
		return IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, this.allocator);
	}

	// of the messages, or -1 for an end marker
	private static List<Byte> types(byte[] stream) {
		List<Byte> types = new ArrayList<>();
		ByteBuffer bytes = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
		for (int at = 0; at < stream.length;) {
			assertThat(at % 8).as("alignment").isZero();
			assertThat(bytes.getInt(at)).isEqualTo(-1);
			int length = bytes.getInt(at + 4);
			at += 8 + length;
			if (length == 0) {
				types.add((byte) -1);
			}
			else {
				Message head = Message
					.getRootAsMessage(bytes.slice(at - length, length).order(ByteOrder.LITTLE_ENDIAN));
				types.add(head.headerType());
				at += (int) head.bodyLength();
			}
		}
		return types;
	}

}
