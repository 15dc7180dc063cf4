package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link StreamDictionaries}, with streams whose dictionaries change.
 */
class StreamDictionariesTests {

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void changedDictionariesAreSentAgain() throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (AnnotatedBatch first = SampleBatches.dictionaries(this.allocator, 3);
				AnnotatedBatch same = SampleBatches.dictionaries(this.allocator, 4);
				AnnotatedBatch other = SampleBatches.dictionaries(this.allocator, 5)) {
			MapDictionaryProvider changed = (MapDictionaryProvider) other.dictionaries();
			Dictionary old = changed.lookup(7);
			old.getVector().close();
			changed.put(new Dictionary(SampleBatches.texts(this.allocator, "colors", "cyan", "magenta", "yellow"),
					old.getEncoding()));
			int lengthOfSame;
			try (IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), first.schema(),
					new MapDictionaryProvider())) {
				writer.write(first);
				int before = out.size();
				writer.write(same);
				lengthOfSame = out.size() - before;
				writer.write(other);
				writer.writeEmpty(BatchMetadata.of("x", "y"));
				writer.end();
			}
			assertThat(lengthOfSame).as("no dictionary is repeated").isLessThan(700);
			byte[] bytes = out.toByteArray();
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				reader.nextStream();
				try (AnnotatedBatch a = SampleBatches.next(reader);
						AnnotatedBatch b = SampleBatches.next(reader);
						AnnotatedBatch c = SampleBatches.next(reader);
						AnnotatedBatch d = SampleBatches.next(reader)) {
					assertThat(SampleBatches.values(a)).isEqualTo(SampleBatches.values(first));
					assertThat(SampleBatches.values(b)).isEqualTo(SampleBatches.values(same));
					assertThat(SampleBatches.values(c)).isEqualTo(SampleBatches.values(other));
					assertThat(d.rowCount()).isZero();
				}
			}
		}
	}

	@Test
	void deltaDictionariesGrow() throws IOException {
		byte[] bytes = SampleStreams.growingDictionary(this.allocator);
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
				this.allocator)) {
			reader.nextStream();
			AnnotatedBatch first = SampleBatches.next(reader);
			AnnotatedBatch second = SampleBatches.next(reader);
			AnnotatedBatch third = SampleBatches.next(reader);
			assertThat(reader.next()).isNull();
			try (first; second; third) {
				assertThat(dictionary(first)).containsExactly("red", "green", "blue");
				assertThat(dictionary(second)).containsExactly("red", "green", "blue", "black");
				assertThat(dictionary(third)).containsExactly("red", "green", "blue", "black", "white", "grey");
			}
		}
	}

	@Test
	void eachStreamHasDictionariesOfItsOwn() throws IOException {
		byte[] bytes = SampleStreams.growingDictionary(this.allocator);
		byte[] both = ByteBuffer.allocate(2 * bytes.length).put(bytes).put(bytes).array();
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(both), both.length, this.allocator)) {
			for (int stream = 0; stream < 2; stream++) {
				assertThat(reader.nextStream()).isTrue();
				try (AnnotatedBatch first = SampleBatches.next(reader)) {
					assertThat(dictionary(first)).containsExactly("red", "green", "blue");
				}
			}
			reader.endStream();
			assertThat(reader.nextStream()).isFalse();
			assertThat(this.allocator.getAllocatedMemory()).isZero();
		}
	}

	@Test
	void dictionariesOfALaterAccountBelongToItsAllocator() throws IOException {
		byte[] bytes = SampleStreams.growingDictionary(this.allocator);
		try (BufferAllocator first = this.allocator.newChildAllocator("first", 0, Long.MAX_VALUE);
				BufferAllocator second = this.allocator.newChildAllocator("second", 0, Long.MAX_VALUE);
				IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, first)) {
			reader.nextStream();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(batch.dictionaries().lookup(3).getVector().getAllocator()).isSameAs(first);
			}
			reader.newAccount(second);
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(batch.dictionaries().lookup(3).getVector().getAllocator()).as("not changed since")
					.isSameAs(second);
				assertThat(batch.dictionaries().lookup(7).getVector().getAllocator()).as("changed since")
					.isSameAs(second);
				assertThat(dictionary(batch)).containsExactly("red", "green", "blue", "black");
			}
		}
	}

	@Test
	void accountThatEndedKeepsNothingForTheNext() {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.dictionaries(this.allocator, 3)) {
			bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch, batch, batch)));
		}
		try (BufferAllocator first = this.allocator.newChildAllocator("first", 0, Long.MAX_VALUE);
				BufferAllocator second = this.allocator.newChildAllocator("second", 0, Long.MAX_VALUE);
				IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, first)) {
			reader.nextStream();
			try (AnnotatedBatch one = SampleBatches.next(reader)) {
				reader.newAccount(second);
				try (AnnotatedBatch two = SampleBatches.next(reader)) {
					assertThat(one.dictionaries().lookup(7).getVector().getAllocator()).isSameAs(first);
					assertThat(two.dictionaries().lookup(7).getVector().getAllocator()).isSameAs(second);
					assertThat(SampleBatches.values(two)).isEqualTo(SampleBatches.values(one));
				}
			}
		}
	}

	private List<String> dictionary(AnnotatedBatch batch) {
		VarCharVector vector = (VarCharVector) batch.dictionaries().lookup(7).getVector();
		List<String> texts = new ArrayList<>();
		for (int i = 0; i < vector.getValueCount(); i++) {
			texts.add(vector.getObject(i).toString());
		}
		return texts;
	}

	static List<Field> fieldsThatDoNotGrow() {
		Field number = Field.nullable("number", new ArrowType.Int(32, true));
		Field nothing = Field.nullable("nothing", ArrowType.Null.INSTANCE);
		Field empty = Field.nullable("empty", ArrowType.Struct.INSTANCE);
		return List.of(nothing, empty, of(ArrowType.Struct.INSTANCE, number, nothing),
				of(ArrowType.Struct.INSTANCE, empty, empty), of(ArrowType.List.INSTANCE, empty),
				of(new ArrowType.FixedSizeList(0), number), of(new ArrowType.FixedSizeList(2), nothing),
				of(ArrowType.LargeList.INSTANCE, number),
				of(ArrowType.Struct.INSTANCE, of(ArrowType.LargeList.INSTANCE, number)),
				of(new ArrowType.ListView(), number), of(ArrowType.Struct.INSTANCE, of(new ArrowType.RunEndEncoded(),
						new Field("run_ends", FieldType.notNullable(new ArrowType.Int(32, true)), null), number)));
	}

	private static Field of(ArrowType type, Field... children) {
		return new Field("of", FieldType.nullable(type), List.of(children));
	}

	@ParameterizedTest
	@MethodSource("fieldsThatDoNotGrow")
	void deltaOfWhatCannotGrowIsRefusedBeforeItTakesMemory(Field field) throws IOException {
		try (FieldVector values = field.createVector(this.allocator)) {
			values.setInitialCapacity(5);
			values.allocateNew();
			values.setValueCount(5);
			for (FieldVector child : values.getChildrenFromFields()) {
				if (child instanceof RunEndEncodedVector runs) {
					((IntVector) runs.getRunEndsVector()).setSafe(0, 5);
					runs.getRunEndsVector().setValueCount(1);
					runs.getValuesVector().setValueCount(1);
				}
			}
			byte[] bytes = deltas(values, values);
			long before = this.allocator.getPeakMemoryAllocation();
			assertThatExceptionOfType(UnsupportedStreamException.class).isThrownBy(() -> read(bytes))
				.withMessageStartingWith("Not supported: deltas of a dictionary of type ");
			assertThat(this.allocator.getPeakMemoryAllocation() - before).isLessThan(1 << 20);
		}
	}

	@Test
	void manyShortValuesAfterALongOneAreRefusedBeforeTheyTakeMemory() throws IOException {
		try (StructVector few = texts(1, 1 << 20); StructVector many = texts(1_000_000, 0)) {
			byte[] bytes = deltas(few, many);
			long before = this.allocator.getPeakMemoryAllocation();
			assertThatExceptionOfType(UnsupportedStreamException.class).isThrownBy(() -> read(bytes))
				.withMessageContaining("many short values to a few long ones");
			assertThat(this.allocator.getPeakMemoryAllocation() - before).isLessThan(8L * bytes.length);
		}
		try (StructVector few = texts(2, 10); StructVector many = texts(100_000, 10)) {
			byte[] bytes = deltas(few, many);
			assertThat(read(bytes)).isEqualTo(100_002);
		}
	}

	private StructVector texts(int count, int length) {
		StructVector values = (StructVector) of(ArrowType.Struct.INSTANCE,
				Field.nullable("text", ArrowType.Utf8.INSTANCE))
			.createVector(this.allocator);
		VarCharVector texts = (VarCharVector) values.getChildrenFromFields().get(0);
		values.setInitialCapacity(count);
		values.allocateNew();
		for (int i = 0; i < count; i++) {
			values.setIndexDefined(i);
			texts.setSafe(i, new byte[length]);
		}
		values.setValueCount(count);
		return values;
	}

	private byte[] deltas(FieldVector first, FieldVector delta) throws IOException {
		DictionaryEncoding encoding = new DictionaryEncoding(7, false, new ArrowType.Int(32, true));
		Field column = new Field("column", new FieldType(true, encoding.getIndexType(), encoding), null);
		Schema schema = new Schema(List.of(column));
		try (Gatherer gatherer = new Gatherer(null);
				StreamEncoder encoder = new StreamEncoder(schema,
						new MapDictionaryProvider(new Dictionary(first, encoding)))) {
			encoder.zeroRows(gatherer, BatchMetadata.empty());
			encoder.dictionaryBatch(gatherer, 7, BatchLayout.of(delta.getValueCount(), List.of(delta)), true);
			encoder.zeroRows(gatherer, BatchMetadata.empty());
			encoder.end(gatherer);
			try (GatheredStream stream = gatherer.finish()) {
				return SampleBatches.bytes(stream);
			}
		}
	}

	private int read(byte[] bytes) {
		int size = 0;
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
				this.allocator)) {
			reader.nextStream();
			for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
				size = batch.dictionaries().lookup(7).getVector().getValueCount();
				batch.close();
			}
		}
		return size;
	}

}
