package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link IpcStreamWriter} and {@link IpcStreamReader} together, against the
 * stock writer and reader.
 */
class IpcStreamTests {

	private static final BatchMetadata SOME = BatchMetadata.of(new LinkedHashMap<>(Map.of("clé", "wärtvoll", "b", "")));

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	static Stream<Sample> samples() {
		return Stream.of(new Sample("numbers", (allocator) -> SampleBatches.numbers(allocator, 10)),
				new Sample("many numbers", (allocator) -> SampleBatches.numbers(allocator, 100_000)),
				new Sample("flat", (allocator) -> SampleBatches.flat(allocator, 37)),
				new Sample("much flat", (allocator) -> SampleBatches.flat(allocator, 20_001)),
				new Sample("whole words of flat", (allocator) -> SampleBatches.flat(allocator, 128)),
				new Sample("flat without rows", (allocator) -> SampleBatches.flat(allocator, 0)),
				new Sample("nested", (allocator) -> SampleBatches.nested(allocator, 23)),
				new Sample("much nested", (allocator) -> SampleBatches.nested(allocator, 9_000)),
				new Sample("runs", SampleBatches::runs), new Sample("times", SampleBatches::times),
				new Sample("dictionaries", (allocator) -> SampleBatches.dictionaries(allocator, 12)),
				new Sample("dictionaries without rows", (allocator) -> SampleBatches.dictionaries(allocator, 0)),
				new Sample("nested dictionaries", SampleBatches::nestedDictionaries),
				new Sample("no columns", (allocator) -> SampleBatches.batch(0, List.of(), BatchMetadata.empty())));
	}

	@ParameterizedTest
	@MethodSource("samples")
	void withoutMetadataIsWhatTheStockWriterWrites(Sample sample) throws IOException {
		try (AnnotatedBatch batch = sample.make(this.allocator).withMetadata(BatchMetadata.empty())) {
			byte[] ours = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch)));
			assertThat(ours).isEqualTo(stock(batch));
		}
	}

	@ParameterizedTest
	@MethodSource("samples")
	void stockReaderReadsWhatWeWrite(Sample sample) throws IOException {
		try (AnnotatedBatch batch = sample.make(this.allocator).withMetadata(SOME)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch)));
			try (ArrowStreamReader reader = new ArrowStreamReader(new ByteArrayInputStream(bytes), this.allocator)) {
				assertThat(reader.loadNextBatch()).isTrue();
				assertThat(reader.getVectorSchemaRoot().getRowCount()).isEqualTo(batch.rowCount());
				AnnotatedBatch view = new AnnotatedBatch(reader.getVectorSchemaRoot(), reader, BatchMetadata.empty());
				assertThat(SampleBatches.values(view)).isEqualTo(SampleBatches.values(batch));
				assertThat(reader.loadNextBatch()).isFalse();
			}
		}
	}

	@ParameterizedTest
	@MethodSource("samples")
	void roundTripsThroughMemoryAndStream(Sample sample) {
		try (AnnotatedBatch batch = sample.make(this.allocator).withMetadata(SOME)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch)));
			try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
					IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator)) {
				assertReads(reader, batch, bytes);
			}
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				assertReads(reader, batch, bytes);
			}
		}
	}

	@ParameterizedTest
	@MethodSource("samples")
	void whatWasReadIsWrittenAsItWas(Sample sample) {
		try (AnnotatedBatch batch = sample.make(this.allocator).withMetadata(SOME)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch)));
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				assertThat(reader.nextStream()).isTrue();
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(SampleBatches.bytes(IpcStreamWriter.gather(reader.schema(), List.of(read))))
						.isEqualTo(bytes);
				}
			}
		}
	}

	@Test
	void columnThatWasClosedIsToldFromOneThatIsShort() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 10)) {
			FieldVector column = batch.root().getVector(0);
			column.setValueCount(1);
			assertThatIllegalArgumentException()
				.isThrownBy(() -> IpcStreamWriter.gather(batch.schema(), List.of(batch)))
				.withMessage("Column '%s' has 1 values in a batch of %s rows", column.getName(), batch.rowCount());
			// as after a batch that a handler returned from inside try-with-resources
			column.close();
			assertThatIllegalArgumentException()
				.isThrownBy(() -> IpcStreamWriter.gather(batch.schema(), List.of(batch)))
				.withMessageEndingWith("rows: has it been closed already?");
		}
	}

	@Test
	void noTextsWhoseOffsetIsNotZeroAreWrittenAsNone() {
		FieldVector texts = Field.nullable("texts", SampleBatches.UTF8).createVector(this.allocator);
		try (ArrowBuf offset = this.allocator.buffer(Integer.BYTES)) {
			offset.setInt(0, 3);
			texts.loadFieldBuffers(new ArrowFieldNode(0, 0), List.of(offset, offset, offset));
		}
		try (AnnotatedBatch batch = SampleBatches.batch(0, List.of(texts), BatchMetadata.empty())) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch)));
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				assertThat(reader.nextStream()).isTrue();
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(read.rowCount()).isZero();
				}
			}
		}
	}

	@ParameterizedTest
	@MethodSource("samples")
	void unalignedBodyIsRead(Sample sample) {
		try (AnnotatedBatch batch = sample.make(this.allocator).withMetadata(SOME)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch)));
			try (ArrowBuf memory = this.allocator.buffer(bytes.length + 3)) {
				memory.setBytes(3, bytes);
				ArrowBuf body = memory.slice(3, bytes.length);
				try (IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator)) {
					assertReads(reader, batch, bytes);
				}
			}
		}
	}

	private void assertReads(IpcStreamReader reader, AnnotatedBatch expected, byte[] bytes) {
		assertThat(reader.nextStream()).isTrue();
		AnnotatedBatch read = SampleBatches.next(reader);
		assertThat(read).isNotNull();
		try (read) {
			assertThat(reader.next()).isNull();
			assertThat(reader.next()).isNull();
			assertThat(reader.position()).isEqualTo(bytes.length);
			assertThat(reader.nextStream()).isFalse();
			reader.close();
			assertThat(read.metadata()).isEqualTo(SOME);
			assertThat(read.schema().getFields()).hasSameSizeAs(expected.schema().getFields());
			assertThat(read.rowCount()).isEqualTo(expected.rowCount());
			assertThat(read.bufferSize()).isEqualTo(expected.bufferSize());
			assertThat(SampleBatches.values(read)).isEqualTo(SampleBatches.values(expected));
		}
	}

	@Test
	void cycleWritesItsLogsBeforeItsData() {
		LogMessage first = new LogMessage("INFO", "début", Map.of("detail", 1));
		LogMessage second = new LogMessage("WARN", "second", Map.of());
		try (AnnotatedBatch data = SampleBatches.dictionaries(this.allocator, 6);
				GatheredStream stream = IpcStreamWriter.gather(new OutputCycle(List.of(first, second), data))) {
			byte[] bytes = copy(stream);
			assertThat(bytes).hasSize((int) stream.length());
			assertThat(copy(stream)).as("written again").isEqualTo(bytes);
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				reader.nextStream();
				try (AnnotatedBatch log = SampleBatches.next(reader);
						AnnotatedBatch other = SampleBatches.next(reader);
						AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(log.rowCount()).isZero();
					assertThat(BatchKind.of(0, log.metadata())).isEqualTo(BatchKind.LOG);
					assertThat(LogMessage.from(log.metadata())).isEqualTo(first);
					assertThat(LogMessage.from(other.metadata())).isEqualTo(second);
					assertThat(read.metadata()).isEqualTo(data.metadata());
					assertThat(SampleBatches.values(read)).isEqualTo(SampleBatches.values(data));
					assertThat(reader.next()).isNull();
				}
			}
		}
	}

	@Test
	void zeroRowMessagesAreWhatTheStockWriterWrites() throws IOException {
		for (AnnotatedBatch batch : List.of(SampleBatches.flat(this.allocator, 0),
				SampleBatches.nested(this.allocator, 0), SampleBatches.dictionaries(this.allocator, 0))) {
			try (batch; AnnotatedBatch unallocated = batch.zeroRows(BatchMetadata.empty(), this.allocator)) {
				byte[] expected = stock(batch);
				ByteArrayOutputStream out = new ByteArrayOutputStream();
				try (IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), batch.schema(),
						batch.dictionaries())) {
					writer.writeEmpty(BatchMetadata.empty());
					writer.end();
				}
				assertThat(out.toByteArray()).isEqualTo(expected);
				if (batch.dictionaries().getDictionaryIds().isEmpty()) {
					assertThat(SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(unallocated))))
						.isEqualTo(expected);
				}
			}
		}
	}

	@Test
	void gatheredStreamCopiesOnlySmallBuffers() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 1_000_000)) {
			long before = this.allocator.getAllocatedMemory();
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
				assertThat(stream.length()).isGreaterThan(8_000_000);
				assertThat(this.allocator.getAllocatedMemory() - before).isLessThan(8192);
				assertThat(stream.segments()).hasSizeLessThan(8).allSatisfy((segment) -> {
					assertThat(segment.isDirect()).isTrue();
					assertThat(segment.isReadOnly()).isTrue();
				});
				assertThat(stream.segments().stream().mapToLong(ByteBuffer::remaining).sum())
					.isEqualTo(stream.length());
			}
		}
	}

	@Test
	void gatheredStreamKeepsItsBuffersAlive() {
		AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 10_000);
		byte[] expected = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
		GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch));
		batch.close();
		assertThat(this.allocator.getAllocatedMemory()).isPositive();
		assertThat(copy(stream)).isEqualTo(expected);
		stream.close();
		stream.close();
		assertThat(this.allocator.getAllocatedMemory()).isZero();
		assertThatIllegalStateException().isThrownBy(stream::segments);
	}

	@Test
	void writerWritesStreamsBackToBack() throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (AnnotatedBatch numbers = SampleBatches.numbers(this.allocator, 3);
				AnnotatedBatch flat = SampleBatches.flat(this.allocator, 2)) {
			try (IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), numbers.schema(),
					numbers.dictionaries())) {
				writer.writeEmpty(BatchMetadata.of("first", "1"));
				writer.write(numbers);
				writer.write(numbers);
				writer.end();
				writer.end();
			}
			int firstLength = out.size();
			try (IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), flat.schema(),
					flat.dictionaries())) {
				writer.end();
			}
			int secondLength = out.size();
			try (IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), flat.schema(),
					flat.dictionaries())) {
				writer.write(flat);
				writer.end();
			}
			out.write("trailing".getBytes());
			ByteArrayInputStream in = new ByteArrayInputStream(out.toByteArray());
			try (IpcStreamReader reader = IpcStreamReader.of(in, Long.MAX_VALUE, this.allocator)) {
				assertThatIllegalStateException().isThrownBy(reader::schema);
				assertThat(reader.nextStream()).isTrue();
				assertThat(reader.schema()).isEqualTo(numbers.schema());
				List<Integer> rows = new ArrayList<>();
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					rows.add(batch.rowCount());
					batch.close();
				}
				assertThat(rows).containsExactly(0, 3, 3);
				assertThat(reader.position()).isEqualTo(firstLength);
				assertThat(in.available()).as("not read ahead").isEqualTo(out.size() - firstLength);
				assertThat(reader.nextStream()).isTrue();
				assertThat(reader.next()).isNull();
				assertThat(reader.position()).isEqualTo(secondLength);
				assertThat(reader.nextStream()).isTrue();
				assertThatExceptionOfType(CorruptStreamException.class).as("the rest of the stream is skipped")
					.isThrownBy(reader::nextStream);
			}
		}
	}

	@Test
	void wrongColumnsAreRefusedAndNothingLeaks() {
		try (AnnotatedBatch numbers = SampleBatches.numbers(this.allocator, 3);
				AnnotatedBatch flat = SampleBatches.flat(this.allocator, 2)) {
			assertThatIllegalArgumentException()
				.isThrownBy(() -> IpcStreamWriter.gather(numbers.schema(), List.of(numbers, flat)));
			numbers.root().getVector(0).setValueCount(2);
			assertThatIllegalArgumentException().isThrownBy(() -> IpcStreamWriter.gather(OutputCycle.of(numbers)))
				.withMessageContaining("2 values");
		}
	}

	@Test
	void slicedVectorsAreWritten() {
		try (AnnotatedBatch batch = SampleBatches.flat(this.allocator, 100)) {
			List<FieldVector> slices = new ArrayList<>();
			for (FieldVector vector : batch.root().getFieldVectors()) {
				TransferPair pair = vector.getTransferPair(vector.getField(), this.allocator);
				pair.splitAndTransfer(13, 40);
				slices.add((FieldVector) pair.getTo());
			}
			try (AnnotatedBatch slice = SampleBatches.batch(40, slices, SOME)) {
				byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(slice)));
				try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
						IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator)) {
					assertReads(reader, slice, bytes);
				}
			}
		}
	}

	@Test
	void metadataKeepsItsOrder() {
		Map<String, String> entries = new LinkedHashMap<>();
		for (int i = 0; i < 50; i++) {
			entries.put("key" + (i * 31 % 50), "value" + i);
		}
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 1).withMetadata(BatchMetadata.of(entries))) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				reader.nextStream();
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(read.metadata().asMap()).containsExactlyEntriesOf(entries);
				}
			}
		}
	}

	@Test
	void schemaSurvives() {
		try (AnnotatedBatch batch = SampleBatches.dictionaries(this.allocator, 2)) {
			List<Field> fields = batch.schema().getFields();
			Schema schema = new Schema(fields, Map.of("schema", "metadata"));
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(schema, List.of(batch)));
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				reader.nextStream();
				assertThat(reader.schema().getCustomMetadata()).containsEntry("schema", "metadata");
				assertThat(reader.schema().getFields().get(0)).isEqualTo(fields.get(0));
			}
		}
	}

	private static byte[] copy(GatheredStream stream) {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try {
			stream.writeTo(Channels.newChannel(out));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return out.toByteArray();
	}

	private static byte[] stock(AnnotatedBatch batch) throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (ArrowStreamWriter writer = new ArrowStreamWriter(batch.root(), batch.dictionaries(), out)) {
			writer.start();
			writer.writeBatch();
			writer.end();
		}
		return out.toByteArray();
	}

	/**
	 * A batch by name.
	 *
	 * @param name its name
	 * @param factory makes it
	 */
	record Sample(String name, Function<BufferAllocator, AnnotatedBatch> factory) {

		AnnotatedBatch make(BufferAllocator allocator) {
			return this.factory.apply(allocator);
		}

		@Override
		public String toString() {
			return this.name;
		}

	}

}
