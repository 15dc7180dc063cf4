package dev.vgi.external.codec;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;

import com.github.luben.zstd.ZstdOutputStream;

/**
 * Coded bodies, whole and broken at their very end, where only the checksum is.
 */
public final class CodedBodies {

	/** More than a decoder puts out at once: what follows it is not seen by chance. */
	private static final int DISTANCE = 48 << 10;

	private CodedBodies() {
	}

	/**
	 * Encode with a checksum.
	 * @param coding {@code zstd} or {@code gzip}
	 * @param plain what to encode
	 * @return the coded bytes
	 */
	public static byte[] encode(String coding, byte[] plain) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (OutputStream out = coding.equals("gzip") ? new GZIPOutputStream(bytes)
				: new ZstdOutputStream(bytes).setChecksum(true)) {
			out.write(plain);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	/**
	 * Encode so that the end of the coding is far behind the end of the content.
	 * @param coding {@code zstd} or {@code gzip}
	 * @param plain what to encode
	 * @param end what becomes of the checksum
	 * @return the coded bytes
	 */
	public static byte[] encode(String coding, byte[] plain, End end) {
		byte[] coded = encode(coding, Arrays.copyOf(plain, plain.length + DISTANCE));
		return switch (end) {
			case WHOLE -> coded;
			case WRONG -> {
				// Of gzip the length follows.
				coded[coded.length - (coding.equals("gzip") ? 5 : 1)] ^= 1;
				yield coded;
			}
			case MISSING -> Arrays.copyOf(coded, coded.length - 1);
		};
	}

	/**
	 * How a coded body ends.
	 */
	public enum End {

		/** As it should. */
		WHOLE,

		/** With a checksum of something else. */
		WRONG,

		/** Before its checksum is complete. */
		MISSING

	}

}
