package dev.vgi.external.batch.segment;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Bytes}.
 */
class BytesTests {

	/** Bytes that are seen through one view. */
	private static final int VIEW = 1 << 20;

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 100, VIEW, VIEW + 1, 2 * VIEW + 7 })
	void bytesAreComparedToTheLastOne(int count) {
		try (ArrowBuf left = this.allocator.buffer(count + 16); ArrowBuf right = this.allocator.buffer(count + 16)) {
			for (int i = 0; i < count; i++) {
				left.setByte(5 + i, i * 31 + (i >> 10));
				right.setByte(9 + i, i * 31 + (i >> 10));
			}
			for (ArrowBuf buffer : new ArrowBuf[] { left, right }) {
				int from = (buffer == left) ? 5 : 9;
				buffer.setByte(from - 1, from);
				buffer.setByte(from + count, from);
			}
			assertThat(Bytes.equal(left, 5, right, 9, count)).isTrue();
			assertThat(Bytes.equal(left, 5, left, 5, count)).as("the same").isTrue();
			assertThat(Bytes.equal(left, 4, right, 9, count)).as("one too early").isFalse();
			for (int i : new int[] { 0, Math.min(count, VIEW) - 1, count - 1 }) {
				right.setByte(9 + i, right.getByte(9 + i) ^ 1);
				assertThat(Bytes.equal(left, 5, right, 9, count)).as("byte %s", i).isFalse();
				right.setByte(9 + i, right.getByte(9 + i) ^ 1);
			}
		}
	}

	@ParameterizedTest
	@CsvSource({ "4, 0", "4, 1000", "8, 0", "8, 1000", "8, 5000000000" })
	void lengthsAreComparedWhereverTheyStartFrom(int width, long difference) {
		try (ArrowBuf left = this.allocator.buffer(100L * width);
				ArrowBuf right = this.allocator.buffer(100L * width)) {
			for (int i = 0; i <= 50; i++) {
				set(left, 3 + i, width, i * (i + 1L));
				set(right, 7 + i, width, i * (i + 1L) + difference);
			}
			set(left, 54, width, 77);
			set(right, 58, width, 99);
			assertThat(Bytes.sameLengths(left, 3, right, 7, 50, width)).isTrue();
			assertThat(Bytes.sameLengths(left, 3, right, 7, 0, width)).isTrue();
			assertThat(Bytes.sameLengths(left, 3, right, 7, 51, width)).as("one more").isFalse();
			for (int i : new int[] { 1, 25, 50 }) {
				set(right, 7 + i, width, i * (i + 1L) + difference + 1);
				assertThat(Bytes.sameLengths(left, 3, right, 7, 50, width)).as("offset %s", i).isFalse();
				set(right, 7 + i, width, i * (i + 1L) + difference);
			}
		}
	}

	@ParameterizedTest
	@CsvSource({ "4, 0, 10", "4, 100, 10", "4, 100, 600000", "8, 0, 10", "8, -100, 10", "8, 5000000000, 300000" })
	void offsetsCountFromAnotherPlace(int width, long difference, int count) {
		try (ArrowBuf source = this.allocator.buffer((count + 8L) * width);
				ArrowBuf target = this.allocator.buffer((count + 8L) * width)) {
			target.setZero(0, target.capacity());
			for (int i = 0; i < count; i++) {
				set(source, 2 + i, width, 1000 + 3L * i);
			}
			Bytes.rebase(source, 2, target, 5, count, width, difference);
			assertThat(Bytes.offset(target, 4, width)).isZero();
			for (int i = 0; i < count; i++) {
				long offset = Bytes.offset(target, 5 + i, width);
				if (offset != 1000 + 3L * i + difference) {
					assertThat(offset).as("offset %s", i).isEqualTo(1000 + 3L * i + difference);
				}
			}
			assertThat(Bytes.offset(target, 5 + count, width)).isZero();
		}
	}

	private static void set(ArrowBuf offsets, long index, int width, long offset) {
		if (width == Integer.BYTES) {
			offsets.setInt(index * width, (int) offset);
		}
		else {
			offsets.setLong(index * width, offset);
		}
	}

}
