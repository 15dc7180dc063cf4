package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Broken and hostile streams: {@link IpcStreamReader} says so or returns batches whose
 * every value can be read; nothing else escapes and nothing leaks.
 */
class HostileStreamTests {

	private static final long[] INTERESTING = { 0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF,
			Integer.MAX_VALUE, Integer.MIN_VALUE, 0xFFFF_FFFFL, Integer.MAX_VALUE - 7L, Long.MAX_VALUE, Long.MIN_VALUE,
			Long.MAX_VALUE - 7, 1L << 40 };

	private static final int[] MASKS = { 0x01, 0x80, 0xFF, 0x10 };

	// a limit shows allocations that nothing in the stream pays for
	private final RootAllocator allocator = new RootAllocator(1 << 26);

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	static Stream<Function<BufferAllocator, AnnotatedBatch>> seeds() {
		return Stream.of((allocator) -> SampleBatches.numbers(allocator, 5),
				(allocator) -> SampleBatches.flat(allocator, 11), (allocator) -> SampleBatches.flat(allocator, 0),
				(allocator) -> SampleBatches.nested(allocator, 9), SampleBatches::runs, SampleBatches::times,
				(allocator) -> SampleBatches.dictionaries(allocator, 7), SampleBatches::nestedDictionaries);
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void survivesEveryTruncation(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes = stream(seed);
		for (int length = 0; length < bytes.length; length++) {
			read(Arrays.copyOf(bytes, length), length);
		}
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void survivesEveryFlippedByte(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes = stream(seed);
		for (int i = 0; i < bytes.length; i++) {
			byte[] broken = bytes.clone();
			broken[i] ^= (byte) MASKS[i / 3 % MASKS.length];
			read(broken, i);
		}
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void survivesEveryOverwrittenInt(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes = stream(seed);
		for (int i = 0; i + 8 <= bytes.length; i += 4) {
			for (int n = 0; n < 4; n++) {
				// other values at every place, all of them at similar places
				long value = INTERESTING[(i / 4 * 5 + n * 4) % INTERESTING.length];
				byte[] broken = bytes.clone();
				ByteBuffer buffer = ByteBuffer.wrap(broken).order(ByteOrder.LITTLE_ENDIAN);
				if (value == (int) value) {
					buffer.putInt(i, (int) value);
				}
				else {
					buffer.putLong(i, value);
				}
				read(broken, i);
			}
		}
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void survivesRandomDamage(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes = stream(seed);
		for (int i = 0; i < 500; i++) {
			Random random = new Random(i);
			byte[] broken = bytes.clone();
			for (int n = random.nextInt(6); n >= 0; n--) {
				int at = random.nextInt(broken.length - 8);
				switch (random.nextInt(4)) {
					case 0 -> Arrays.fill(broken, at, at + 1, (byte) random.nextInt());
					case 1 -> ByteBuffer.wrap(broken)
						.order(ByteOrder.LITTLE_ENDIAN)
						.putInt(at & ~3, (int) INTERESTING[random.nextInt(INTERESTING.length)]);
					case 2 -> ByteBuffer.wrap(broken)
						.order(ByteOrder.LITTLE_ENDIAN)
						.putLong(at & ~7, INTERESTING[random.nextInt(INTERESTING.length)]);
					default -> System.arraycopy(bytes, random.nextInt(bytes.length - 8), broken, at, 8);
				}
			}
			read(broken, i);
		}
	}

	@Test
	void survivesNoise() {
		for (int i = 0; i < 2_000; i++) {
			Random random = new Random(i);
			byte[] noise = new byte[random.nextInt(400)];
			random.nextBytes(noise);
			if (noise.length > 12 && i % 2 == 0) {
				ByteBuffer.wrap(noise).order(ByteOrder.LITTLE_ENDIAN).putInt(0, -1).putInt(4, noise.length - 8 & ~7);
			}
			read(noise, i);
		}
	}

	@Test
	void hugeBodyOfAShortStreamIsNotAllocated() {
		byte[] bytes = stream((allocator) -> SampleBatches.numbers(allocator, 5));
		int found = 0;
		for (int i = 0; i + 8 <= bytes.length; i += 4) {
			byte[] broken = bytes.clone();
			ByteBuffer buffer = ByteBuffer.wrap(broken).order(ByteOrder.LITTLE_ENDIAN);
			if (buffer.getLong(i) == 40) {
				buffer.putLong(i, 1L << 35);
				found++;
				read(broken, i);
			}
		}
		assertThat(found).isPositive();
		assertThat(this.allocator.getPeakMemoryAllocation()).isLessThan(1 << 22);
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 1023, 1024, 1025, 16_383, 16_384, 16_385, 19_999 })
	void offsetThatGoesBackwardsIsFoundAnywhere(int index) {
		byte[] bytes = stream((allocator) -> {
			VarCharVector texts = new VarCharVector("texts", allocator);
			texts.allocateNew(40_000, 20_000);
			for (int i = 0; i < 20_000; i++) {
				texts.set(i, new byte[] { 'a', 'b' });
			}
			texts.setValueCount(20_000);
			texts.getOffsetBuffer().setInt(4L * index, 2 * index - 3);
			return AnnotatedBatch.of(new VectorSchemaRoot(List.of(texts)));
		});
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
				this.allocator)) {
			reader.nextStream();
			Objects.requireNonNull(reader.next()).close(); // the log message
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::next)
				.withMessageContaining("offsets that go backwards");
		}
	}

	@Test
	void textIsNoStream() {
		byte[] bytes = SampleBatches.utf8("this is not arrow");
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), 100, this.allocator)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::nextStream)
				.withMessageContaining("no Arrow IPC stream");
			assertThatExceptionOfType(CorruptStreamException.class).as("broken for good")
				.isThrownBy(reader::nextStream);
		}
	}

	private byte[] stream(Function<BufferAllocator, AnnotatedBatch> seed) {
		try (AnnotatedBatch batch = seed.apply(this.allocator).withMetadata(BatchMetadata.of("key", "value"))) {
			return SampleBatches
				.bytes(IpcStreamWriter.gather(new OutputCycle(List.of(new LogMessage("INFO", "m", Map.of())), batch)));
		}
	}

	private void read(byte[] bytes, int number) {
		if (number % 3 != 0) {
			try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
					IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator)) {
				readAll(reader, number);
			}
		}
		else {
			InputStream in = new ByteArrayInputStream(bytes);
			try (IpcStreamReader reader = IpcStreamReader.of(in, bytes.length, this.allocator)) {
				readAll(reader, number);
			}
		}
		assertThat(this.allocator.getAllocatedMemory()).as("memory after %d", number).isZero();
	}

	private void readAll(IpcStreamReader reader, int number) {
		try {
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					try (AnnotatedBatch owned = batch) {
						assertThat(SampleBatches.values(owned)).isNotNull();
						assertThat(owned.bufferSize()).isNotNegative();
					}
				}
			}
		}
		catch (CorruptStreamException | LimitExceededException ex) {
			assertThat(ex.getMessage()).isNotBlank();
		}
		catch (Throwable ex) {
			throw new AssertionError("Damage " + number + " was not noticed: " + ex, ex);
		}
	}

}
