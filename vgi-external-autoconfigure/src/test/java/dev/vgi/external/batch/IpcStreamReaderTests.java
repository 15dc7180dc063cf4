package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link IpcStreamReader}: where it stops, and what it shares.
 */
class IpcStreamReaderTests {

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void whatFollowsTheStreamsIsReadIfAskedFor() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] stream = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
			int length = stream.length + 100_000;
			ByteArrayInputStream in = new ByteArrayInputStream(Arrays.copyOf(stream, length));
			try (IpcStreamReader reader = IpcStreamReader.of(in, length, this.allocator)) {
				reader.nextStream();
				SampleBatches.next(reader).close();
				reader.readToEnd();
				assertThat(in.available()).isZero();
			}
			in.reset();
			try (IpcStreamReader reader = IpcStreamReader.of(in, length - 1, this.allocator)) {
				reader.nextStream();
				assertThatExceptionOfType(StreamTooLongException.class).isThrownBy(reader::readToEnd);
			}
		}
	}

	@Test
	void missingEndMarkerIsAnEnd() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes, 0, bytes.length - 8),
					bytes.length, this.allocator)) {
				assertThat(reader.nextStream()).isTrue();
				SampleBatches.next(reader).close();
				assertThat(reader.isBrokenOff()).isFalse();
				assertThat(reader.next()).isNull();
				assertThat(reader.isBrokenOff()).isTrue();
				assertThat(reader.nextStream()).isFalse();
			}
			try (IpcStreamReader reader = reader(bytes)) {
				assertThat(reader.nextStream()).isTrue();
				reader.endStream();
				assertThat(reader.isBrokenOff()).isFalse();
				assertThat(reader.position()).isEqualTo(bytes.length);
				assertThat(reader.next()).isNull();
				assertThat(reader.readToEnd()).isFalse();
			}
		}
	}

	private IpcStreamReader reader(byte[] bytes) {
		return IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, this.allocator);
	}

	@ParameterizedTest
	@CsvSource({ "0, false", "1, false", "4, true", "8, true", "40, true" })
	void whatFollowsAStreamMayBeginLikeAMessage(int length, boolean expected) {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] stream = SampleBatches.stream(batch);
			byte[] more = Arrays.copyOf(stream, stream.length + length);
			System.arraycopy(stream, 0, more, stream.length, length);
			byte[] zeros = Arrays.copyOf(stream, stream.length + length);
			try (ArrowBuf body = SampleBatches.offHeap(this.allocator, more)) {
				for (IpcStreamReader reader : List.of(reader(more),
						IpcStreamReader.of(body, more.length, this.allocator))) {
					try (reader) {
						reader.nextStream();
						reader.endStream();
						assertThat(reader.readToEnd()).isEqualTo(expected);
					}
				}
			}
			try (IpcStreamReader reader = reader(zeros)) {
				reader.nextStream();
				reader.endStream();
				assertThat(reader.readToEnd()).as("an end marker of old").isFalse();
			}
		}
	}

	@Test
	void logsOfEachAccountAreCounted() {
		LogMessage log = new LogMessage("INFO", "m", Map.of());
		ReadOptions options = ReadOptions.of(ReadLimits.defaults().withLogBatches(2));
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] bytes = SampleBatches.stream(batch, log, log, log, log, log);
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator, options)) {
				reader.nextStream();
				SampleBatches.next(reader).close();
				SampleBatches.next(reader).close();
				reader.newAccount();
				SampleBatches.next(reader).close();
				SampleBatches.next(reader).close();
				assertThatExceptionOfType(LimitExceededException.class).isThrownBy(reader::next);
			}
		}
	}

	@Test
	void bytesOfEachAccountAreCounted() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 1000)) {
			byte[] bytes = SampleBatches.stream(batch);
			byte[] both = Arrays.copyOf(bytes, 2 * bytes.length);
			System.arraycopy(bytes, 0, both, bytes.length, bytes.length);
			for (boolean more : new boolean[] { true, false }) {
				try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(both), bytes.length,
						this.allocator)) {
					reader.nextStream();
					reader.endStream();
					if (more) {
						reader.newAccount();
						assertThat(reader.nextStream()).isTrue();
						SampleBatches.next(reader).close();
						assertThat(reader.next()).isNull();
						assertThat(reader.position()).isEqualTo(both.length);
					}
					else {
						assertThatExceptionOfType(StreamTooLongException.class).isThrownBy(reader::nextStream);
					}
				}
			}
		}
	}

	@Test
	void schemaInsideAValueIsRead() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] message = batch.schema().serializeAsMessage();
			assertThat(IpcStreamReader.readSchema(message, this.allocator)).isEqualTo(batch.schema());
			assertThat(IpcStreamReader.readSchema(Arrays.copyOf(message, message.length + 100), this.allocator))
				.isEqualTo(batch.schema());
		}
		byte[] end = { -1, -1, -1, -1, 0, 0, 0, 0 };
		for (byte[] none : List.of(end, new byte[0])) {
			assertThatExceptionOfType(CorruptStreamException.class)
				.isThrownBy(() -> IpcStreamReader.readSchema(none, this.allocator))
				.withMessageContaining("does not start with a schema");
		}
	}

	@Test
	void nothingIsReadBeforeAStreamOrAfterClosing() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			IpcStreamReader reader = reader(SampleBatches.stream(batch));
			assertThatIllegalStateException().isThrownBy(reader::next);
			assertThatIllegalStateException().isThrownBy(reader::zeroRows);
			reader.nextStream();
			reader.close();
			reader.close();
			assertThatIllegalStateException().isThrownBy(reader::next);
			assertThatIllegalStateException().isThrownBy(reader::schema);
		}
	}

	@Test
	void onlyBytesOfTheBodyAreRead() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] bytes = SampleBatches.stream(batch);
			try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes)) {
				for (long length : new long[] { -1, body.capacity() + 1, Long.MAX_VALUE }) {
					assertThatIllegalArgumentException()
						.isThrownBy(() -> IpcStreamReader.of(body, length, this.allocator))
						.withMessageContaining("from 0 to " + body.capacity());
				}
				try (IpcStreamReader reader = IpcStreamReader.of(body, 0, this.allocator)) {
					assertThat(reader.nextStream()).isFalse();
				}
				try (IpcStreamReader reader = IpcStreamReader.of(body, body.capacity(), this.allocator)) {
					assertThat(reader.nextStream()).isTrue();
				}
			}
		}
	}

	@Test
	void bodyIsKeptWhileItsReaderIsOpen() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] bytes = SampleBatches.stream(batch);
			long before = this.allocator.getAllocatedMemory();
			ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
			try (IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator)) {
				body.close();
				assertThat(reader.nextStream()).isTrue();
				SampleBatches.next(reader).close();
				reader.close();
			}
			assertThat(this.allocator.getAllocatedMemory()).isEqualTo(before);
		}
	}

	@Test
	void batchesHaveTheMetadataThatIsKnown() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			byte[] bytes = SampleBatches.stream(batch);
			byte[] both = Arrays.copyOf(bytes, 2 * bytes.length);
			System.arraycopy(bytes, 0, both, bytes.length, bytes.length);
			try (IpcStreamReader reader = reader(both)) {
				reader.nextStream();
				assertThat(reader.latestMetadata()).isNull();
				SampleBatches.next(reader).close();
				assertThat(reader.latestMetadata()).isEqualTo(batch.metadata());
				reader.nextStream();
				assertThat(reader.latestMetadata()).as("of the next stream").isNull();
			}
		}
	}

	@Test
	void readingStopsAtTheCap() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 1000)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
			for (int cap = 0; cap < bytes.length; cap += 7) {
				try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), cap,
						this.allocator)) {
					assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> {
						reader.nextStream();
						AnnotatedBatch read = reader.next();
						if (read != null) {
							read.close();
						}
						reader.next();
					});
				}
			}
		}
	}

	@Test
	void failingStreamIsNoCorruptStream() {
		InputStream failing = new InputStream() {
			@Override
			public int read() throws IOException {
				throw new IOException("reset");
			}
		};
		try (IpcStreamReader reader = IpcStreamReader.of(failing, 100, this.allocator)) {
			assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(reader::nextStream);
		}
		InputStream corrupt = new InputStream() {
			@Override
			public int read() throws IOException {
				throw new IOException("coding", new CorruptStreamException("coding"));
			}
		};
		try (IpcStreamReader reader = IpcStreamReader.of(corrupt, 100, this.allocator)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::nextStream);
		}
	}

	@Test
	void batchesShareTheBodyTheyWereReadFrom() {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 100_000)) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
			ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
			long before = this.allocator.getAllocatedMemory();
			AnnotatedBatch read;
			try (IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator)) {
				reader.nextStream();
				read = SampleBatches.next(reader);
			}
			body.close();
			try (read) {
				assertThat(this.allocator.getAllocatedMemory() - before).isZero();
				assertThat(((BigIntVector) read.root().getVector(0)).get(99_999)).isEqualTo(299_997);
			}
		}
	}

}
