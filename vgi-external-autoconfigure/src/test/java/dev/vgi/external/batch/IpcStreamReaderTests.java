package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

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
				assertThat(reader.next()).isNull();
				assertThat(reader.nextStream()).isFalse();
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
