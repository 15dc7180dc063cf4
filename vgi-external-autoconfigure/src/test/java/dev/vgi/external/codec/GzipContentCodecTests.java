package dev.vgi.external.codec;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

import dev.vgi.external.batch.CorruptStreamException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.assertThatIOException;

/**
 * The parts of a member, as RFC 1952 describes them.
 */
class GzipContentCodecTests {

	private static final byte[] CONTENT = { 1, 2, 3, 4, 5, 6, 7 };

	private static final int NO_FLAGS = 0;

	private static final int HEADER_CRC = 2;

	private static final int EXTRA = 4;

	private static final int NAME = 8;

	private static final int COMMENT = 16;

	@ParameterizedTest
	@ValueSource(ints = { NO_FLAGS, 1, HEADER_CRC, EXTRA, NAME, COMMENT, HEADER_CRC | EXTRA, EXTRA | COMMENT,
			HEADER_CRC | NAME | COMMENT, 31 })
	void everyPartOfAHeaderIsOptional(int flags) throws IOException {
		byte[] member = member(flags, new byte[] { 9, 8, 7 }, 0);
		for (int step = 1; step <= member.length; step++) {
			assertThat(decode(member, step)).isEqualTo(CONTENT);
		}
	}

	@Test
	void anExtraFieldMayBeEmptyOrLong() throws IOException {
		for (int length : new int[] { 0, 1, 255, 256, 65_535 }) {
			byte[] member = member(EXTRA | HEADER_CRC, new byte[length], 0);
			assertThat(decode(member, member.length)).as("%d bytes", length).isEqualTo(CONTENT);
			assertThat(decode(member, 100)).as("%d bytes", length).isEqualTo(CONTENT);
		}
	}

	@Test
	void eachMemberHasAHeaderOfItsOwn() throws IOException {
		byte[] all = concat(member(31, new byte[3], 0), member(HEADER_CRC, new byte[0], 0),
				member(NO_FLAGS, new byte[0], 0), member(HEADER_CRC | EXTRA, new byte[9], 0));
		for (int step : new int[] { 1, 5, all.length }) {
			assertThat(decode(all, step)).isEqualTo(concat(CONTENT, CONTENT, CONTENT, CONTENT));
		}
	}

	@Test
	void timeSystemAndLevelDoNotMatter() throws IOException {
		byte[] member = member(NO_FLAGS, new byte[0], 0);
		for (int i = 4; i < 10; i++) {
			member[i] = (byte) 0xFF;
		}
		assertThat(decode(member, member.length)).isEqualTo(CONTENT);
	}

	@ParameterizedTest
	@CsvSource({ "0, 30, not in gzip format", "1, 138, not in gzip format", "2, 7, unknown compression method",
			"2, 24, unknown compression method", "3, 32, unknown flags", "3, 64, unknown flags",
			"3, 128, unknown flags" })
	void anotherHeaderIsRefused(int index, int octet, String problem) {
		byte[] member = member(NO_FLAGS, new byte[0], 0);
		member[index] = (byte) octet;
		assertThatIOException().isThrownBy(() -> decode(member, 1))
			.withMessage("Failed to decompress gzip data: " + problem)
			.withCauseInstanceOf(CorruptStreamException.class);
	}

	@Test
	void everyByteOfAHeadersChecksumCounts() {
		for (int wrong : new int[] { 1, 0x80, 0x100, 0x8000 }) {
			byte[] member = member(HEADER_CRC | NAME, new byte[0], wrong);
			assertThatIOException().isThrownBy(() -> decode(member, member.length))
				.withMessageContaining("wrong header checksum");
		}
	}

	@Test
	void everyByteOfTheTrailerCounts() {
		for (int i = 1; i <= 8; i++) {
			byte[] member = member(NO_FLAGS, new byte[0], 0);
			member[member.length - i] ^= 1;
			assertThatIOException().isThrownBy(() -> decode(member, 3))
				.withMessageContaining("wrong checksum or length");
		}
	}

	@Test
	void aBodyMayEndBehindAMemberOnly() throws IOException {
		byte[] member = member(NO_FLAGS, new byte[0], 0);
		try (ContentCodec.Decoder decoder = GzipContentCodec.INSTANCE.decoder()) {
			ByteBuffer target = ByteBuffer.allocateDirect(100);
			assertThat(decoder.decode(direct(), target)).isFalse();
			assertThat(decoder.decode(direct(member), target)).isTrue();
			assertThat(decoder.decode(direct(), target)).isTrue();
			assertThat(decoder.decode(direct(member[0]), target)).isFalse();
			assertThat(target.position()).isEqualTo(CONTENT.length);
		}
	}

	@Test
	void whetherOnlyTheTrailerIsMissingNeedsNoRoom() throws IOException {
		byte[] member = member(NO_FLAGS, new byte[0], 0);
		try (ContentCodec.Decoder decoder = GzipContentCodec.INSTANCE.decoder()) {
			ByteBuffer target = ByteBuffer.allocateDirect(CONTENT.length);
			ByteBuffer source = direct(member);
			assertThat(decoder.decode(source, target)).isEqualTo(decoder.decode(source, target));
			assertThat(target.hasRemaining()).isFalse();
			assertThat(source.hasRemaining()).isFalse();
		}
	}

	@Test
	void whatWasDecodedBeforeIsNotPartOfTheChecksum() throws IOException {
		byte[] member = member(NO_FLAGS, new byte[0], 0);
		try (ContentCodec.Decoder decoder = GzipContentCodec.INSTANCE.decoder()) {
			ByteBuffer target = ByteBuffer.allocateDirect(100).position(50);
			assertThat(decoder.decode(direct(member), target)).isTrue();
			assertThat(target.get(50)).isEqualTo((byte) 1);
			assertThat(target.get(49)).isZero();
		}
	}

	@Test
	void aClosedDecoderHasNoMemory() throws IOException {
		ContentCodec.Decoder decoder = GzipContentCodec.INSTANCE.decoder();
		ByteBuffer source = direct(member(NO_FLAGS, new byte[0], 0)).limit(12);
		assertThat(decoder.decode(source, ByteBuffer.allocateDirect(100))).isFalse();
		decoder.close();
		assertThatException().isThrownBy(() -> decoder.decode(source.limit(20), ByteBuffer.allocateDirect(100)));
	}

	private static byte[] member(int flags, byte[] extra, int wrong) {
		ByteArrayOutputStream member = new ByteArrayOutputStream();
		member.writeBytes(new byte[] { 0x1F, (byte) 0x8B, 8, (byte) flags, 0, 0, 0, 0, 0, 3 });
		if ((flags & EXTRA) != 0) {
			member.write(extra.length);
			member.write(extra.length >> 8);
			member.writeBytes(extra);
		}
		if ((flags & NAME) != 0) {
			member.writeBytes(new byte[] { 'n', (byte) 0xE4, 0 });
		}
		if ((flags & COMMENT) != 0) {
			member.writeBytes(new byte[] { 'c', 0 });
		}
		if ((flags & HEADER_CRC) != 0) {
			long check = crc(member.toByteArray()) ^ wrong;
			member.write((int) check);
			member.write((int) check >> 8);
		}
		Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
		deflater.setInput(CONTENT);
		deflater.finish();
		byte[] deflated = new byte[100];
		member.write(deflated, 0, deflater.deflate(deflated));
		deflater.end();
		for (long part : new long[] { crc(CONTENT), CONTENT.length }) {
			for (int i = 0; i < 4; i++) {
				member.write((int) (part >> 8 * i));
			}
		}
		return member.toByteArray();
	}

	private static long crc(byte[] bytes) {
		CRC32 crc = new CRC32();
		crc.update(bytes);
		return crc.getValue();
	}

	private static byte[] decode(byte[] encoded, int step) throws IOException {
		ByteBuffer target = ByteBuffer.allocateDirect(100);
		try (ContentCodec.Decoder decoder = GzipContentCodec.INSTANCE.decoder()) {
			boolean complete = false;
			for (int done = 0; done < encoded.length; done += step) {
				ByteBuffer source = direct(encoded).position(done).limit(Math.min(encoded.length, done + step));
				complete = decoder.decode(source, target);
				assertThat(source.hasRemaining()).isFalse();
			}
			assertThat(complete).isTrue();
		}
		byte[] decoded = new byte[target.flip().remaining()];
		target.get(decoded);
		return decoded;
	}

	private static ByteBuffer direct(byte... bytes) {
		return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
	}

	private static byte[] concat(byte[]... parts) {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		for (byte[] part : parts) {
			all.writeBytes(part);
		}
		return all.toByteArray();
	}

}
