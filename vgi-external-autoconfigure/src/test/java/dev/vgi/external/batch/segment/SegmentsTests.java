package dev.vgi.external.batch.segment;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.memory.SlabPool;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.FixedSizeBinaryVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.UuidVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.compare.Range;
import org.apache.arrow.vector.compare.RangeEqualsVisitor;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link Segments} and {@link ReaderBatches}.
 */
class SegmentsTests {

	/** Of the tests' own batches. */
	private final RootAllocator sources = new RootAllocator();

	/** Of the reader. */
	private final RootAllocator theirs = new RootAllocator();

	/** Of the segments. */
	private final RootAllocator ours = new RootAllocator();

	private final SlabPool slabs = new SlabPool(10_000_000, Duration.ofMinutes(10));

	@AfterEach
	void closeAllocators() {
		this.slabs.close();
		this.ours.close();
		this.theirs.close();
		this.sources.close();
	}

	@ParameterizedTest
	@ValueSource(longs = { 1, 700, 5_000, 50_000, 1_000_000 })
	void segmentsHaveTheValuesOfTheBatches(long segmentSize) throws IOException {
		for (int seed = 0; seed < 20; seed++) {
			Random random = new Random(seed);
			Schema schema = RandomBatches.schema();
			List<AnnotatedBatch> batches = new ArrayList<>();
			int count = random.nextInt(12);
			for (int i = 0; i < count; i++) {
				int rows = random.nextInt(4) * random.nextInt((i % 3 == 0) ? 300 : 20);
				batches.add(RandomBatches.batch(schema, rows, random, this.sources));
			}
			try {
				List<AnnotatedBatch> segments = new ArrayList<>();
				// memory that is used again is not empty
				try (Segments packing = new Segments(new ReaderBatches(reader(schema, batches), this.ours), segmentSize,
						this.ours, (seed % 4 > 0) ? this.slabs : null)) {
					assertThat(packing.schema()).isEqualTo(schema);
					pull(packing, segments);
					assertSame(batches, segments);
					assertSizes(segments, segmentSize);
					List<AnnotatedBatch> read = new ArrayList<>();
					for (AnnotatedBatch segment : segments) {
						read.add(roundTrip(segment));
					}
					assertSame(batches, read);
					read.forEach(AnnotatedBatch::close);
					segments.forEach(AnnotatedBatch::close);
				}
				assertThat(this.slabs.leasedBytes()).isZero();
				assertThat(this.ours.getAllocatedMemory()).isZero();
				assertThat(this.theirs.getAllocatedMemory()).isZero();
			}
			finally {
				batches.forEach(AnnotatedBatch::close);
			}
		}
	}

	@Test
	void batchThatIsASegmentIsNotCopied() throws IOException {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.sources, 1_000);
				Segments packing = packing(batch.schema(), List.of(batch, batch, batch), batch.bufferSize())) {
			assertRows(packing, 1_000, 1_000, 1_000);
			assertThat(peak()).isZero();
		}
	}

	@Test
	void lastBatchIsNotCopiedIfItIsAlone() throws IOException {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.sources, 10);
				Segments packing = packing(batch.schema(), List.of(batch), 1_000_000)) {
			assertThat(packing.pull()).isNull();
			assertThat(packing.isExhausted()).isFalse();
			assertRows(packing, 10);
			assertThat(peak()).isZero();
		}
	}

	@Test
	void segmentIsCompleteOnceItHasItsSize() throws IOException {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.sources, 1_000)) {
			List<AnnotatedBatch> batches = Collections.nCopies(7, batch);
			try (Segments packing = packing(batch.schema(), batches, 2 * batch.bufferSize())) {
				assertRows(packing, 2_000, 2_000, 2_000, 1_000);
			}
			try (Segments packing = packing(batch.schema(), batches, 2 * batch.bufferSize() + 1)) {
				assertRows(packing, 3_000, 3_000, 1_000);
			}
		}
	}

	@Test
	void batchThatIsFarTooLargeForASegmentStartsTheNext() throws IOException {
		try (AnnotatedBatch small = SampleBatches.numbers(this.sources, 1_000);
				AnnotatedBatch large = SampleBatches.numbers(this.sources, 1_200);
				AnnotatedBatch tooLarge = SampleBatches.numbers(this.sources, 2_400)) {
			List<AnnotatedBatch> batches = List.of(small, large, small, tooLarge, small);
			try (Segments packing = packing(small.schema(), batches, 2 * small.bufferSize())) {
				assertRows(packing, 2_200, 1_000, 2_400, 1_000);
			}
		}
	}

	@Test
	void memoryIsThatOfASegmentAndABatch() throws IOException {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.sources, 250_000)) {
			long segmentSize = 32_000_000;
			try (Segments packing = packing(batch.schema(), Collections.nCopies(40, batch), segmentSize)) {
				while (!packing.isExhausted()) {
					AnnotatedBatch segment = packing.pull();
					if (segment != null) {
						segment.close();
					}
				}
				assertThat(peak()).isBetween(segmentSize, segmentSize * 11 / 10 + batch.bufferSize());
			}
		}
	}

	@Test
	void batchesWithoutRowsAreDropped() throws IOException {
		try (AnnotatedBatch none = SampleBatches.flat(this.sources, 0);
				Segments packing = packing(none.schema(), List.of(none, none), 1)) {
			assertRows(packing);
			assertThat(packing.schema()).isEqualTo(none.schema());
		}
	}

	@Test
	void valuesThatCannotBeAppendedStayInTheirBatch() throws IOException {
		for (Function<BufferAllocator, AnnotatedBatch> sample : List.<Function<BufferAllocator, AnnotatedBatch>>of(
				SampleBatches::runs, (allocator) -> SampleBatches.nested(allocator, 20),
				(allocator) -> SampleBatches.flat(allocator, 20))) {
			try (AnnotatedBatch batch = sample.apply(this.sources);
					Segments packing = packing(batch.schema(), List.of(batch, batch), 1_000_000)) {
				List<AnnotatedBatch> segments = new ArrayList<>();
				pull(packing, segments);
				assertThat(segments).hasSize(2);
				segments.forEach(
						(segment) -> assertThat(SampleBatches.values(segment)).isEqualTo(SampleBatches.values(batch)));
				segments.forEach(AnnotatedBatch::close);
			}
		}
	}

	@Test
	void extensionTypesAreAppendedAsTheirStorage() throws IOException {
		UuidVector ids = new UuidVector("ids", this.sources);
		ids.setSafe(0, new UUID(1, 2));
		ids.setSafe(2, new UUID(3, 4));
		try (AnnotatedBatch batch = SampleBatches.batch(3, List.of(ids), BatchMetadata.empty());
				Segments packing = packing(batch.schema(), List.of(batch, batch), 1_000_000)) {
			List<AnnotatedBatch> segments = new ArrayList<>();
			pull(packing, segments);
			try (AnnotatedBatch segment = segments.get(0)) {
				assertThat(segment.root().getVector(0)).isInstanceOf(UuidVector.class);
				List<Object> values = new ArrayList<>();
				for (int i = 0; i < segment.rowCount(); i++) {
					values.add(segment.root().getVector(0).getObject(i));
				}
				assertThat(values).containsExactly(new UUID(1, 2), null, new UUID(3, 4), new UUID(1, 2), null,
						new UUID(3, 4));
			}
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 4095, 4096, 8192, 8193 })
	void wideValuesAreAppended(int width) throws IOException {
		FixedSizeBinaryVector wide = new FixedSizeBinaryVector("wide", this.sources, width);
		for (int i = 0; i < 3; i++) {
			byte[] value = new byte[width];
			Arrays.fill(value, (byte) (i + 1));
			wide.setSafe(i, value);
		}
		try (AnnotatedBatch batch = SampleBatches.batch(3, List.of(wide), BatchMetadata.empty());
				Segments packing = packing(batch.schema(), List.of(batch, batch), 1_000_000)) {
			List<AnnotatedBatch> segments = new ArrayList<>();
			pull(packing, segments);
			assertThat(segments).hasSize(1);
			assertSame(List.of(batch, batch), segments);
			segments.forEach(AnnotatedBatch::close);
		}
	}

	@Test
	void dictionaryThatGrowsStaysInItsSegment() {
		assertThat(colors("red", "red,green", "red,green", "red,green,blue"))
			.containsExactly("[red, green, green, blue]");
	}

	@Test
	void dictionaryThatChangesStartsTheNextSegment() {
		assertThat(colors("red", "red,green", "blue,green", "blue,green", "blue", "blue,red"))
			.containsExactly("[red, green]", "[green, green]", "[blue, red]");
	}

	@Test
	void segmentsHaveAtLeastAsManyValuesAsDictionaries() {
		String palette = "red,green,blue,white,black";
		assertThat(colors(1, palette, palette, palette, palette, palette, palette)).hasSizeBetween(1, 2);
	}

	private List<String> colors(String... dictionaries) {
		return colors(1_000_000, dictionaries);
	}

	private List<String> colors(long segmentSize, String... dictionaries) {
		List<String> values = new ArrayList<>();
		try (Segments packing = new Segments(
				new ReaderBatches(new ReaderBatchesTests.Colors(this.theirs, dictionaries), this.ours), segmentSize,
				this.ours)) {
			List<AnnotatedBatch> segments = new ArrayList<>();
			pull(packing, segments);
			for (AnnotatedBatch segment : segments) {
				AnnotatedBatch read = roundTrip(segment);
				segment.close();
				try (VectorSchemaRoot decoded = read.decode(this.ours)) {
					List<Object> column = new ArrayList<>();
					for (int i = 0; i < decoded.getRowCount(); i++) {
						column.add(decoded.getVector(0).getObject(i));
					}
					values.add(column.toString());
				}
			}
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return values;
	}

	@Test
	void dictionariesAtAnyDepthArePackedOnce() throws IOException {
		for (Function<BufferAllocator, AnnotatedBatch> sample : List.<Function<BufferAllocator, AnnotatedBatch>>of(
				SampleBatches::nestedDictionaries, (allocator) -> SampleBatches.dictionaries(allocator, 12))) {
			try (AnnotatedBatch batch = sample.apply(this.sources);
					Segments packing = packing(batch.schema(), List.of(batch, batch, batch), 1_000_000)) {
				List<AnnotatedBatch> segments = new ArrayList<>();
				pull(packing, segments);
				assertThat(segments).hasSize(1);
				AnnotatedBatch read = roundTrip(segments.get(0));
				segments.get(0).close();
				List<String> values = new ArrayList<>();
				try (VectorSchemaRoot decoded = read.decode(this.ours)) {
					decoded.getFieldVectors().forEach((vector) -> values.add(values(vector)));
				}
				List<String> expected = new ArrayList<>();
				try (AnnotatedBatch one = sample.apply(this.sources);
						VectorSchemaRoot decoded = one.decode(this.sources)) {
					decoded.getFieldVectors().forEach((vector) -> expected.add(values(vector).repeat(3)));
				}
				assertThat(values).isEqualTo(expected);
			}
		}
	}

	private static String values(FieldVector vector) {
		StringBuilder values = new StringBuilder();
		for (int i = 0; i < vector.getValueCount(); i++) {
			values.append(vector.getObject(i)).append(' ');
		}
		return values.toString();
	}

	@Test
	void columnThatBecomesLargerThanExpectedGrows() throws IOException {
		List<AnnotatedBatch> batches = new ArrayList<>();
		for (int i = 0; i < 30; i++) {
			String[] texts = new String[100];
			Arrays.fill(texts, "text".repeat((i < 3) ? 0 : 10 * i));
			batches.add(SampleBatches.batch(100, List.of(SampleBatches.texts(this.sources, "texts", texts)),
					BatchMetadata.empty()));
		}
		try (Segments packing = packing(batches.get(0).schema(), batches, 300_000)) {
			List<AnnotatedBatch> segments = new ArrayList<>();
			pull(packing, segments);
			assertThat(segments).hasSizeLessThan(8);
			assertSame(batches, segments);
			segments.forEach(AnnotatedBatch::close);
		}
		batches.forEach(AnnotatedBatch::close);
	}

	@Test
	void moreThanOneVectorHoldsBecomesTwoSegments() throws IOException {
		NullVector nulls = new NullVector("nulls", 1_500_000_000);
		try (AnnotatedBatch batch = SampleBatches.batch(1_500_000_000, List.of(nulls), BatchMetadata.empty());
				Segments packing = packing(batch.schema(), List.of(batch, batch), 1_000_000)) {
			assertRows(packing, 1_500_000_000, 1_500_000_000);
		}
		try (AnnotatedBatch batch = new AnnotatedBatch(
				new VectorSchemaRoot(new Schema(List.of()), List.of(), 1_500_000_000), new MapDictionaryProvider(),
				BatchMetadata.empty()); Segments packing = packing(batch.schema(), List.of(batch, batch), 1_000_000)) {
			assertRows(packing, 1_500_000_000, 1_500_000_000);
		}
		Field field = RandomBatches.list("lists", new ArrowType.List(), Field.nullable("item", new ArrowType.Null()));
		FieldVector lists = field.createVector(this.sources);
		try (ArrowBuf validity = this.sources.buffer(1); ArrowBuf offsets = this.sources.buffer(8)) {
			validity.setByte(0, 1);
			offsets.setInt(0, 0);
			offsets.setInt(4, 1_500_000_000);
			lists.loadFieldBuffers(new ArrowFieldNode(1, 0), List.of(validity, offsets));
			lists.getChildrenFromFields().get(0).setValueCount(1_500_000_000);
		}
		try (AnnotatedBatch batch = SampleBatches.batch(1, List.of(lists), BatchMetadata.empty());
				Segments packing = packing(batch.schema(), List.of(batch, batch), 1_000_000)) {
			assertRows(packing, 1, 1);
		}
	}

	@ParameterizedTest
	@MethodSource("failures")
	void failureOfTheReaderLeavesNothing(Exception failure) {
		try (Segments packing = new Segments(
				new ReaderBatches(new ReaderBatchesTests.Failing(this.theirs, failure), this.ours), 1_000_000,
				this.ours)) {
			assertThat(packing.pull()).isNull();
			assertThat(packing.pull()).isNull();
			assertThatExceptionOfType(RuntimeException.class).isThrownBy(packing::pull)
				.satisfies((thrown) -> assertThat(thrown == failure || thrown.getCause() == failure).isTrue());
			assertThat(packing.isExhausted()).isFalse();
			assertThatIllegalStateException().isThrownBy(packing::pull);
		}
		assertThat(this.ours.getAllocatedMemory()).isZero();
	}

	static Stream<Exception> failures() {
		return Stream.of(new IOException("gone"), new IllegalArgumentException("wrong"));
	}

	@Test
	void refusedAllocationLeavesNothing() throws IOException {
		refuseAllocations(null);
	}

	@Test
	void refusedSlabIsGivenBack() throws IOException {
		refuseAllocations(this.slabs);
		assertThat(this.slabs.leasedBytes()).isZero();
	}

	private void refuseAllocations(@Nullable SlabPool slabs) throws IOException {
		for (int allowed = 0;; allowed++) {
			int[] left = { allowed };
			AllocationListener listener = new AllocationListener() {

				@Override
				public void onPreAllocation(long size) {
					if (left[0]-- == 0) {
						throw new OutOfMemoryException("refused");
					}
				}

			};
			boolean refused = false;
			try (RootAllocator limited = new RootAllocator(listener, Long.MAX_VALUE)) {
				List<AnnotatedBatch> segments = new ArrayList<>();
				try (Segments packing = new Segments(new ReaderBatches(growing(), limited), 20_000, limited, slabs)) {
					pull(packing, segments);
				}
				catch (OutOfMemoryException ex) {
					refused = true;
				}
				finally {
					segments.forEach(AnnotatedBatch::close);
				}
				assertThat(this.theirs.getAllocatedMemory()).isZero();
			}
			if (!refused) {
				assertThat(allowed).isGreaterThan(10);
				return;
			}
		}
	}

	private ArrowStreamReader growing() throws IOException {
		List<AnnotatedBatch> batches = new ArrayList<>();
		for (int i = 0; i < 12; i++) {
			AnnotatedBatch encoded = SampleBatches.dictionaries(this.sources, 5 + 50 * i);
			String[] texts = new String[5 + 50 * i];
			Arrays.fill(texts, "x".repeat(i));
			List<FieldVector> vectors = new ArrayList<>(encoded.root().getFieldVectors());
			vectors.add(SampleBatches.texts(this.sources, "texts", texts));
			batches
				.add(new AnnotatedBatch(new VectorSchemaRoot(vectors), encoded.dictionaries(), BatchMetadata.empty()));
		}
		try {
			return reader(batches.get(0).schema(), batches);
		}
		finally {
			batches.forEach(AnnotatedBatch::close);
		}
	}

	private Segments packing(Schema schema, List<AnnotatedBatch> batches, long segmentSize) throws IOException {
		return new Segments(new ReaderBatches(reader(schema, batches), this.ours), segmentSize, this.ours);
	}

	private long peak() {
		return this.ours.getPeakMemoryAllocation();
	}

	private static void assertRows(Segments packing, Integer... rows) {
		List<AnnotatedBatch> segments = new ArrayList<>();
		pull(packing, segments);
		assertThat(segments).extracting(AnnotatedBatch::rowCount).containsExactly(rows);
		segments.forEach(AnnotatedBatch::close);
	}

	private static void pull(Segments packing, List<AnnotatedBatch> segments) {
		while (!packing.isExhausted()) {
			AnnotatedBatch segment = packing.pull();
			if (segment != null) {
				segments.add(segment);
			}
		}
		assertThat(packing.pull()).isNull();
	}

	private static void assertSizes(List<AnnotatedBatch> segments, long segmentSize) {
		for (int i = 0; i + 1 < segments.size(); i++) {
			long together = segments.get(i).bufferSize() + segments.get(i + 1).bufferSize();
			assertThat(together).isGreaterThan(segmentSize);
		}
		segments.forEach((segment) -> assertThat(segment.rowCount()).isPositive());
	}

	private AnnotatedBatch roundTrip(AnnotatedBatch segment) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(segment))) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes.toByteArray()), bytes.size(),
				this.ours)) {
			assertThat(reader.nextStream()).isTrue();
			return Objects.requireNonNull(reader.next());
		}
	}

	private static void assertSame(List<AnnotatedBatch> expected, List<AnnotatedBatch> actual) {
		int next = 0;
		int row = 0;
		for (AnnotatedBatch batch : expected) {
			int done = 0;
			while (done < batch.rowCount()) {
				AnnotatedBatch other = actual.get(next);
				int rows = Math.min(batch.rowCount() - done, other.rowCount() - row);
				for (int i = 0; i < batch.root().getFieldVectors().size(); i++) {
					FieldVector left = batch.root().getVector(i);
					FieldVector right = other.root().getVector(i);
					assertThat(
							new RangeEqualsVisitor(left, right, (a, b) -> true).rangeEquals(new Range(done, row, rows)))
						.as(left.getName())
						.isTrue();
				}
				done += rows;
				row += rows;
				if (row == other.rowCount()) {
					next++;
					row = 0;
				}
			}
		}
		assertThat(next).isEqualTo(actual.size());
	}

	private ArrowStreamReader reader(Schema schema, List<AnnotatedBatch> batches) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (GatheredStream stream = IpcStreamWriter.gather(schema, batches)) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		return new ArrowStreamReader(new ByteArrayInputStream(bytes.toByteArray()), this.theirs);
	}

}
