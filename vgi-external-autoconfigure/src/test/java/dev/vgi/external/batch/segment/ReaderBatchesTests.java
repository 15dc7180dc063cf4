package dev.vgi.external.batch.segment;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.SampleBatches;
import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.c.Data;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.ByteArrayReadableSeekableByteChannel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ReaderBatches}, with all kinds of readers.
 */
class ReaderBatchesTests {

	private final RootAllocator theirs = new RootAllocator();

	private final RootAllocator ours = new RootAllocator();

	@AfterEach
	void closeAllocators() {
		this.ours.close();
		this.theirs.close();
	}

	static Stream<Sample> samples() {
		return Stream.of(new Sample("flat", (allocator) -> SampleBatches.flat(allocator, 37)),
				new Sample("nested", (allocator) -> SampleBatches.nested(allocator, 23)),
				new Sample("runs", SampleBatches::runs), new Sample("times", SampleBatches::times),
				new Sample("dictionaries", (allocator) -> SampleBatches.dictionaries(allocator, 12)),
				new Sample("nested dictionaries", SampleBatches::nestedDictionaries),
				new Sample("no rows", (allocator) -> SampleBatches.nested(allocator, 0)));
	}

	@ParameterizedTest
	@MethodSource("samples")
	void batchesOfAStreamOutliveTheReader(Sample sample) throws IOException {
		outlive(sample, new ArrowStreamReader(new ByteArrayInputStream(stream(sample)), this.theirs));
	}

	@ParameterizedTest
	@MethodSource("samples")
	void batchesOfAnyOtherReaderOutliveIt(Sample sample) throws IOException {
		outlive(sample, new ArrowStreamReader(new ByteArrayInputStream(stream(sample)), this.theirs) {
		});
	}

	@ParameterizedTest
	@MethodSource("samples")
	void batchesOfAFileOutliveTheReader(Sample sample) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (AnnotatedBatch batch = sample.make(this.theirs);
				ArrowFileWriter writer = new ArrowFileWriter(batch.root(), batch.dictionaries(),
						Channels.newChannel(bytes))) {
			writer.writeBatch();
			writer.writeBatch();
		}
		outlive(sample,
				new ArrowFileReader(new ByteArrayReadableSeekableByteChannel(bytes.toByteArray()), this.theirs));
	}

	// without the unions that have no members, which Arrow cannot import
	static Stream<Sample> importedSamples() {
		return Stream.concat(samples().limit(6),
				Stream.of(new Sample("no rows", (allocator) -> SampleBatches.flat(allocator, 0))));
	}

	@ParameterizedTest
	@MethodSource("importedSamples")
	void batchesOfCDataOutliveTheReader(Sample sample) throws IOException {
		try (ArrowArrayStream stream = ArrowArrayStream.allocateNew(this.theirs)) {
			Data.exportArrayStream(this.theirs,
					new ArrowStreamReader(new ByteArrayInputStream(stream(sample)), this.theirs), stream);
			outlive(sample, Data.importArrayStream(this.theirs, stream));
		}
	}

	private byte[] stream(Sample sample) {
		try (AnnotatedBatch batch = sample.make(this.theirs)) {
			return SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch, batch)));
		}
	}

	private void outlive(Sample sample, ArrowReader reader) {
		try (AnnotatedBatch expected = sample.make(this.theirs)) {
			ReaderBatches batches = new ReaderBatches(reader, this.ours);
			try (AnnotatedBatch first = next(batches);
					AnnotatedBatch second = next(batches);
					AnnotatedBatch none = batches.zeroRows()) {
				assertThat(batches.next()).isNull();
				assertThat(batches.pulled()).isEqualTo(2);
				batches.close();
				batches.close();
				for (AnnotatedBatch batch : List.of(first, second)) {
					assertThat(values(batch)).isEqualTo(values(expected));
					assertThat(batch.metadata().isEmpty()).isTrue();
					assertThat(batch.schema()).isEqualTo(batches.schema());
				}
				assertThat(none.rowCount()).isZero();
				assertThat(none.schema()).isEqualTo(batches.schema());
			}
		}
	}

	// an import gives each dictionary column a dictionary of its own
	private static List<Object> values(AnnotatedBatch batch) {
		return SampleBatches.values(batch)
			.stream()
			.map((column) -> (column instanceof Map<?, ?> dictionary) ? dictionary.values().toString() : column)
			.distinct()
			.sorted(Comparator.comparing(Object::toString))
			.toList();
	}

	private static AnnotatedBatch next(ReaderBatches batches) {
		return Objects.requireNonNull(batches.next());
	}

	@Test
	void readerThatSetsValuesInPlaceDoesNotChangeEarlierBatches() {
		try (ReaderBatches batches = new ReaderBatches(new InPlace(this.theirs, 5), this.ours)) {
			List<AnnotatedBatch> pulled = new ArrayList<>();
			assertThat(batches.reaches(Long.MAX_VALUE)).isFalse();
			for (int i = 0; i < 5; i++) {
				pulled.add(next(batches));
			}
			assertThat(batches.next()).isNull();
			for (int i = 0; i < 5; i++) {
				List<String> rows = new ArrayList<>();
				for (int row = 0; row < InPlace.ROWS; row++) {
					rows.add(InPlace.text(i, row));
				}
				VectorSchemaRoot root = pulled.get(i).root();
				List<String> actual = new ArrayList<>();
				for (int row = 0; row < root.getRowCount(); row++) {
					actual.add(root.getVector(0).getObject(row) + "|" + root.getVector(1).getObject(row) + "|"
							+ root.getVector(2).getObject(row) + "|" + root.getVector(3).getObject(row) + "|"
							+ root.getVector(4).getObject(row));
				}
				assertThat(actual).isEqualTo(rows);
				pulled.get(i).close();
			}
		}
	}

	@Test
	void batchesHaveTheDictionariesOfTheirTime() throws IOException {
		try (ReaderBatches batches = new ReaderBatches(
				new Colors(this.theirs, "red", "red,green", "red,green", "blue,green", "blue,green"), this.ours)) {
			assertThat(batches.reaches(Long.MAX_VALUE)).isFalse();
			long copies = this.ours.getAllocatedMemory();
			List<AnnotatedBatch> pulled = new ArrayList<>();
			List<String> dictionaries = new ArrayList<>();
			for (AnnotatedBatch batch = batches.next(); batch != null; batch = batches.next()) {
				pulled.add(batch);
				dictionaries.add(dictionary(batch));
			}
			assertThat(dictionaries).containsExactly("[red]", "[red, green]", "[red, green]", "[blue, green]",
					"[blue, green]");
			assertThat(address(pulled.get(1))).isEqualTo(address(pulled.get(2)));
			assertThat(address(pulled.get(3))).isEqualTo(address(pulled.get(4)));
			assertThat(this.ours.getAllocatedMemory()).isEqualTo(copies);
			List<AnnotatedBatch> read = new ArrayList<>();
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(batches.schema(), pulled));
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.ours)) {
				assertThat(reader.nextStream()).isTrue();
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					read.add(batch);
				}
			}
			assertThat(read.stream().map(ReaderBatchesTests::dictionary).toList()).isEqualTo(dictionaries);
			List<String> stock = new ArrayList<>();
			try (ArrowStreamReader reader = new ArrowStreamReader(new ByteArrayInputStream(bytes), this.theirs)) {
				while (reader.loadNextBatch()) {
					stock.add(values(Objects.requireNonNull(reader.lookup(Colors.ID)).getVector()));
				}
			}
			assertThat(stock).isEqualTo(dictionaries);
			pulled.forEach(AnnotatedBatch::close);
			read.forEach(AnnotatedBatch::close);
		}
	}

	private static long address(AnnotatedBatch batch) {
		return vector(batch).getDataBuffer().memoryAddress();
	}

	private static String dictionary(AnnotatedBatch batch) {
		return values(vector(batch));
	}

	private static String values(FieldVector vector) {
		List<Object> values = new ArrayList<>();
		for (int i = 0; i < vector.getValueCount(); i++) {
			values.add(vector.getObject(i));
		}
		return values.toString();
	}

	private static FieldVector vector(AnnotatedBatch batch) {
		return Objects.requireNonNull(batch.dictionaries().lookup(Colors.ID)).getVector();
	}

	@Test
	void largeResultsAreRecognisedEarly() {
		try (ReaderBatches batches = new ReaderBatches(new InPlace(this.theirs, 5), this.ours)) {
			assertThat(batches.reaches(0)).isTrue();
			assertThat(batches.pulled()).isZero();
			assertThat(batches.reaches(1)).isTrue();
			assertThat(batches.pulled()).isOne();
			AnnotatedBatch first = next(batches);
			long size = first.bufferSize();
			first.close();
			assertThat(batches.reaches(size + 500)).isTrue();
			assertThat(batches.pulled()).isEqualTo(3);
			assertThat(batches.reaches(5 * size)).isFalse();
			assertThat(batches.pulled()).isEqualTo(5);
		}
	}

	@Test
	@Timeout(60)
	void endlessBatchesWithoutBytesAreNotHeldWithoutAnEnd() {
		Schema nothing = new Schema(List.of(Field.nullable("nothing", new ArrowType.Null())));
		try (ReaderBatches batches = new ReaderBatches(new Endless(this.theirs, nothing), this.ours);
				ReaderBatches narrow = new ReaderBatches(new Endless(this.theirs, new Schema(List.of())), this.ours)) {
			assertThat(batches.reaches(100_000)).isTrue();
			assertThat(batches.pulled()).isLessThan(1000);
			assertThat(narrow.reaches(100_000)).isTrue();
			assertThat(narrow.pulled()).isLessThan(1000);
		}
	}

	@Test
	void failureOfTheReaderIsReportedOnce() {
		ReaderBatches batches = new ReaderBatches(new Failing(this.theirs, new IOException("gone")), this.ours);
		assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(() -> batches.reaches(Long.MAX_VALUE))
			.withRootCauseInstanceOf(IOException.class);
		assertThat(batches.pulled()).isEqualTo(2);
		next(batches).close();
		next(batches).close();
		assertThatIllegalStateException().isThrownBy(batches::next);
		batches.close();
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void readerIsClosedIfItsSchemaCannotBeRead(boolean checked) {
		boolean[] closed = new boolean[1];
		ArrowReader reader = new InPlace(this.theirs, 1) {

			@Override
			protected Schema readSchema() throws IOException {
				if (checked) {
					throw new IOException("no schema");
				}
				throw new UncheckedIOException(new IOException("no schema"));
			}

			@Override
			protected void closeReadSource() {
				closed[0] = true;
			}

		};
		assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(() -> new ReaderBatches(reader, this.ours));
		assertThat(closed).containsExactly(true);
	}

	@Test
	void otherTypeInsideOfAColumnIsReported() {
		List<Field> fields = new ArrayList<>();
		ArrowReader reader = new InPlace(this.theirs, 4) {

			@Override
			public VectorSchemaRoot getVectorSchemaRoot() throws IOException {
				VectorSchemaRoot root = super.getVectorSchemaRoot();
				if (this.batch < 2) {
					return root;
				}
				fields.addAll(root.getSchema().getFields());
				fields.set(4, RandomBatches.list("struct", new ArrowType.Struct(),
						Field.nullable("x", new ArrowType.Int(64, true))));
				return new VectorSchemaRoot(new Schema(fields), root.getFieldVectors(), root.getRowCount());
			}

		};
		try (ReaderBatches batches = new ReaderBatches(reader, this.ours)) {
			try (AnnotatedBatch first = next(batches)) {
				assertThat(first.rowCount()).isEqualTo(InPlace.ROWS);
			}
			assertThatIllegalStateException().isThrownBy(batches::next)
				.withMessageContaining("Batch 2")
				.withMessageContaining("'struct'");
		}
	}

	@Test
	void batchThatCannotBeTakenOutOfTheReaderLeavesNothing() throws IOException {
		IntVector sound = new IntVector("sound", this.theirs);
		StructVector broken = new StructVector("broken", this.theirs, FieldType.nullable(ArrowType.Struct.INSTANCE),
				null) {

			@Override
			public List<ArrowBuf> getFieldBuffers() {
				throw new IllegalArgumentException("broken");
			}

		};
		try (VectorSchemaRoot root = new VectorSchemaRoot(List.of(sound, broken))) {
			sound.allocateNew(1);
			root.setRowCount(1);
			int references = sound.getDataBuffer().refCnt();
			ArrowReader reader = new Endless(this.theirs, root.getSchema()) {

				@Override
				public VectorSchemaRoot getVectorSchemaRoot() {
					return root;
				}

				@Override
				public boolean loadNextBatch() {
					return true;
				}

			};
			try (ReaderBatches batches = new ReaderBatches(reader, this.ours)) {
				assertThatIllegalArgumentException().isThrownBy(batches::next).withMessage("broken");
				assertThat(sound.getDataBuffer().refCnt()).as("the reader's own").isEqualTo(references);
			}
		}
	}

	@Test
	void copyThatIsRefusedLeavesNothing() {
		int refused = 0;
		for (long limit = 0; limit >= 0; limit = (limit < 1 << 16) ? limit + 256 : -1) {
			try (BufferAllocator limited = this.ours.newChildAllocator("limited", 0, limit);
					ReaderBatches batches = new ReaderBatches(new InPlace(this.theirs, 1), limited)) {
				try (AnnotatedBatch first = next(batches)) {
					assertThat(first.rowCount()).isEqualTo(InPlace.ROWS);
					limit = 1 << 16;
				}
				catch (OutOfMemoryException ex) {
					refused++;
				}
				assertThat(limited.getAllocatedMemory()).isZero();
			}
		}
		assertThat(refused).isGreaterThan(3);
	}

	@Test
	void otherSchemaIsReportedWithItsField() {
		try (VectorSchemaRoot other = new VectorSchemaRoot(
				List.of(new BigIntVector("number", this.theirs), new IntVector("flag", this.theirs)))) {
			ArrowReader reader = new InPlace(this.theirs, 4) {

				@Override
				public VectorSchemaRoot getVectorSchemaRoot() throws IOException {
					return (this.batch < 3) ? super.getVectorSchemaRoot() : other;
				}

			};
			try (ReaderBatches batches = new ReaderBatches(reader, this.ours)) {
				assertThatIllegalStateException().isThrownBy(() -> batches.reaches(Long.MAX_VALUE))
					.withMessageContaining("Batch 3")
					.withMessageContaining("'flag'");
			}
		}
	}

	@Test
	void columnThatIsNotAsLongAsItsBatchIsReported() {
		ArrowReader reader = new InPlace(this.theirs, 4) {

			@Override
			public boolean loadNextBatch() throws IOException {
				boolean more = super.loadNextBatch();
				getVectorSchemaRoot().getVector(1).setValueCount(InPlace.ROWS - 1);
				return more;
			}

		};
		try (ReaderBatches batches = new ReaderBatches(reader, this.ours)) {
			assertThatIllegalStateException().isThrownBy(batches::next)
				.withMessageContaining("Batch 1")
				.withMessageContaining("'flag'");
		}
	}

	/**
	 * Allocates its vectors for the first batch only, and sets its first column only
	 * once.
	 */
	static class InPlace extends ArrowReader {

		static final int ROWS = 70;

		private final int batches;

		int batch;

		InPlace(BufferAllocator allocator, int batches) {
			super(allocator);
			this.batches = batches;
		}

		static String text(int batch, int row) {
			String text = "text".repeat(row % 4) + batch;
			return (row % 5 == 1) ? "null|null|null|null|{}" : row + "|" + (row % (batch + 2) == 0) + "|" + text + "|"
					+ "[" + (batch - row) + "]|{\"x\":" + (row - batch) + "}";
		}

		@Override
		public boolean loadNextBatch() throws IOException {
			VectorSchemaRoot root = getVectorSchemaRoot();
			if (this.batch == this.batches) {
				root.setRowCount(0);
				return false;
			}
			if (this.batch == 0) {
				root.getFieldVectors().forEach((vector) -> {
					vector.setInitialCapacity(ROWS);
					vector.allocateNew();
				});
			}
			else {
				root.getFieldVectors().subList(1, 5).forEach(FieldVector::reset);
			}
			BigIntVector numbers = (BigIntVector) root.getVector(0);
			BitVector flags = (BitVector) root.getVector(1);
			VarCharVector texts = (VarCharVector) root.getVector(2);
			ListVector lists = (ListVector) root.getVector(3);
			StructVector structs = (StructVector) root.getVector(4);
			int items = 0;
			for (int row = 0; row < ROWS; row++) {
				if (this.batch == 0 && row % 5 != 1) {
					numbers.set(row, row);
				}
				if (row % 5 != 1) {
					flags.set(row, (row % (this.batch + 2) == 0) ? 1 : 0);
					texts.set(row, ("text".repeat(row % 4) + this.batch).getBytes(StandardCharsets.UTF_8));
					lists.startNewValue(row);
					((IntVector) lists.getDataVector()).set(items++, this.batch - row);
					lists.endValue(row, 1);
					structs.setIndexDefined(row);
					structs.getChild("x", IntVector.class).set(row, row - this.batch);
				}
				else {
					structs.setIndexDefined(row);
				}
			}
			root.setRowCount(ROWS);
			this.batch++;
			return true;
		}

		@Override
		protected Schema readSchema() throws IOException {
			return new Schema(List.of(Field.nullable("number", new ArrowType.Int(64, true)),
					Field.nullable("flag", new ArrowType.Bool()), Field.nullable("text", RandomBatches.UTF8),
					RandomBatches.list("list", new ArrowType.List(), Field.nullable("item", RandomBatches.INT32)),
					RandomBatches.list("struct", new ArrowType.Struct(), Field.nullable("x", RandomBatches.INT32))));
		}

		@Override
		public long bytesRead() {
			return 0;
		}

		@Override
		protected void closeReadSource() {
		}

	}

	/**
	 * Fails after two batches.
	 */
	static final class Failing extends InPlace {

		private final Exception failure;

		Failing(BufferAllocator allocator, Exception failure) {
			super(allocator, 10);
			this.failure = failure;
		}

		@Override
		public boolean loadNextBatch() throws IOException {
			if (this.batch == 2) {
				if (this.failure instanceof IOException checked) {
					throw checked;
				}
				throw (RuntimeException) this.failure;
			}
			return super.loadNextBatch();
		}

	}

	/**
	 * Never ends. Its batches have rows, but no bytes.
	 */
	static class Endless extends ArrowReader {

		private final Schema schema;

		Endless(BufferAllocator allocator, Schema schema) {
			super(allocator);
			this.schema = schema;
		}

		@Override
		public boolean loadNextBatch() throws IOException {
			getVectorSchemaRoot().setRowCount(3);
			return true;
		}

		@Override
		public long bytesRead() {
			return 0;
		}

		@Override
		protected void closeReadSource() {
		}

		@Override
		protected Schema readSchema() {
			return this.schema;
		}

	}

	/**
	 * Has one row a batch, the last color of its dictionary, which it changes in place.
	 */
	static final class Colors extends ArrowReader {

		static final long ID = 7;

		private final List<String> dictionaries;

		private int batch;

		Colors(BufferAllocator allocator, String... dictionaries) {
			super(allocator);
			this.dictionaries = Arrays.asList(dictionaries);
		}

		@Override
		public boolean loadNextBatch() throws IOException {
			prepareLoadNextBatch();
			if (this.batch == this.dictionaries.size()) {
				return false;
			}
			String[] colors = this.dictionaries.get(this.batch++).split(",");
			VarCharVector values = (VarCharVector) Objects.requireNonNull(lookup(ID)).getVector();
			for (int i = 0; i < colors.length; i++) {
				values.setSafe(i, colors[i].getBytes(StandardCharsets.UTF_8));
			}
			values.setValueCount(colors.length);
			IntVector indices = (IntVector) getVectorSchemaRoot().getVector(0);
			indices.setSafe(0, colors.length - 1);
			getVectorSchemaRoot().setRowCount(1);
			return true;
		}

		@Override
		protected Schema readSchema() {
			return new Schema(List.of(new Field("color",
					new FieldType(true, RandomBatches.UTF8, new DictionaryEncoding(ID, false, null)), null)));
		}

		@Override
		public long bytesRead() {
			return 0;
		}

		@Override
		protected void closeReadSource() {
		}

	}

	private record Sample(String name, Function<BufferAllocator, AnnotatedBatch> factory) {

		AnnotatedBatch make(BufferAllocator allocator) {
			return this.factory.apply(allocator);
		}

		@Override
		public String toString() {
			return this.name;
		}

	}

}
