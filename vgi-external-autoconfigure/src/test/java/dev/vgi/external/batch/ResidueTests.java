package dev.vgi.external.batch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.Stream;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The memory of a body is used again for that of the next caller. Whatever a stream
 * claims, what is read of it holds nothing of what lies behind it.
 */
class ResidueTests {

	/** What an earlier caller has left, in no stream of the samples. */
	private static final byte LEFT = (byte) 0xA7;

	private static final int RUN = 4;

	private static final int BEHIND = 4096;

	private final RootAllocator allocator = new RootAllocator(1 << 26);

	private int accepted;

	@AfterEach
	void nothingIsLost() {
		this.allocator.close();
	}

	static Stream<Function<BufferAllocator, AnnotatedBatch>> seeds() {
		return HostileStreamTests.seeds();
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void aStreamThatClaimsMoreThanItIsShowsNothingElse(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes;
		try (AnnotatedBatch batch = seed.apply(this.allocator)) {
			bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
		}
		assertShowsNothing(bytes, bytes.length);
		assertThat(this.accepted).isPositive();
		for (int i = 0; i + 8 <= bytes.length; i += 4) {
			ByteBuffer original = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
			// Longer by little and by much, in both widths.
			for (int more : new int[] { 1, 8, 64, bytes.length }) {
				byte[] broken = bytes.clone();
				ByteBuffer.wrap(broken).order(ByteOrder.LITTLE_ENDIAN).putInt(i, original.getInt(i) + more);
				assertShowsNothing(broken, broken.length);
			}
		}
		for (int length = 0; length < bytes.length; length++) {
			assertShowsNothing(bytes, length);
		}
	}

	/** Else the test above would notice nothing. */
	@Test
	void whatIsLeftWouldBeSeen() {
		byte[] bytes = new byte[100];
		Arrays.fill(bytes, 50, 50 + RUN, LEFT);
		assertThat(shows(bytes)).isTrue();
		assertThat(shows(new byte[100])).isFalse();
	}

	private void assertShowsNothing(byte[] bytes, int length) {
		try (ArrowBuf body = this.allocator.buffer(length + BEHIND)) {
			for (long at = 0; at < body.capacity(); at++) {
				body.setByte(at, LEFT);
			}
			body.setBytes(0, bytes, 0, length);
			try (IpcStreamReader reader = IpcStreamReader.of(body, length, this.allocator)) {
				while (reader.nextStream()) {
					for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
						this.accepted++;
						assertThat(shows(written(batch))).as("bytes of somebody else").isFalse();
					}
				}
			}
			catch (CorruptStreamException | LimitExceededException ex) {
				// Noticed.
			}
		}
	}

	private static byte[] written(AnnotatedBatch batch) {
		try (batch) {
			return SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
		}
	}

	private static boolean shows(byte[] bytes) {
		int run = 0;
		for (byte each : bytes) {
			run = (each == LEFT) ? run + 1 : 0;
			if (run == RUN) {
				return true;
			}
		}
		return false;
	}

}
