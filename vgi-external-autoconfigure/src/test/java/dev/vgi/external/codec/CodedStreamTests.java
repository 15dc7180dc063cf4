package dev.vgi.external.codec;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

import dev.vgi.external.batch.CorruptStreamException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

/**
 * What the streams of both codings promise besides their bytes, and how codecs are found.
 */
class CodedStreamTests {

	static List<ContentCodec> codecs() {
		return List.of(ZstdContentCodec.INSTANCE, GzipContentCodec.INSTANCE);
	}

	private static byte[] encoded(ContentCodec codec, byte[] content) throws IOException {
		ByteArrayOutputStream target = new ByteArrayOutputStream();
		try (OutputStream out = codec.encode(target, content.length)) {
			out.write(content);
		}
		return target.toByteArray();
	}

	@Test
	void bothCodingsAreAvailable() {
		assertThat(ContentCodec.available()).containsExactly("zstd", "gzip");
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void aCodedBodyIsRecognizedByItsHead(ContentCodec codec) throws IOException {
		byte[] head = Arrays.copyOf(encoded(codec, new byte[0]), ContentCodec.HEAD);
		assertThat(ContentCodec.forHead(head)).isSameAs(codec);
		assertThat(ContentCodec.forHead(Arrays.copyOf(head, 100))).isSameAs(codec);
		assertThat(ContentCodec.forHead(Arrays.copyOf(head, 3))).isNull();
		// The flags of gzip do not matter.
		for (int i = 0; i < ((codec == GzipContentCodec.INSTANCE) ? 3 : 4); i++) {
			byte[] other = head.clone();
			other[i] ^= 1;
			assertThat(ContentCodec.forHead(other)).as("byte %d", i).isNull();
		}
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void aSmallBodyMayHaveALargeContent(ContentCodec codec) throws IOException {
		byte[] content = new byte[300_000];
		byte[] body = encoded(codec, content);
		assertThat(body).hasSizeLessThan(1000);
		try (InputStream in = codec.decode(new ByteArrayInputStream(body))) {
			assertThat(in.readAllBytes()).isEqualTo(content);
		}
		for (int size : new int[] { 32_767, 32_768, 32_769, 65_536 }) {
			try (InputStream in = codec.decode(new ByteArrayInputStream(encoded(codec, new byte[size])))) {
				assertThat(in.readAllBytes()).hasSize(size);
			}
		}
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void aStreamIsReadInAnyPortion(ContentCodec codec) throws IOException {
		byte[] body = encoded(codec, new byte[] { 1, 2, -3, 4, 5, 6 });
		try (InputStream in = codec.decode(new ByteArrayInputStream(body))) {
			assertThat(in.available()).isZero();
			assertThat(in.read(new byte[0])).isZero();
			assertThat(in.read()).isOne();
			assertThat(in.available()).isEqualTo(5);
			byte[] some = new byte[4];
			assertThat(in.read(some, 1, 2)).isEqualTo(2);
			assertThat(some).containsExactly(0, 2, -3, 0);
			assertThat(in.read(some)).isEqualTo(3);
			assertThat(in.read(some)).isEqualTo(-1);
			assertThat(in.available()).isZero();
			assertThat(in.read(some, 0, 0)).isZero();
			assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> in.read(some, 3, 2));
		}
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void theEndIsAskedForOnce(ContentCodec codec) throws IOException {
		int[] ends = new int[1];
		InputStream body = new FilterInputStream(new ByteArrayInputStream(encoded(codec, new byte[1]))) {
			@Override
			public int read(byte[] bytes, int offset, int length) throws IOException {
				int count = super.read(bytes, offset, length);
				ends[0] += (count < 0) ? 1 : 0;
				return count;
			}
		};
		try (InputStream in = codec.decode(body)) {
			assertThat(in.readAllBytes()).hasSize(1);
			assertThat(in.read()).isEqualTo(-1);
			assertThat(in.read()).isEqualTo(-1);
		}
		assertThat(ends[0]).isOne();
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void nothingIsNoCodedBody(ContentCodec codec) throws IOException {
		try (InputStream in = codec.decode(InputStream.nullInputStream())) {
			assertThatIOException().isThrownBy(in::read)
				.withMessage("Failed to decompress " + codec.coding() + " data: the data is cut off")
				.withCauseInstanceOf(CorruptStreamException.class);
		}
	}

	@ParameterizedTest
	@MethodSource("codecs")
	void aClosedStreamIsNotReadAndNotClosedAgain(ContentCodec codec) throws IOException {
		int[] closed = new int[1];
		InputStream in = codec.decode(new ByteArrayInputStream(encoded(codec, new byte[9])) {
			@Override
			public void close() {
				closed[0]++;
			}
		});
		assertThat(in.read()).isZero();
		in.close();
		in.close();
		assertThat(closed[0]).isOne();
		assertThatIOException().isThrownBy(in::read).withMessage("Stream closed");
		assertThatIOException().isThrownBy(() -> in.read(new byte[1])).withMessage("Stream closed");
	}

	@Test
	void aStreamClosesItsDecoderAlsoIfTheBodyCannotBeClosed() {
		ContentCodec.Decoder decoder = ZstdContentCodec.INSTANCE.decoder();
		InputStream in = new DecodingInputStream("zstd", new ByteArrayInputStream(new byte[0]) {
			@Override
			public void close() throws IOException {
				throw new IOException("broken");
			}
		}, decoder);
		assertThatIOException().isThrownBy(in::close).withMessage("broken");
		assertThatException()
			.isThrownBy(() -> decoder.decode(ByteBuffer.allocateDirect(1), ByteBuffer.allocateDirect(1)));
	}

	@Test
	void anEncodedStreamFlushesItsTargetOnly() throws IOException {
		int[] flushed = new int[2];
		ByteArrayOutputStream target = new ByteArrayOutputStream() {
			@Override
			public void flush() {
				flushed[0]++;
			}

			@Override
			public void close() {
				flushed[1]++;
			}
		};
		OutputStream out = ZstdContentCodec.INSTANCE.encode(target, -1);
		out.write(7);
		out.write(new byte[] { 8, 9, 10, 11 }, 1, 2);
		out.flush();
		assertThat(flushed[0]).isOne();
		assertThat(target.size()).isZero();
		assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> out.write(new byte[3], 2, 2));
		out.close();
		out.close();
		assertThat(flushed[1]).isOne();
		assertThatIOException().isThrownBy(() -> out.write(1)).withMessage("Stream closed");
		InputStream in = ZstdContentCodec.INSTANCE.decode(new ByteArrayInputStream(target.toByteArray()));
		assertThat(in.readAllBytes()).containsExactly(7, 9, 10);
		in.close();
	}

	@Test
	void bytesAreWrittenOneByOneToo() throws IOException {
		ByteArrayOutputStream target = new ByteArrayOutputStream();
		try (OutputStream out = ZstdContentCodec.INSTANCE.encode(target, 70_000)) {
			for (int i = 0; i < 70_000; i++) {
				out.write(i);
			}
		}
		try (InputStream in = ZstdContentCodec.INSTANCE.decode(new ByteArrayInputStream(target.toByteArray()))) {
			for (int i = 0; i < 70_000; i++) {
				assertThat(in.read()).isEqualTo(i & 0xFF);
			}
			assertThat(in.read()).isEqualTo(-1);
		}
	}

	@Test
	void anErrorWithoutWordsOfItsOwnNamesTheCoding() {
		assertThat(Corrupt.encoding("gzip", null, null)).hasMessage("Failed to decompress gzip data")
			.hasCauseInstanceOf(CorruptStreamException.class);
	}

}
