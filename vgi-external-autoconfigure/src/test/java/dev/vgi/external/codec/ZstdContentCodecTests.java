package dev.vgi.external.codec;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;

import com.github.luben.zstd.Zstd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * Frame headers as RFC 8878 describes them, and the encoder's contract.
 */
class ZstdContentCodecTests {

	private static final ZstdContentCodec ZSTD = ZstdContentCodec.INSTANCE;

	private static final long MB = 1L << 20;

	/**
	 * Begin a frame.
	 * @param descriptor bits 6 and 7 say how long the size is, bit 5 that there is no
	 * window, bits 0 and 1 how long the dictionary's number is
	 * @param rest what follows
	 * @return the bytes
	 */
	private static ByteBuffer head(int descriptor, int... rest) {
		ByteBuffer head = ByteBuffer.allocateDirect(5 + rest.length);
		head.put(new byte[] { 0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, (byte) descriptor });
		for (int octet : rest) {
			head.put((byte) octet);
		}
		return head.flip();
	}

	private static long declared(ByteBuffer head) {
		try (ContentCodec.Decoder decoder = ZSTD.decoder()) {
			return decoder.declaredSize(head);
		}
	}

	@Test
	void theDeclaredSizeHasOneTwoFourOrEightBytes() {
		assertThat(declared(head(0x20, 0xFF))).isEqualTo(255);
		assertThat(declared(head(0x20, 0))).isZero();
		assertThat(declared(head(0x40, 0, 0x01, 0x80))).isEqualTo(0x8001 + 256);
		assertThat(declared(head(0x60, 0x01, 0x80))).isEqualTo(0x8001 + 256);
		assertThat(declared(head(0x80, 0, 1, 2, 3, 0x84))).isEqualTo(0x84030201L);
		assertThat(declared(head(0xA0, 1, 2, 3, 0x84))).isEqualTo(0x84030201L);
		assertThat(declared(head(0xE0, 1, 0, 0, 0, 1, 0, 0, 0))).isEqualTo(0x1_0000_0001L);
		assertThat(declared(head(0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0))).isZero();
		assertThat(declared(head(0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80))).isEqualTo(Long.MAX_VALUE);
	}

	@Test
	void theDeclaredSizeFollowsTheDictionary() {
		assertThat(declared(head(0x21, 9, 7))).isEqualTo(7);
		assertThat(declared(head(0x22, 9, 9, 7))).isEqualTo(7);
		assertThat(declared(head(0x23, 9, 9, 9, 9, 7))).isEqualTo(7);
		assertThat(declared(head(0x43, 0, 9, 9, 9, 9, 7, 0))).isEqualTo(256 + 7);
	}

	@Test
	void aFrameWithoutASizeDeclaresNone() {
		assertThat(declared(head(0x00, 0x58, 1, 2, 3, 4, 5, 6, 7, 8))).isEqualTo(-1);
		assertThat(declared(ByteBuffer.allocateDirect(20))).isEqualTo(-1);
	}

	@Test
	void aHeaderThatIsCutOffDeclaresNothing() {
		for (ByteBuffer head : new ByteBuffer[] { head(0x23, 9, 9, 9, 9, 7), head(0x43, 0, 9, 9, 9, 9, 7, 0),
				head(0x80, 0, 1, 2, 3, 4), head(0xE0, 1, 0, 0, 0, 1, 0, 0, 0), head(0x20, 7) }) {
			assertThat(declared(head)).isNotNegative();
			while (head.hasRemaining()) {
				head.limit(head.limit() - 1);
				assertThat(declared(head)).isEqualTo(-1);
			}
		}
	}

	@ParameterizedTest
	@CsvSource({ "0x00, 1024", "0x01, 1152", "0x07, 1920", "0x58, 2097152", "0x5F, 3932160", "0x68, 8388608",
			"0x88, 134217728", "0x89, 134217728", "0xF8, 134217728", "0xFF, 134217728" })
	void theWindowIsReadFromItsDescriptorUpToAFixedMost(int descriptor, long window) {
		assertThat(ZSTD.window(head(0x00, descriptor))).isEqualTo(window);
	}

	@Test
	void aFrameOfASingleSegmentIsItsOwnWindow() {
		assertThat(ZSTD.window(head(0x20, 200))).isEqualTo(200);
		assertThat(ZSTD.window(head(0x20, 0))).isZero();
		assertThat(ZSTD.window(head(0xE0, 0, 0, 0, 0, 1, 0, 0, 0))).isEqualTo(128 * MB);
		assertThat(ZSTD.window(head(0xE0, 0, 0))).isEqualTo(ContentCodec.HTTP_WINDOW);
	}

	@Test
	void whatIsNoHeaderMayTakeWhatHttpAllows() {
		assertThat(ZSTD.window(head(0x00))).isEqualTo(ContentCodec.HTTP_WINDOW);
		assertThat(ZSTD.window(ByteBuffer.allocateDirect(0))).isEqualTo(ContentCodec.HTTP_WINDOW);
		assertThat(ZSTD.window(ByteBuffer.allocateDirect(20))).isEqualTo(ContentCodec.HTTP_WINDOW);
	}

	@Test
	void aHeadIsLookedAtFromItsPositionAndLeftUnchanged() {
		ByteBuffer head = ByteBuffer.allocateDirect(9).position(3).put(head(0x20, 200)).position(3);
		assertThat(ZSTD.window(head)).isEqualTo(200);
		assertThat(declared(head)).isEqualTo(200);
		assertThat(head.position()).isEqualTo(3);
	}

	/** A frame with nothing in it, which needs memory for its window nevertheless. */
	private static boolean isAccepted(int windowLog, long maxWindow) {
		ByteBuffer frame = head(0x00, windowLog - 10 << 3, 1, 0, 0);
		try (ContentCodec.Decoder decoder = ZSTD.decoder(maxWindow)) {
			return decoder.decode(frame, ByteBuffer.allocateDirect(1));
		}
		catch (IOException ex) {
			return false;
		}
	}

	@Test
	void aDecoderHoldsNoMoreThanItMay() {
		assertThat(isAccepted(24, 16 * MB)).isTrue();
		assertThat(isAccepted(25, 16 * MB)).isFalse();
		assertThat(isAccepted(25, 16 * MB + 1)).isTrue();
		assertThat(isAccepted(26, 16 * MB + 1)).isFalse();
	}

	@Test
	void aDecoderAlwaysHoldsWhatHttpAllows() {
		assertThat(isAccepted(23, 0)).isTrue();
		assertThat(isAccepted(24, 0)).isFalse();
	}

	@Test
	void noDecoderHoldsMoreThanTheMost() {
		assertThat(isAccepted(27, Long.MAX_VALUE)).isTrue();
		assertThat(isAccepted(28, Long.MAX_VALUE)).isFalse();
	}

	@ParameterizedTest
	@ValueSource(ints = { 0, 1, 100_000 })
	void contentNeverNeedsMoreThanItsMostEncodedLength(int size) {
		byte[] content = ContentCodecTests.sample(size);
		long most = ZstdContentCodec.maxEncodedLength(size);
		assertThat(most).isGreaterThanOrEqualTo(Zstd.compress(content, 1).length).isLessThan(size + size / 100 + 600);
	}

	@Test
	void severalFramesAreNotOneContent() {
		byte[] frame = ZstdContentCodec.encode(new byte[] { 1, 2, 3 });
		byte[] twice = Arrays.copyOf(frame, 2 * frame.length);
		System.arraycopy(frame, 0, twice, frame.length, frame.length);
		assertThatIOException().isThrownBy(() -> ZstdContentCodec.decode(twice, 100));
	}

	@Test
	void contentThatDeclaresNoSizeIsRefused() throws IOException {
		ByteArrayOutputStream target = new ByteArrayOutputStream();
		try (OutputStream out = ZSTD.encode(target, -1)) {
			out.write(new byte[40_000]);
		}
		byte[] frame = target.toByteArray();
		assertThat(declared(direct(frame))).isEqualTo(-1);
		assertThatIOException().isThrownBy(() -> ZstdContentCodec.decode(frame, 100_000))
			.withMessageContaining("no frame of at most 100000 bytes");
	}

	@Test
	void moreThanThePledgeIsRefusedAsSoonAsItComes() throws IOException {
		ByteBuffer target = ByteBuffer.allocateDirect(1000);
		try (ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(Compression.defaults(), 100)) {
			assertThat(encoder.encode(direct(new byte[60]), target, false)).isTrue();
			assertThat(encoder.encode(direct(new byte[40]), target, false)).isTrue();
			assertThatIOException().isThrownBy(() -> encoder.encode(direct(new byte[1]), target, false))
				.withMessageContaining("100 bytes were announced, 101 came");
		}
	}

	@Test
	void lessThanThePledgeIsRefusedAtTheEnd() throws IOException {
		ByteBuffer target = ByteBuffer.allocateDirect(1000);
		try (ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(Compression.defaults(), 100)) {
			encoder.encode(direct(new byte[60]), target, false);
			assertThatIOException().isThrownBy(() -> encoder.encode(direct(new byte[39]), target, true))
				.withMessageContaining("100 bytes were announced, 99 came");
		}
	}

	@Test
	void nothingMayBePledged() throws IOException {
		ByteBuffer target = ByteBuffer.allocateDirect(1000);
		try (ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(Compression.defaults(), 0)) {
			assertThatIOException().isThrownBy(() -> encoder.encode(direct(new byte[1]), target, false))
				.withMessageContaining("0 bytes were announced, 1 came");
		}
		assertThatIllegalArgumentException().isThrownBy(() -> ZstdContentCodec.encoder(Compression.defaults(), -2))
			.withMessageContaining("pledgedSize");
	}

	@Test
	void withoutAPledgeAnyNumberOfBytesMayCome() throws IOException {
		ByteBuffer target = ByteBuffer.allocateDirect(1000);
		try (ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(Compression.defaults(), -1)) {
			assertThat(encoder.encode(direct(new byte[60]), target, false)).isTrue();
			assertThat(encoder.encode(direct(new byte[60]), target, true)).isTrue();
		}
		assertThat(Zstd.decompress(bytes(target), 200)).isEqualTo(new byte[120]);
	}

	@Test
	void anEncoderTakesWhatItHasRoomFor() throws IOException {
		byte[] content = new byte[1_000_000];
		new Random(5).nextBytes(content);
		ByteArrayOutputStream encoded = new ByteArrayOutputStream();
		try (ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(Compression.defaults(), content.length)) {
			ByteBuffer source = direct(content);
			ByteBuffer none = ByteBuffer.allocateDirect(0);
			assertThat(encoder.encode(source, none, false)).isFalse();
			assertThat(source.remaining()).isEqualTo(content.length);
			boolean done = false;
			while (!done) {
				ByteBuffer target = ByteBuffer.allocateDirect(10_000);
				done = encoder.encode(source, target, false);
				assertThat(done).isEqualTo(!source.hasRemaining());
				assertThat(done || !target.hasRemaining()).isTrue();
				encoded.writeBytes(bytes(target));
			}
			done = false;
			while (!done) {
				ByteBuffer target = ByteBuffer.allocateDirect(10_000);
				done = encoder.encode(source, target, true);
				encoded.writeBytes(bytes(target));
			}
		}
		assertThat(Zstd.decompress(encoded.toByteArray(), content.length)).isEqualTo(content);
	}

	@Test
	void whatIsClosedHasNoMemory() {
		ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(Compression.defaults(), -1);
		encoder.close();
		assertThatException().isThrownBy(() -> encoder.encode(direct(new byte[1]), direct(new byte[100]), true));
		ContentCodec.Decoder decoder = ZSTD.decoder();
		decoder.close();
		assertThatException()
			.isThrownBy(() -> decoder.decode(direct(ZstdContentCodec.encode(new byte[9])), direct(new byte[100])));
	}

	@Test
	void aBodyMayEndBehindAFrameOnly() throws IOException {
		byte[] frame = ZstdContentCodec.encode(new byte[] { 1, 2, 3 });
		try (ContentCodec.Decoder decoder = ZSTD.decoder()) {
			ByteBuffer target = ByteBuffer.allocateDirect(100);
			assertThat(decoder.decode(direct(), target)).isFalse();
			assertThat(decoder.decode(direct(frame), target)).isTrue();
			assertThat(decoder.decode(direct(), target)).isTrue();
			assertThat(decoder.decode(direct(frame[0]), target)).isFalse();
			assertThat(target.position()).isEqualTo(3);
		}
	}

	@Test
	void aDecoderStopsWhereItsTargetIsFull() throws IOException {
		byte[] frame = ZstdContentCodec.encode(new byte[100]);
		byte[] twice = Arrays.copyOf(frame, 2 * frame.length);
		System.arraycopy(frame, 0, twice, frame.length, frame.length);
		try (ContentCodec.Decoder decoder = ZSTD.decoder()) {
			ByteBuffer source = direct(twice);
			for (int i = 0; i < 3; i++) {
				ByteBuffer target = ByteBuffer.allocateDirect(50);
				assertThat(decoder.decode(source, target)).isFalse();
				assertThat(target.hasRemaining()).isFalse();
			}
			ByteBuffer target = ByteBuffer.allocateDirect(50);
			assertThat(decoder.decode(source, target)).isTrue();
			assertThat(target.hasRemaining()).isFalse();
		}
	}

	@Test
	void whetherOnlyEmptyFramesAreMissingNeedsNoRoom() throws IOException {
		byte[] frame = ZstdContentCodec.encode(new byte[100]);
		byte[] empty = ZstdContentCodec.encode(new byte[0]);
		ByteBuffer source = ByteBuffer.allocateDirect(frame.length + 2 * empty.length)
			.put(frame)
			.put(empty)
			.put(empty)
			.flip();
		try (ContentCodec.Decoder decoder = ZSTD.decoder()) {
			ByteBuffer target = ByteBuffer.allocateDirect(100);
			boolean complete = decoder.decode(source, target);
			assertThat(target.hasRemaining()).isFalse();
			assertThat(complete || decoder.decode(source, target)).isTrue();
			assertThat(source.hasRemaining()).isFalse();
		}
	}

	@ParameterizedTest
	@CsvSource({ "1, 0", "22, 64" })
	void levelsAndWorkersHaveLimits(int level, int workers) {
		assertThatNoException().isThrownBy(() -> new Compression(level, workers));
		int beyond = (level == 1) ? -1 : 1;
		assertThatIllegalArgumentException().isThrownBy(() -> new Compression(level + beyond, workers))
			.withMessageContaining("level");
		assertThatIllegalArgumentException().isThrownBy(() -> new Compression(level, workers + beyond))
			.withMessageContaining("workers");
	}

	@Test
	void theProtocolCompressesAtLevelThree() {
		assertThat(Compression.defaults()).isEqualTo(new Compression(3, 0));
		assertThat(Compression.defaults().withLevel(7)).isEqualTo(new Compression(7, 0));
		assertThat(Compression.defaults().withLevel(7).withWorkers(2)).isEqualTo(new Compression(7, 2));
	}

	private static ByteBuffer direct(byte... bytes) {
		return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
	}

	private static byte[] bytes(ByteBuffer filled) {
		byte[] bytes = new byte[filled.flip().remaining()];
		filled.get(bytes);
		return bytes;
	}

}
