package dev.vgi.external.batch.compression;

import java.util.Random;

import net.jpountz.xxhash.XXHashFactory;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Lz4Frame}.
 */
class Lz4FrameTests {

	@ParameterizedTest
	@ValueSource(ints = { 1, 8191, 8192, 8193, 20_000 })
	void checksumInPartsIsThatOfTheWhole(int length) {
		byte[] bytes = new byte[length + 5];
		new Random(length).nextBytes(bytes);
		int expected = XXHashFactory.safeInstance().hash32().hash(bytes, 3, length, 0);
		try (BufferAllocator allocator = new RootAllocator(); ArrowBuf buffer = allocator.buffer(bytes.length)) {
			buffer.setBytes(0, bytes);
			assertThat(Lz4Frame.checksum(buffer, 3, length, length)).isEqualTo(expected);
			assertThat(Lz4Frame.checksum(buffer, 3, length, length - 1)).isEqualTo(expected);
		}
	}

}
