package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ArrivingMessages}, with streams that contain them: memory grows with
 * the bytes that have arrived.
 */
class ArrivingMessagesTests {

	private static final int MIB = 1 << 20;

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(ints = { MIB - 1, 5 * MIB })
	void longMetadataArrivesInSteps(int length) {
		BatchMetadata metadata = BatchMetadata.of("key", "x".repeat(length) + "end");
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3).withMetadata(metadata)) {
			bytes = SampleBatches.stream(batch);
		}
		try (IpcStreamReader reader = reader(new ByteArrayInputStream(bytes), length + MIB)) {
			reader.nextStream();
			try (AnnotatedBatch read = SampleBatches.next(reader)) {
				assertThat(read.metadata()).isEqualTo(metadata);
			}
		}
		for (int cut : new int[] { MIB / 2, MIB, length }) {
			try (IpcStreamReader reader = reader(new ByteArrayInputStream(bytes, 0, cut), length + MIB)) {
				reader.nextStream();
				assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::next)
					.withMessageContaining("ends in the middle of a message");
			}
		}
	}

	private IpcStreamReader reader(InputStream in, int metadataSize) {
		return IpcStreamReader.of(in, Long.MAX_VALUE, this.allocator,
				ReadOptions.of(ReadLimits.defaults().withMetadataSize(metadataSize)));
	}

	@ParameterizedTest
	@ValueSource(ints = { 32 * MIB / 8, 32 * MIB / 8 + 1000 })
	void longBodyArrivesInSteps(int rows) {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, rows)) {
			bytes = SampleBatches.stream(batch);
		}
		try (BufferAllocator limited = this.allocator.newChildAllocator("batches", 0, 128 * MIB);
				IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, limited)) {
			reader.nextStream();
			try (AnnotatedBatch read = SampleBatches.next(reader)) {
				BigIntVector values = (BigIntVector) read.root().getVector(0);
				for (int i = 0; i < rows; i++) {
					if (values.get(i) != 3L * i) {
						assertThat(values.get(i)).as("value %d", i).isEqualTo(3L * i);
					}
				}
				assertThat(limited.getAllocatedMemory()).as("what was too small is freed").isLessThan(65 * MIB);
			}
		}
	}

	@Test
	void declaredBodyIsNotAllocatedBeforeItArrives() {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 50 * MIB / 8)) {
			bytes = SampleBatches.stream(batch);
		}
		try (BufferAllocator limited = this.allocator.newChildAllocator("batches", 0, Long.MAX_VALUE);
				IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes, 0, 31 * MIB), bytes.length,
						limited)) {
			reader.nextStream();
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::next)
				.withMessageContaining("ends in the middle of a message");
			assertThat(limited.getPeakMemoryAllocation()).isLessThanOrEqualTo(32 * MIB);
			assertThat(limited.getAllocatedMemory()).isZero();
		}
	}

	@Test
	void bodyIsReadThroughTheChannelThatAStreamIsToo() throws IOException {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 1000)) {
			bytes = SampleBatches.stream(batch);
		}
		try (Channel in = new Channel(bytes);
				IpcStreamReader reader = IpcStreamReader.of(in, bytes.length, this.allocator)) {
			reader.nextStream();
			try (AnnotatedBatch read = SampleBatches.next(reader)) {
				assertThat(((BigIntVector) read.root().getVector(0)).get(999)).isEqualTo(2997);
				assertThat(in.direct).isNotEmpty().containsOnly(true);
			}
			assertThat(reader.next()).isNull();
			assertThat(reader.position()).isEqualTo(bytes.length);
		}
	}

	@Test
	void brokenConnectionInsideAnotherExceptionIsAFailureOfReading() {
		IOException reset = new IOException("reset");
		InputStream in = failing(new IllegalStateException(reset));
		try (IpcStreamReader reader = IpcStreamReader.of(in, 100, this.allocator)) {
			assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(reader::nextStream).withCause(reset);
			assertThatExceptionOfType(CorruptStreamException.class).as("the second time")
				.isThrownBy(reader::nextStream)
				.withMessageContaining("earlier message");
		}
		try (IpcStreamReader reader = IpcStreamReader.of(failing(new IllegalStateException("bug")), 100,
				this.allocator)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::nextStream)
				.withRootCauseInstanceOf(IllegalStateException.class);
		}
	}

	private static InputStream failing(RuntimeException failure) {
		return new InputStream() {

			@Override
			public int read() {
				throw failure;
			}

		};
	}

	@Test
	void streamMayEndExactlyAtItsCap() {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			bytes = SampleBatches.stream(batch);
		}
		byte[] more = Arrays.copyOf(bytes, bytes.length + 1);
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
				this.allocator)) {
			reader.nextStream();
			SampleBatches.next(reader).close();
			assertThat(reader.next()).isNull();
			assertThat(reader.nextStream()).isFalse();
			assertThat(reader.readToEnd()).isFalse();
		}
		for (boolean toEnd : new boolean[] { true, false }) {
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(more), bytes.length,
					this.allocator)) {
				reader.nextStream();
				SampleBatches.next(reader).close();
				assertThat(reader.next()).isNull();
				assertThatExceptionOfType(StreamTooLongException.class)
					.isThrownBy(toEnd ? reader::readToEnd : reader::nextStream)
					.satisfies((ex) -> assertThat(ex.limit()).isEqualTo(bytes.length))
					.withMessageContaining(" " + bytes.length + " bytes");
			}
		}
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(more), more.length, this.allocator)) {
			reader.nextStream();
			reader.endStream();
			assertThatExceptionOfType(CorruptStreamException.class).as("a byte is no stream")
				.isThrownBy(reader::nextStream)
				.withMessageContaining("no message starts at " + bytes.length);
		}
	}

	@Test
	void endIsFoundAfterABodyForWhichMemoryDidNotSuffice() {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 40 * MIB / 8)) {
			bytes = SampleBatches.stream(batch);
		}
		InputStream in = new ByteArrayInputStream(bytes);
		try (BufferAllocator limited = this.allocator.newChildAllocator("batches", 0, 50 * MIB);
				IpcStreamReader reader = IpcStreamReader.of(in, bytes.length, limited)) {
			reader.nextStream();
			assertThatExceptionOfType(OutOfMemoryException.class).isThrownBy(reader::next);
			assertThat(limited.getAllocatedMemory()).isZero();
			assertThat(reader.skipBrokenStream()).isTrue();
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::next)
				.withMessageContaining("earlier message");
		}
	}

	/**
	 * A stream that is a channel too, with at most seven bytes at a time.
	 */
	private static final class Channel extends ByteArrayInputStream implements ReadableByteChannel {

		private final List<Boolean> direct = new ArrayList<>();

		Channel(byte[] bytes) {
			super(bytes);
		}

		@Override
		public int read(ByteBuffer target) {
			this.direct.add(target.isDirect());
			if (this.direct.size() % 3 == 0) {
				return 0;
			}
			byte[] some = new byte[Math.min(7, target.remaining())];
			int got = read(some, 0, some.length);
			target.put(some, 0, Math.max(0, got));
			return got;
		}

		@Override
		public boolean isOpen() {
			return true;
		}

	}

}
