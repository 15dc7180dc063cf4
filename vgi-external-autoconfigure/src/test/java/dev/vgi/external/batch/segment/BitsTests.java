package dev.vgi.external.batch.segment;

import java.util.BitSet;
import java.util.Random;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Bits}, against {@link BitSet}.
 */
class BitsTests {

	/** More than a byte, eight bytes and one view have. */
	private static final int[] COUNTS = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 71, 72, 73, 200 };

	private final RootAllocator allocator = new RootAllocator();

	private final Random random = new Random(7);

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void bitsAreAppendedAtAnyPlace() {
		try (ArrowBuf source = this.allocator.buffer(64); ArrowBuf target = this.allocator.buffer(64)) {
			for (int from = 0; from < 17; from++) {
				for (int to = 0; to < 17; to++) {
					for (int count : COUNTS) {
						fill(source, 64);
						fill(target, 64);
						BitSet expected = bits(target, 64);
						BitSet sent = bits(source, 64);
						Bits.append(source, from, target, to, count);
						for (int i = 0; i < count; i++) {
							expected.set(to + i, sent.get(from + i));
						}
						assertAppended(target, expected, to, count);
					}
				}
			}
		}
	}

	@Test
	void onesAreAppendedAtAnyPlace() {
		try (ArrowBuf target = this.allocator.buffer(64)) {
			for (int to = 0; to < 17; to++) {
				for (int count : COUNTS) {
					fill(target, 64);
					BitSet expected = bits(target, 64);
					Bits.appendOnes(target, to, count);
					expected.set(to, to + count);
					assertAppended(target, expected, to, count);
				}
			}
		}
	}

	private static void assertAppended(ArrowBuf target, BitSet expected, int to, int count) {
		int end = to + count;
		if (count > 0) {
			// the rest of the last byte
			expected.clear(end, (end + 7) & -8);
		}
		assertThat(bits(target, 64)).as("%s bits at %s", count, to).isEqualTo(expected);
	}

	@ParameterizedTest
	@ValueSource(ints = { 0, 3 })
	void moreBitsThanOneViewShows(int from) {
		int bytes = 2 * (1 << 20) + 11;
		try (ArrowBuf source = this.allocator.buffer(bytes + 1); ArrowBuf target = this.allocator.buffer(bytes + 1)) {
			fill(source, bytes + 1);
			target.setZero(0, bytes + 1);
			long count = 8L * bytes - 5;
			Bits.append(source, from, target, 0, count);
			BitSet expected = bits(source, bytes + 1).get(from, from + (int) count);
			assertThat(bits(target, bytes)).isEqualTo(expected);
			assertThat(Bits.equal(source, from, target, 0, count)).isTrue();
		}
	}

	@Test
	void bitsAreComparedAtAnyPlace() {
		try (ArrowBuf left = this.allocator.buffer(64); ArrowBuf right = this.allocator.buffer(64)) {
			for (int from = 0; from < 17; from++) {
				for (int to = 0; to < 17; to++) {
					for (int count : COUNTS) {
						fill(left, 64);
						fill(right, 64);
						Bits.append(left, from, right, to, count);
						// What stands before and after them does not count.
						right.setByte(40, ~right.getByte(40));
						assertThat(Bits.equal(left, from, right, to, count)).as("%s bits", count).isTrue();
						for (int i = 0; i < count; i += Math.max(1, count - 1)) {
							flip(right, to + i);
							assertThat(Bits.equal(left, from, right, to, count)).as("bit %s of %s", i, count).isFalse();
							flip(right, to + i);
						}
					}
				}
			}
		}
	}

	@Test
	void whatFollowsTheLastBitIsCleared() {
		try (ArrowBuf bits = this.allocator.buffer(4)) {
			for (int count = 0; count <= 32; count++) {
				bits.setInt(0, -1);
				Bits.end(bits, count);
				BitSet expected = new BitSet();
				expected.set(0, 32);
				expected.clear(count, (count + 7) & -8);
				assertThat(bits(bits, 4)).as("%s bits", count).isEqualTo(expected);
			}
			bits.setInt(0, -1);
			Bits.end(bits, 8L * bits.capacity() + 1);
			assertThat(bits.getInt(0)).as("it has fewer").isEqualTo(-1);
		}
	}

	private void fill(ArrowBuf buffer, int length) {
		byte[] bytes = new byte[length];
		this.random.nextBytes(bytes);
		buffer.setBytes(0, bytes);
	}

	private static void flip(ArrowBuf buffer, int bit) {
		buffer.setByte(bit >>> 3, buffer.getByte(bit >>> 3) ^ (1 << (bit & 7)));
	}

	private static BitSet bits(ArrowBuf buffer, int length) {
		byte[] bytes = new byte[length];
		buffer.getBytes(0, bytes);
		return BitSet.valueOf(bytes);
	}

}
