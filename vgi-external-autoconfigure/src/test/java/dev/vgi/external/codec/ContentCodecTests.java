package dev.vgi.external.codec;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import dev.vgi.external.batch.CorruptStreamException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

/**
 * Tests for {@link ContentCodec} and its codings.
 */
class ContentCodecTests {

	private static final ContentCodec ZSTD = ZstdContentCodec.INSTANCE;

	private static final ContentCodec GZIP = GzipContentCodec.INSTANCE;

	static Stream<ContentCodec> codecs() {
		return Stream.of(ZSTD, GZIP);
	}

	@Test
	void findsCodecsOfAnswers() {
		for (String coded : List.of("zstd", "zstd,aws-chunked", "aws-chunked, ZSTD", "identity, zstd",
				"zstd; x=1, ,")) {
			assertThat(ContentCodec.ofAnswer(coded)).as(coded).isSameAs(ZSTD);
		}
		for (String plain : List.of("", " , ", "identity", "aws-chunked", "br", "utf-8")) {
			assertThat(ContentCodec.ofAnswer(plain)).as(plain).isNull();
		}
		assertThat(ContentCodec.ofAnswer(null)).isNull();
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> ContentCodec.ofAnswer("gzip, zstd"))
			.withMessageContaining("'gzip, zstd'");
		assertThatExceptionOfType(CorruptStreamException.class)
			.isThrownBy(() -> ContentCodec.ofAnswer("br, http://x/?sig=planted"))
			.withMessageContaining("'br, ?'");
	}

	@Test
	void findsCodecsOfRequests() {
		assertThat(ContentCodec.ofRequest("x-gzip, identity")).isSameAs(GZIP);
		assertThat(ContentCodec.ofRequest("identity")).isNull();
		assertThat(ContentCodec.ofRequest(null)).isNull();
		// The chunks are still there.
		for (String refused : List.of("br", "aws-chunked", "aws-chunked, zstd", "zstd, gzip")) {
			assertThatExceptionOfType(CorruptStreamException.class).as(refused)
				.isThrownBy(() -> ContentCodec.ofRequest(refused))
				.withMessageContaining("'" + refused + "'");
		}
	}

	static byte[] sample(int size) {
		byte[] bytes = new byte[size];
		Random random = new Random(size);
		for (int i = 0; i < size; i++) {
			bytes[i] = (byte) ((i % 100 < 60) ? i / 100 : random.nextInt());
		}
		return bytes;
	}

	@Test
	void findsCodecsByName() {
		assertThat(ContentCodec.forCoding(" ZSTD ; x=1")).isSameAs(ZSTD);
		assertThat(ContentCodec.forCoding("gzip")).isSameAs(GZIP);
		assertThat(ContentCodec.forCoding("x-gzip")).isSameAs(GZIP);
		assertThat(ContentCodec.forCoding("identity")).isNull();
		assertThat(ContentCodec.forCoding("br")).isNull();
		assertThat(ContentCodec.forCoding("")).isNull();
		assertThat(ContentCodec.forCoding(null)).isNull();
		assertThat(ZSTD.coding()).isEqualTo("zstd");
		assertThat(GZIP.coding()).isEqualTo("gzip");
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void roundTripsStreams(ContentCodec codec) throws IOException {
		for (int size : new int[] { 0, 1, 100, 32_767, 32_768, 32_769, 65_536, 1_000_000, 10_000_000 }) {
			byte[] bytes = sample(size);
			for (long known : new long[] { size, -1 }) {
				byte[] encoded = encode(codec, bytes, known);
				assertThat(codec.decode(new ByteArrayInputStream(encoded)).readAllBytes()).isEqualTo(bytes);
				assertThat(decode(codec, encoded, 100_000, 4096)).isEqualTo(bytes);
			}
		}
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void decodesWhateverTheBuffersSizes(ContentCodec codec) throws IOException {
		byte[] bytes = sample(3_000);
		byte[] encoded = encode(codec, bytes, bytes.length);
		for (int source : new int[] { 1, 2, 7, 1000, 100_000 }) {
			for (int target : new int[] { 1, 3, 64, 2_999, 3_000, 3_001, 100_000 }) {
				assertThat(decode(codec, encoded, source, target)).isEqualTo(bytes);
			}
		}
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void decodesSeveralFramesInARow(ContentCodec codec) throws IOException {
		byte[] first = encode(codec, sample(1000), 1000);
		byte[] empty = encode(codec, new byte[0], 0);
		byte[] second = encode(codec, sample(70_000), -1);
		byte[] all = concat(first, empty, second);
		byte[] expected = concat(sample(1000), sample(70_000));
		assertThat(codec.decode(new ByteArrayInputStream(all)).readAllBytes()).isEqualTo(expected);
		assertThat(decode(codec, all, 11, 64)).isEqualTo(expected);
		InputStream piecewise = new SequenceInputStream(
				new SequenceInputStream(new ByteArrayInputStream(first), new ByteArrayInputStream(empty)),
				new ByteArrayInputStream(second));
		assertThat(codec.decode(piecewise).readAllBytes()).isEqualTo(expected);
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void everyTruncationIsAnError(ContentCodec codec) throws IOException {
		for (int size : new int[] { 0, 1, 3000 }) {
			byte[] encoded = encode(codec, sample(size), size);
			for (int length = 0; length < encoded.length; length++) {
				byte[] cut = Arrays.copyOf(encoded, length);
				assertThatIOException().isThrownBy(() -> codec.decode(new ByteArrayInputStream(cut)).readAllBytes())
					.withMessageStartingWith("Failed to decompress " + codec.coding() + " data")
					.withCauseInstanceOf(CorruptStreamException.class);
				assertThatIOException().isThrownBy(() -> decode(codec, cut, 100, 512));
			}
		}
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void damageIsAnErrorOrHarmless(ContentCodec codec) throws IOException {
		byte[] encoded = encode(codec, sample(3000), 3000);
		int errors = 0;
		for (int i = 0; i < encoded.length; i++) {
			byte[] broken = encoded.clone();
			broken[i] ^= 0x55;
			try {
				decode(codec, broken, 100, 512);
			}
			catch (IOException ex) {
				errors++;
				assertThat(ex).hasCauseInstanceOf(CorruptStreamException.class);
			}
		}
		assertThat(errors).isPositive();
		assertThatIOException()
			.isThrownBy(() -> codec.decode(new ByteArrayInputStream("not coded at all".getBytes())).readAllBytes())
			.withMessageContaining("Failed to decompress " + codec.coding() + " data");
		byte[] trailing = concat(encoded, "garbage".getBytes(StandardCharsets.UTF_8));
		assertThatIOException().isThrownBy(() -> decode(codec, trailing, 100, 512));
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void decoderNeverWritesBeyondItsTarget(ContentCodec codec) throws IOException {
		byte[] encoded = encode(codec, new byte[5_000_000], -1);
		try (ContentCodec.Decoder decoder = codec.decoder()) {
			ByteBuffer source = direct(encoded);
			ByteBuffer target = ByteBuffer.allocateDirect(100);
			target.put(99, (byte) 7).position(10).limit(60);
			assertThat(decoder.decode(source, target)).isFalse();
			assertThat(target.position()).isEqualTo(60);
			assertThat(target.limit()).isEqualTo(60);
			assertThat(target.limit(100).get(99)).isEqualTo((byte) 7);
		}
	}

	@Test
	void recordsTheSize() throws IOException {
		try (ContentCodec.Decoder decoder = ZSTD.decoder()) {
			for (int size : new int[] { 0, 1, 255, 256, 300, 65_791, 65_792, 10_000_000 }) {
				ByteBuffer head = direct(encode(ZSTD, sample(size), size));
				assertThat(decoder.declaredSize(head)).isEqualTo(size);
				assertThat(head.position()).isZero();
			}
			byte[] foreign = streamed(sample(1000));
			assertThat(decoder.declaredSize(direct(foreign))).isEqualTo(-1);
			assertThat(decode(ZSTD, foreign, 64, 64)).isEqualTo(sample(1000));
			assertThat(decoder.declaredSize(direct(Arrays.copyOf(encode(ZSTD, sample(300), 300), 5)))).isEqualTo(-1);
			assertThat(decoder.declaredSize(direct(new byte[0]))).isEqualTo(-1);
		}
		try (ContentCodec.Decoder decoder = GZIP.decoder()) {
			assertThat(decoder.declaredSize(direct(encode(GZIP, sample(300), 300)))).isEqualTo(-1);
		}
	}

	@Test
	void declaredSizeOfABombIsReported() {
		byte[] bomb = { 0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, (byte) 0xC0, 0x50, -1, -1, -1, -1, -1, -1, -1, 0x7F, 1,
				0 };
		try (ContentCodec.Decoder decoder = ZSTD.decoder()) {
			assertThat(decoder.declaredSize(direct(bomb))).isEqualTo(Long.MAX_VALUE);
			bomb[13] = -1;
			assertThat(decoder.declaredSize(direct(bomb))).isEqualTo(Long.MAX_VALUE);
		}
	}

	@Test
	void hugeWindowIsRefused() {
		// window descriptor 0xF8: exponent 31, two TiB
		byte[] frame = { 0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, 0x00, (byte) 0xF8, 0x01, 0x00, 0x00 };
		assertThatIOException().isThrownBy(() -> decode(ZSTD, frame, 100, 100)).withMessageContaining("zstd");
	}

	@Test
	void aBoundedDecoderRefusesLargerWindows() throws IOException {
		byte[] body = new byte[9 << 20];
		byte[] far = Zstd.compress(body, 22);
		ContentCodec zstd = ZstdContentCodec.INSTANCE;
		assertThat(zstd.window(direct(far))).isGreaterThanOrEqualTo(body.length);
		assertThatIOException()
			.isThrownBy(() -> zstd.decode(new ByteArrayInputStream(far), ContentCodec.HTTP_WINDOW).readAllBytes())
			.withCauseInstanceOf(CorruptStreamException.class);
		assertThat(zstd.decode(new ByteArrayInputStream(far), zstd.window(direct(far))).readAllBytes()).isEqualTo(body);
		byte[] near = Zstd.compress(body, 3);
		assertThat(zstd.window(direct(near))).isEqualTo(2 << 20);
		assertThat(zstd.decode(new ByteArrayInputStream(near), 0).readAllBytes()).isEqualTo(body);
	}

	@Test
	void theWindowOfASmallFrameIsItsSize() {
		assertThat(ZstdContentCodec.INSTANCE.window(direct(Zstd.compress(new byte[1000])))).isEqualTo(1000);
		assertThat(ZstdContentCodec.INSTANCE.window(direct(new byte[20]))).isEqualTo(ContentCodec.HTTP_WINDOW);
		assertThat(GzipContentCodec.INSTANCE.window(direct(new byte[20]))).isZero();
	}

	@Test
	void highestLevelIsDecoded() throws IOException {
		byte[] bytes = sample(300_000);
		byte[] encoded = Zstd.compress(bytes, 22);
		assertThat(decode(ZSTD, encoded, 1000, 1000)).isEqualTo(bytes);
	}

	@Test
	void skippableFramesAreSkipped() throws IOException {
		byte[] skippable = { 0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 'a', 'b', 'c' };
		byte[] all = concat(skippable, encode(ZSTD, sample(10), 10), skippable);
		assertThat(decode(ZSTD, all, 3, 3)).isEqualTo(sample(10));
	}

	@Test
	void gzipHeaderFieldsAreReadAndChecked() throws IOException {
		byte[] plain = encode(GZIP, sample(50), -1);
		byte[] header = { 0x1F, (byte) 0x8B, 8, 2 | 4 | 8 | 16, 1, 2, 3, 4, 0, 3, 5, 0, 1, 2, 3, 4, 5, 'n', 0, 'c', 'c',
				0 };
		CRC32 crc = new CRC32();
		crc.update(header);
		byte[] check = { (byte) crc.getValue(), (byte) (crc.getValue() >> 8) };
		byte[] all = concat(header, check, Arrays.copyOfRange(plain, 10, plain.length));
		for (int source : new int[] { 1, 2, 5, 100 }) {
			assertThat(decode(GZIP, all, source, 7)).isEqualTo(sample(50));
		}
		all[12] ^= 1;
		assertThatIOException().isThrownBy(() -> decode(GZIP, all, 100, 100)).withMessageContaining("header checksum");
	}

	@ParameterizedTest
	@ValueSource(ints = { 0, 2 })
	void encoderMakesOneFrameWithItsSize(int workers) throws IOException {
		for (int size : new int[] { 0, 1, 5_000, 3_000_000 }) {
			byte[] bytes = sample(size);
			byte[] encoded = encodeDirect(new Compression(3, workers), bytes, size, 70_000, 1_000);
			assertThat(Zstd.getFrameContentSize(encoded)).isEqualTo(size);
			assertThat(Zstd.decompress(encoded, size)).isEqualTo(bytes);
		}
	}

	@Test
	void encoderUsesItsLevel() throws IOException {
		StringBuilder text = new StringBuilder();
		for (int i = 0; i < 40_000; i++) {
			text.append("row ").append(i * 7919 % 10_007).append(';');
		}
		byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
		assertThat(encodeDirect(new Compression(1, 0), bytes, bytes.length, 50_000, 50_000))
			.isNotEqualTo(encodeDirect(new Compression(19, 0), bytes, bytes.length, 50_000, 50_000));
	}

	@Test
	void encoderHoldsItsCallerToThePledge() {
		assertThatIOException().isThrownBy(() -> encodeDirect(Compression.defaults(), sample(100), 101, 1_000, 1_000));
		assertThatIOException().isThrownBy(() -> encodeDirect(Compression.defaults(), sample(100), 99, 1_000, 1_000));
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void streamsCloseWhatTheyWrap(ContentCodec codec) throws IOException {
		boolean[] closed = new boolean[2];
		ByteArrayOutputStream target = new ByteArrayOutputStream() {
			@Override
			public void close() {
				closed[0] = true;
			}
		};
		OutputStream out = codec.encode(target, -1);
		out.write('x');
		out.flush();
		out.close();
		out.close();
		InputStream in = codec.decode(new ByteArrayInputStream(target.toByteArray()) {
			@Override
			public void close() {
				closed[1] = true;
			}
		});
		assertThat(in.read()).isEqualTo('x');
		assertThat(in.read()).isEqualTo(-1);
		assertThat(in.read()).isEqualTo(-1);
		in.close();
		in.close();
		assertThat(closed).containsExactly(true, true);
		assertThatExceptionOfType(IOException.class).isThrownBy(in::read);
	}

	private static byte[] encode(ContentCodec codec, byte[] bytes, long size) throws IOException {
		ByteArrayOutputStream target = new ByteArrayOutputStream();
		try (OutputStream out = codec.encode(target, size)) {
			out.write(bytes, 0, bytes.length / 3);
			out.write(bytes, bytes.length / 3, bytes.length - bytes.length / 3);
		}
		return target.toByteArray();
	}

	private static byte[] encodeDirect(Compression compression, byte[] bytes, long pledged, int sourceSize,
			int targetSize) throws IOException {
		ByteArrayOutputStream encoded = new ByteArrayOutputStream();
		ByteBuffer target = ByteBuffer.allocateDirect(targetSize);
		try (ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(compression, pledged)) {
			int done = 0;
			boolean last;
			do {
				int count = Math.min(sourceSize, bytes.length - done);
				ByteBuffer source = direct(Arrays.copyOfRange(bytes, done, done + count)).asReadOnlyBuffer();
				done += count;
				last = done == bytes.length;
				boolean finished;
				do {
					finished = encoder.encode(source, target, last);
					drain(target, encoded);
				}
				while (!finished);
			}
			while (!last);
		}
		return encoded.toByteArray();
	}

	// feeds and drains as the contract of Decoder says
	private static byte[] decode(ContentCodec codec, byte[] encoded, int sourceSize, int targetSize)
			throws IOException {
		ByteArrayOutputStream decoded = new ByteArrayOutputStream();
		ByteBuffer target = ByteBuffer.allocateDirect(targetSize);
		try (ContentCodec.Decoder decoder = codec.decoder()) {
			boolean complete = false;
			for (int done = 0; done < encoded.length; done += sourceSize) {
				ByteBuffer source = direct(
						Arrays.copyOfRange(encoded, done, Math.min(encoded.length, done + sourceSize)));
				boolean filled;
				do {
					complete = decoder.decode(source, target);
					filled = !target.hasRemaining();
					drain(target, decoded);
				}
				while (source.hasRemaining() || filled && !complete);
			}
			if (!complete) {
				throw Corrupt.encoding(codec.coding(), "cut off", null);
			}
		}
		return decoded.toByteArray();
	}

	private static void drain(ByteBuffer target, ByteArrayOutputStream out) {
		target.flip();
		byte[] bytes = new byte[target.remaining()];
		target.get(bytes);
		out.writeBytes(bytes);
		target.clear();
	}

	private static byte[] streamed(byte[] bytes) throws IOException {
		ByteArrayOutputStream target = new ByteArrayOutputStream();
		try (OutputStream out = new ZstdOutputStream(target)) {
			out.write(bytes);
		}
		return target.toByteArray();
	}

	private static ByteBuffer direct(byte[] bytes) {
		return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
	}

	private static byte[] concat(byte[]... parts) {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		for (byte[] part : parts) {
			all.writeBytes(part);
		}
		return all.toByteArray();
	}

	@Test
	void smallContentIsCodedAtOnce() throws Exception {
		byte[] content = "a state of a stream, ".repeat(10).getBytes(StandardCharsets.UTF_8);
		byte[] encoded = ZstdContentCodec.encode(content);
		assertThat(encoded).hasSizeLessThan(content.length);
		assertThat(ZstdContentCodec.decode(encoded, content.length)).isEqualTo(content);
		assertThat(ZstdContentCodec.decode(ZstdContentCodec.encode(new byte[0]), 10)).isEmpty();
		assertThatIOException().isThrownBy(() -> ZstdContentCodec.decode(encoded, content.length - 1))
			.withCauseInstanceOf(CorruptStreamException.class);
		for (byte[] broken : List.of(new byte[0], content, Arrays.copyOf(encoded, encoded.length - 1),
				Arrays.copyOf(encoded, 6))) {
			assertThatIOException().isThrownBy(() -> ZstdContentCodec.decode(broken, 1000))
				.withCauseInstanceOf(CorruptStreamException.class);
		}
	}

}
