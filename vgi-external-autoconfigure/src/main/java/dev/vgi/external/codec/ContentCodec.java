package dev.vgi.external.codec;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.CorruptStreamException;
import org.jspecify.annotations.Nullable;

/**
 * One HTTP content coding. Thread-safe; decoders are not.
 */
@Internal
public interface ContentCodec {

	/**
	 * Return the coding's name as used in {@code Content-Encoding}.
	 * @return lower case, such as {@code zstd}
	 */
	String coding();

	/**
	 * Most decoded bytes that the decoder of an HTTP body may hold: RFC 9659 forbids
	 * senders of {@code zstd} to require more.
	 */
	long HTTP_WINDOW = 8L << 20;

	/**
	 * How many bytes are needed to recognize a coded body.
	 */
	int HEAD = 4;

	/**
	 * Start to decode a body that may require as much memory as the coding allows.
	 * @return a decoder for one body; the caller closes it
	 */
	default Decoder decoder() {
		return decoder(Long.MAX_VALUE);
	}

	/**
	 * Start to decode.
	 * @param maxWindow most decoded bytes that the decoder may hold; a body that requires
	 * more is rejected as corrupt, unless {@link #HTTP_WINDOW} allows it
	 * @return a decoder for one body; the caller closes it
	 * @throws dev.vgi.external.batch.CorruptStreamException if the coding does not work
	 * in this process
	 */
	Decoder decoder(long maxWindow);

	/**
	 * Look up how many decoded bytes a decoder will hold.
	 * @param head the first bytes of the body, unchanged
	 * @return bytes, untrusted; 0 if the amount is negligible
	 */
	long window(ByteBuffer head);

	/**
	 * Decode a stream on the fly.
	 * @param encoded the encoded bytes; closed with the returned stream
	 * @return the decoded bytes. Reading throws an {@link IOException} whose cause is a
	 * {@link dev.vgi.external.batch.CorruptStreamException} if the input is corrupt or
	 * ends early
	 * @throws IOException if the encoded stream fails
	 */
	default InputStream decode(InputStream encoded) throws IOException {
		return decode(encoded, Long.MAX_VALUE);
	}

	/**
	 * Decode a stream on the fly in bounded memory.
	 * @param encoded the encoded bytes; closed with the returned stream
	 * @param maxWindow as for {@link #decoder(long)}
	 * @return the decoded bytes, as for {@link #decode(InputStream)}; the caller closes
	 * the stream, since it holds off-heap memory
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
		return switch (name(contentEncoding)) {
			case ZstdContentCodec.CODING -> ZstdContentCodec.INSTANCE;
			case GzipContentCodec.CODING, "x-gzip" -> GzipContentCodec.INSTANCE;
			default -> null;
		};
	}

	/**
	 * Find the codec of a body that was sent to this process.
	 * @param contentEncoding values of its {@code Content-Encoding} headers, joined by
	 * commas, in the order in which codings were applied; or {@code null}
	 * @return the codec, or {@code null} if the body is not coded: {@code identity} does
	 * not count as a coding
	 * @throws CorruptStreamException if it has several codings, or an unknown one; the
	 * message names them
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
	 * Find the codec of a body that this process has requested. Storage removes the
	 * framing of a signed upload, but some storages keep its name, {@code aws-chunked},
	 * in the object's headers.
	 * @param contentEncoding as for {@link #ofRequest}
	 * @return the codec, or {@code null} if the bytes are taken as they are. This
	 * includes a single unknown coding, since uploaders put anything there
	 * @throws CorruptStreamException if it has several codings; the message names them
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
			.map(ContentCodec::name)
			.filter((coding) -> !coding.isEmpty() && !coding.equals("identity"))
			.toList();
	}

	private static String name(String coding) {
		return coding.split(";", 2)[0].trim().toLowerCase(Locale.ROOT);
	}

	private static CorruptStreamException unsupported(List<String> codings) {
		// The peer chose this text.
		String shown = codings.stream()
			.limit(4)
			.map((coding) -> coding.matches("[a-z0-9_.+-]{1,32}") ? coding : "?")
			.collect(Collectors.joining(", "));
		return new CorruptStreamException(
				"The Content-Encoding '" + shown + "' is not supported: zstd, gzip or none is");
	}

	/**
	 * Recognize a coded body by its first bytes. No Arrow stream begins with them.
	 * @param head the first {@value #HEAD} bytes, or fewer of a shorter body
	 * @return the codec, or {@code null} if no known coding matches
	 */
	static @Nullable ContentCodec forHead(byte[] head) {
		if (ZstdContentCodec.isHead(head)) {
			return ZstdContentCodec.INSTANCE;
		}
		return GzipContentCodec.isHead(head) ? GzipContentCodec.INSTANCE : null;
	}

	/**
	 * Decodes one body as it arrives. Works on direct buffers in bounded memory.
	 */
	interface Decoder extends AutoCloseable {

		/**
		 * Decode as much as both buffers allow. Call it again with further encoded bytes
		 * once the source is used up. Call it again with more room whenever it filled the
		 * target, even if the same source has nothing left. An empty target may be passed
		 * to find out whether only a trailer is missing. The body was cut off if there
		 * are no further encoded bytes, the last call had room left in its target or was
		 * given none, and it returned {@code false}.
		 * @param source a direct buffer with encoded bytes; its position moves past what
		 * was consumed
		 * @param target a direct buffer for decoded bytes; its position moves past what
		 * was written, never beyond its limit
		 * @return whether the body may end here: all bytes so far form whole frames or
		 * members and are completely decoded. Further bytes have to be further frames
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
