package dev.vgi.external.codec;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;

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
	 * Start to decode.
	 * @return a decoder for one body; the caller closes it
	 */
	Decoder decoder();

	/**
	 * Decode a stream on the fly.
	 * @param encoded the encoded bytes; closed with the returned stream
	 * @return the decoded bytes; reading throws {@link IOException} for corrupt input and
	 * for input that ends early
	 * @throws IOException if the encoded stream fails
	 */
	InputStream decode(InputStream encoded) throws IOException;

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
	 * Find the codec of a coding.
	 * @param contentEncoding value of a {@code Content-Encoding} header; case, blanks and
	 * parameters do not matter
	 * @return the codec, or {@code null} if there is none ({@code identity} included)
	 */
	static @Nullable ContentCodec forCoding(@Nullable String contentEncoding) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Decodes one body as it arrives. Works on direct buffers, holds bounded memory.
	 */
	interface Decoder extends AutoCloseable {

		/**
		 * Decode as much as both buffers allow.
		 * @param source encoded bytes; its position moves past what was consumed
		 * @param target where decoded bytes go; its position moves past what was written
		 * @return whether the end of the coding was reached: what follows is not part of
		 * it
		 * @throws IOException if the bytes are corrupt
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
