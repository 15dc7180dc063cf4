package dev.vgi.external.batch.segment;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.compare.Range;
import org.apache.arrow.vector.compare.RangeEqualsVisitor;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

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

	private final List<AutoCloseable> closed = new ArrayList<>();

	@AfterEach
	void closeAllocators() throws Exception {
		for (AutoCloseable closeable : this.closed) {
			closeable.close();
		}
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
				try (Segments packing = new Segments(new ReaderBatches(reader(schema, batches), this.ours), segmentSize,
						this.ours)) {
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
				assertThat(this.ours.getAllocatedMemory()).isZero();
				assertThat(this.theirs.getAllocatedMemory()).isZero();
			}
			finally {
				batches.forEach(AnnotatedBatch::close);
			}
		}
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
