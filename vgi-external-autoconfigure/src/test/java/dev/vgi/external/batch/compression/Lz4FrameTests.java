package dev.vgi.external.batch.compression;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;

import net.jpountz.xxhash.XXHashFactory;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link Lz4Frame}: blocks that refer to earlier ones, and what they cost.
 */
class Lz4FrameTests {

	private static final int SIZE_64KB = 0x40;

	private static final int SIZE_4MB = 0x70;

	private static final int HISTORY = 1 << 16;

	private final RootAllocator allocator = new RootAllocator();

	private final ByteArrayOutputStream frame = new ByteArrayOutputStream();

	private final ByteArrayOutputStream content = new ByteArrayOutputStream();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 8191, 8192, 8193, 20_000 })
	void checksumInPartsIsThatOfTheWhole(int length) {
		byte[] bytes = noise(length + 5);
		int expected = XXHashFactory.safeInstance().hash32().hash(bytes, 3, length, 0);
		try (ArrowBuf buffer = this.allocator.buffer(bytes.length)) {
			buffer.setBytes(0, bytes);
			assertThat(Lz4Frame.checksum(buffer, 3, length, length)).isEqualTo(expected);
			assertThat(Lz4Frame.checksum(buffer, 3, length, length - 1)).isEqualTo(expected);
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 9, 10, 11, 14, 15, 264, 265, 266, 1000 })
	void linkedBlockBeginsWithLiteralsOfAnyNumber(int first) throws IOException {
		header(SIZE_64KB);
		literals(noise(first));
		literals(noise(5));
		assertDecodes();
	}

	@Test
	void linkedBlockIsAsLongAsABlockMayBe() throws IOException {
		header(SIZE_64KB);
		stored(noise(HISTORY));
		// all of it literals: 65,536 bytes once it is encoded
		literals(noise(65_278));
		literals(noise(3));
		assertDecodes();
	}

	@Test
	void memoryForLinkedBlocksIsInProportionToTheFrame() throws IOException {
		header(SIZE_4MB);
		stored(noise(HISTORY));
		literals(noise(100));
		long content = this.allocator.getRoundingPolicy().getRoundedSize(this.content.size());
		long source = this.allocator.getRoundingPolicy().getRoundedSize(this.frame.size() + 4);
		assertDecodes();
		assertThat(this.allocator.getPeakMemoryAllocation()).isLessThanOrEqualTo(content + source + 2 * HISTORY);
	}

	@Test
	void historyIsCopiedOftenEnoughForEveryHonestFrame() throws IOException {
		header(SIZE_64KB);
		stored(noise(HISTORY));
		for (int i = 0; i < 288; i++) {
			literals(noise(1));
		}
		assertDecodes();
		literals(noise(1));
		assertThatExceptionOfType(IOException.class).isThrownBy(this::decoded)
			.withMessageContaining("its blocks are too short");
	}

	@Test
	void contentPaysForHistory() throws IOException {
		header(SIZE_64KB);
		stored(noise(HISTORY));
		literals(noise(1761));
		for (int i = 0; i < 287; i++) {
			literals(noise(1));
		}
		// 289 times the history, by now for 65,536 + 2,048 bytes
		literals(noise(1));
		assertDecodes();
	}

	@Test
	void storedBlockIsNoLongerThanTheContent() {
		header(SIZE_64KB);
		stored(noise(100));
		stored(noise(100));
		byte[] all = this.content.toByteArray();
		this.content.reset();
		this.content.write(all, 0, 199);
		assertThatExceptionOfType(IOException.class).isThrownBy(this::decoded)
			.withMessage("a block is longer than declared");
	}

	private void assertDecodes() throws IOException {
		assertThat(decoded()).isEqualTo(this.content.toByteArray());
	}

	// decodes the frame so far, into what its content should be
	private byte[] decoded() throws IOException {
		byte[] bytes = Arrays.copyOf(this.frame.toByteArray(), this.frame.size() + Integer.BYTES);
		byte[] decoded = new byte[this.content.size()];
		try (ArrowBuf source = this.allocator.buffer(bytes.length);
				ArrowBuf target = this.allocator.buffer(decoded.length)) {
			source.setBytes(0, bytes);
			new Lz4Frame(source, 0, bytes.length, target, decoded.length, this.allocator).decode();
			target.getBytes(0, decoded);
		}
		return decoded;
	}

	// of a frame whose blocks may refer to each other
	private void header(int blockSize) {
		byte[] described = { SIZE_64KB, (byte) blockSize };
		int hash = XXHashFactory.safeInstance().hash32().hash(described, 0, described.length, 0);
		this.frame.writeBytes(new byte[] { 4, 0x22, 0x4D, 0x18 });
		this.frame.writeBytes(described);
		this.frame.write(hash >> 8);
	}

	private void stored(byte[] bytes) {
		block(bytes.length | 1 << 31, bytes);
		this.content.writeBytes(bytes);
	}

	private void literals(byte[] bytes) {
		ByteArrayOutputStream block = new ByteArrayOutputStream();
		block.write(Math.min(15, bytes.length) << 4);
		if (bytes.length >= 15) {
			int rest = bytes.length - 15;
			for (; rest >= 255; rest -= 255) {
				block.write(255);
			}
			block.write(rest);
		}
		block.writeBytes(bytes);
		block(block.size(), block.toByteArray());
		this.content.writeBytes(bytes);
	}

	private void block(int head, byte[] bytes) {
		this.frame.writeBytes(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(head).array());
		this.frame.writeBytes(bytes);
	}

	private static byte[] noise(int length) {
		byte[] noise = new byte[length];
		new Random(length).nextBytes(noise);
		return noise;
	}

}
