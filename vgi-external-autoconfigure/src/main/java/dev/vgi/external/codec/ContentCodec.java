package dev.vgi.external.codec;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

import dev.vgi.external.batch.CorruptStreamException;
import org.jspecify.annotations.Nullable;

/**
 * One content coding of HTTP. Thread-safe; decoders are not.
 */
public interface ContentCodec {

	/**
	 * Return the coding's name as it stands in {@code Content-Encoding}.
	 * @return lower case, such as {@code zstd}
	 */
	String coding();

	/**
	 * What a decoder of an HTTP body may hold of what it has decoded: RFC 9659 lets no
	 * sender of {@code zstd} ask for more.
	 */
	long HTTP_WINDOW = 8L << 20;

	/**
	 * How many bytes it takes to recognize a coded body.
	 */
	int HEAD = 4;

	/**
	 * Start to decode a body that may ask for as much memory as the coding allows.
	 * @return a decoder for one body; the caller closes it
	 */
	default Decoder decoder() {
		return decoder(Long.MAX_VALUE);
	}

	/**
	 * Start to decode.
	 * @param maxWindow bytes of what is decoded that the decoder may hold; a body that
	 * asks for more is corrupt, but not for what {@link #HTTP_WINDOW} allows
	 * @return a decoder for one body; the caller closes it
	 * @throws dev.vgi.external.batch.CorruptStreamException if the coding does not work
	 * in this process
	 */
	Decoder decoder(long maxWindow);

	/**
	 * Look up what a decoder will hold of what it decodes.
	 * @param head the first bytes of the body, unchanged
	 * @return bytes, untrusted; 0 if it holds nothing of note
	 */
	long window(ByteBuffer head);

	/**
	 * Decode a stream on the fly.
	 * @param encoded the encoded bytes; closed with the returned stream
	 * @return the decoded bytes; for corrupt input and for input that ends early reading
	 * throws an {@link IOException} whose cause is a
	 * {@link dev.vgi.external.batch.CorruptStreamException}
	 * @throws IOException if the encoded stream fails
	 */
	default InputStream decode(InputStream encoded) throws IOException {
		return decode(encoded, Long.MAX_VALUE);
	}

	/**
	 * Decode a stream on the fly in bounded memory.
	 * @param encoded the encoded bytes; closed with the returned stream
	 * @param maxWindow as for {@link #decoder(long)}
	 * @return the decoded bytes, as of {@link #decode(InputStream)}; the caller closes
	 * it, as memory outside of the heap comes with it
	 * @throws IOException if the encoded stream fails
	 */
	InputStream decode(InputStream encoded, long maxWindow) throws IOException;

	/**
	 * Encode a stream on the fly, at the protocol's level for HTTP bodies (zstd 1, gzip
	 * 6).
	 * @param target where the encoded bytes go; closed with the returned stream
	 * @param size the exact number of bytes that will be written, recorded in the frame
	 * where the coding can; or -1 if unknown
	 * @return the stream to write to; the caller closes it
	 * @throws IOException if the target fails
	 */
	OutputStream encode(OutputStream target, long size) throws IOException;

	/**
	 * Return the codings that work in this process, best first.
	 * @return {@code zstd}, unless its native library cannot be loaded, and {@code gzip}
	 */
	static List<String> available() {
		return (ZstdContentCodec.unavailable() == null) ? List.of(ZstdContentCodec.CODING, GzipContentCodec.CODING)
				: List.of(GzipContentCodec.CODING);
	}

	/**
	 * Find the codec of one coding.
	 * @param contentEncoding the coding's name; case, blanks and parameters do not matter
	 * @return the codec, or {@code null} if there is none ({@code identity} included)
	 */
	static @Nullable ContentCodec forCoding(@Nullable String contentEncoding) {
		if (contentEncoding == null) {
			return null;
		}
		int parameters = contentEncoding.indexOf(';');
		String coding = (parameters >= 0) ? contentEncoding.substring(0, parameters) : contentEncoding;
		return switch (coding.trim().toLowerCase(Locale.ROOT)) {
			case ZstdContentCodec.CODING -> ZstdContentCodec.INSTANCE;
			case GzipContentCodec.CODING, "x-gzip" -> GzipContentCodec.INSTANCE;
			default -> null;
		};
	}

	/**
	 * Find the codec of a body that was sent to this process.
	 * @param contentEncoding values of its {@code Content-Encoding} headers, joined by
	 * commas, in the order in which codings were applied; or {@code null}
	 * @return the codec, or {@code null} if the body is not coded: {@code identity} is no
	 * coding
	 * @throws CorruptStreamException if it has several codings, or one that is not known
	 * here; names them
	 */
	static @Nullable ContentCodec ofRequest(@Nullable String contentEncoding) {
		List<String> codings = codings(contentEncoding);
		ContentCodec codec = (codings.size() == 1) ? forCoding(codings.get(0)) : null;
		if (codec == null && !codings.isEmpty()) {
			throw unsupported(codings);
		}
		return codec;
	}

	/**
	 * Find the codec of a body that this process has asked for. Storage takes the framing
	 * of a signed upload off, but some keep its name, {@code aws-chunked}, with the
	 * object.
	 * @param contentEncoding as for {@link #ofRequest}
	 * @return the codec, or {@code null} if the bytes are taken as they are, also with
	 * one coding that is not known here: uploaders write anything there
	 * @throws CorruptStreamException if it has several codings; names them
	 */
	static @Nullable ContentCodec ofAnswer(@Nullable String contentEncoding) {
		List<String> codings = codings(contentEncoding).stream()
			.filter((coding) -> !coding.equals("aws-chunked"))
			.toList();
		if (codings.size() > 1) {
			throw unsupported(codings);
		}
		return codings.isEmpty() ? null : forCoding(codings.get(0));
	}

	private static List<String> codings(@Nullable String contentEncoding) {
		return Arrays.stream(((contentEncoding != null) ? contentEncoding : "").split(","))
			.map((coding) -> coding.split(";", 2)[0].trim().toLowerCase(Locale.ROOT))
			.filter((coding) -> !coding.isEmpty() && !coding.equals("identity"))
			.toList();
	}

	private static CorruptStreamException unsupported(List<String> codings) {
		// Whoever sent them chose the text.
		String shown = codings.stream()
			.limit(4)
			.map((coding) -> coding.matches("[a-z0-9_.+-]{1,32}") ? coding : "?")
			.collect(Collectors.joining(", "));
		return new CorruptStreamException(
				"The Content-Encoding '" + shown + "' is not supported: zstd, gzip or none is");
	}

	/**
	 * Recognize a coded body by its beginning. No Arrow stream begins like that.
	 * @param head the first {@value #HEAD} bytes, or fewer of a shorter body
	 * @return the codec, or {@code null} if it is none that is known here
	 */
	static @Nullable ContentCodec forHead(byte[] head) {
		if (ZstdContentCodec.isHead(head)) {
			return ZstdContentCodec.INSTANCE;
		}
		return GzipContentCodec.isHead(head) ? GzipContentCodec.INSTANCE : null;
	}

	/**
	 * Decodes one body as it arrives. Works on direct buffers, holds bounded memory.
	 */
	interface Decoder extends AutoCloseable {

		/**
		 * Decode as much as both buffers allow. Call it again with further encoded bytes
		 * once the source is used up, and with more room (and the same source, even if
		 * nothing is left in it) whenever the target was filled; an empty target may be
		 * passed to find out whether only a trailer is missing. When there are no further
		 * encoded bytes and the last call left room in its target, or had none to fill,
		 * its result must have been {@code true}: otherwise the body was cut off.
		 * @param source a direct buffer with encoded bytes; its position moves past what
		 * was consumed
		 * @param target a direct buffer for decoded bytes; its position moves past what
		 * was written, never beyond its limit
		 * @return whether the body may end here: all bytes so far form whole frames or
		 * members and are wholly decoded. Further bytes have to be further frames
		 * @throws IOException if the bytes are corrupt; its cause is a
		 * {@link dev.vgi.external.batch.CorruptStreamException}
		 */
		boolean decode(ByteBuffer source, ByteBuffer target) throws IOException;

		/**
		 * Look up the decoded size that the first bytes declare.
		 * @param head the first bytes of the body, unchanged
		 * @return the declared size (untrusted), or -1 if it is not declared
		 */
		long declaredSize(ByteBuffer head);

		@Override
		void close();

	}

}
