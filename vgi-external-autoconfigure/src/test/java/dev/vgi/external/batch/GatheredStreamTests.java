package dev.vgi.external.batch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.List;

import dev.vgi.external.batch.GatheredStream.Gatherer;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link GatheredStream}.
 */
class GatheredStreamTests {

	private static final int MIB = 1 << 20;

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void piecesFollowEachOther() throws IOException {
		try (ArrowBuf small = SampleBatches.offHeap(this.allocator, new byte[] { 1, 2, 3, 4 });
				Gatherer gatherer = new Gatherer(this.allocator)) {
			gatherer.intLittleEndian(0x04030201);
			gatherer.bytes(ByteBuffer.wrap(new byte[] { 9, 8, 7 }, 1, 2));
			gatherer.zeros(0);
			gatherer.zeros(3);
			gatherer.buffer(small, 0);
			gatherer.buffer(small, 2);
			try (GatheredStream stream = gatherer.finish()) {
				byte[] expected = { 1, 2, 3, 4, 8, 7, 0, 0, 0, 1, 2 };
				assertThat(stream.length()).isEqualTo(expected.length);
				assertThat(stream.segments()).hasSize(1);
				ByteArrayOutputStream out = new ByteArrayOutputStream();
				stream.writeTo(out);
				assertThat(out.toByteArray()).isEqualTo(expected);
				assertThat(written(stream)).isEqualTo(expected);
			}
		}
	}

	@Test
	void zerosOverwriteWhatWasInTheirPlace() {
		try (Gatherer gatherer = new Gatherer(null)) {
			// more than one block, so that the memory of copies is used again
			byte[] ones = new byte[5 * MIB];
			Arrays.fill(ones, (byte) 1);
			gatherer.bytes(ByteBuffer.wrap(ones));
			gatherer.zeros(100);
			gatherer.bytes(ByteBuffer.wrap(ones, 0, 1));
			byte[] expected = Arrays.copyOf(ones, ones.length + 101);
			expected[expected.length - 1] = 1;
			try (GatheredStream stream = gatherer.finish()) {
				assertThat(written(stream)).isEqualTo(expected);
				assertThat(stream.length()).isEqualTo(expected.length);
				assertThat(stream.segments()).hasSize(2);
			}
		}
	}

	@ParameterizedTest
	@CsvSource({ "4095, 1", "4096, 2", "10000, 2" })
	void largeBuffersAreKeptAndSmallOnesCopied(int length, int references) {
		byte[] bytes = new byte[length];
		Arrays.fill(bytes, (byte) 7);
		ArrowBuf buffer = SampleBatches.offHeap(this.allocator, bytes);
		try (Gatherer gatherer = new Gatherer(this.allocator)) {
			gatherer.intLittleEndian(1);
			gatherer.buffer(buffer, length);
			gatherer.intLittleEndian(2);
			assertThat(buffer.refCnt()).isEqualTo(references);
			try (GatheredStream stream = gatherer.finish()) {
				gatherer.close();
				assertThat(buffer.refCnt()).as("the stream's").isEqualTo(references);
				assertThat(stream.segments()).hasSize((references == 1) ? 1 : 3);
				byte[] written = written(stream);
				assertThat(written).hasSize(length + 8).startsWith(1, 0, 0, 0, 7).endsWith(7, 2, 0, 0, 0);
				assertThat(stream.length()).isEqualTo(written.length);
			}
		}
		assertThat(buffer.refCnt()).isOne();
		buffer.close();
	}

	@Test
	void whatIsNotFinishedIsReleased() {
		try (ArrowBuf buffer = this.allocator.buffer(8192)) {
			Gatherer gatherer = new Gatherer(this.allocator);
			gatherer.buffer(buffer, 8192);
			gatherer.bytes(ByteBuffer.wrap(new byte[5 * MIB]));
			gatherer.zeros(1);
			gatherer.close();
			gatherer.close();
			assertThat(buffer.refCnt()).isOne();
			assertThat(this.allocator.getAllocatedMemory()).isEqualTo(8192);
		}
	}

	@Test
	void manySmallPiecesAreGatheredInBlocksOfABoundedSize() {
		byte[] expected = new byte[12 * MIB];
		try (ArrowBuf large = this.allocator.buffer(8192); Gatherer gatherer = new Gatherer(this.allocator)) {
			large.setZero(0, 8192);
			for (int i = 0; i < expected.length / 1000; i++) {
				byte[] some = new byte[1000];
				Arrays.fill(some, (byte) i);
				System.arraycopy(some, 0, expected, i * 1000, 1000);
				gatherer.bytes(ByteBuffer.wrap(some));
			}
			int length = expected.length / 1000 * 1000;
			gatherer.buffer(large, 8192);
			try (GatheredStream stream = gatherer.finish()) {
				assertThat(written(stream)).isEqualTo(Arrays.copyOf(Arrays.copyOf(expected, length), length + 8192));
				assertThat(stream.segments()).hasSize(4)
					.allSatisfy((segment) -> assertThat(segment.remaining()).isLessThan(4 * MIB + 2000));
				stream.close();
			}
		}
	}

	@ParameterizedTest
	@ValueSource(longs = { 1L << 30, (1L << 30) + 5 })
	void segmentsAreShorterThanAnInt(long length) {
		// the memory is never touched
		try (ArrowBuf large = this.allocator.buffer(length); Gatherer gatherer = new Gatherer(this.allocator)) {
			gatherer.buffer(large, length);
			try (GatheredStream stream = gatherer.finish()) {
				List<Integer> lengths = stream.segments().stream().map(ByteBuffer::remaining).toList();
				assertThat(stream.length()).isEqualTo(length);
				assertThat(lengths).isEqualTo((length > 1 << 30) ? List.of(1 << 30, 5) : List.of(1 << 30));
			}
		}
	}

	@Test
	void copiesBelongToTheAllocatorOrToNobody() {
		try (Gatherer gatherer = new Gatherer(this.allocator)) {
			gatherer.zeros(1000);
			try (GatheredStream stream = gatherer.finish()) {
				assertThat(stream.length()).isEqualTo(1000);
				assertThat(this.allocator.getAllocatedMemory()).isPositive();
			}
		}
		assertThat(this.allocator.getAllocatedMemory()).isZero();
		try (Gatherer gatherer = new Gatherer(null)) {
			gatherer.zeros(1000);
			try (GatheredStream stream = gatherer.finish()) {
				assertThat(this.allocator.getAllocatedMemory()).isZero();
				assertThat(stream.segments()).allMatch(ByteBuffer::isDirect).allMatch(ByteBuffer::isReadOnly);
			}
		}
		try (Gatherer gatherer = new Gatherer(this.allocator); GatheredStream nothing = gatherer.finish()) {
			assertThat(nothing.length()).isZero();
			assertThat(nothing.segments()).isEmpty();
			assertThat(this.allocator.getAllocatedMemory()).isZero();
		}
	}

	@Test
	void closedStreamIsNotWritten() {
		try (Gatherer gatherer = new Gatherer(this.allocator)) {
			gatherer.zeros(8);
			GatheredStream stream = gatherer.finish();
			ByteBuffer first = stream.segments().get(0);
			first.get();
			assertThat(stream.segments().get(0).position()).as("a view of its own").isZero();
			stream.close();
			stream.close();
			assertThatIllegalStateException().isThrownBy(stream::segments);
			assertThatIllegalStateException().isThrownBy(() -> stream.writeTo(new ByteArrayOutputStream()));
		}
	}

	@Test
	void slowChannelGetsEverything() throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		WritableByteChannel slow = new WritableByteChannel() {

			@Override
			public int write(ByteBuffer source) {
				out.write(source.get());
				return 1;
			}

			@Override
			public boolean isOpen() {
				return true;
			}

			@Override
			public void close() throws IOException {
				throw new IOException("left open");
			}

		};
		try (Gatherer gatherer = new Gatherer(this.allocator)) {
			gatherer.intLittleEndian(7);
			try (GatheredStream stream = gatherer.finish()) {
				stream.writeTo(slow);
				assertThat(out.toByteArray()).containsExactly(7, 0, 0, 0);
			}
		}
	}

	@Test
	void moreCopiesThanAnArrayHoldsAreRefused() {
		try (Gatherer gatherer = new Gatherer(this.allocator)) {
			assertThatExceptionOfType(ArithmeticException.class).isThrownBy(() -> gatherer.zeros(1L << 31));
		}
	}

	private static byte[] written(GatheredStream stream) {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		for (ByteBuffer segment : stream.segments()) {
			byte[] bytes = new byte[segment.remaining()];
			segment.get(bytes);
			out.writeBytes(bytes);
		}
		return out.toByteArray();
	}

}
