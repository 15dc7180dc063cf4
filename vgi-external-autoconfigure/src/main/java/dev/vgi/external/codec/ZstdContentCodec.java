package dev.vgi.external.codec;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

import com.github.luben.zstd.EndDirective;
import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import dev.vgi.external.Internal;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.compression.BufferCodec;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The content coding {@code zstd}. Decodes what the format allows: frames with or without
 * content size, several frames in a row, skippable frames. Refuses a frame whose window
 * is larger than 128 MB, which is more than any regular level uses.
 */
@Internal
public final class ZstdContentCodec implements ContentCodec {

	/** The coding's name. */
	public static final String CODING = "zstd";

	static final ZstdContentCodec INSTANCE = new ZstdContentCodec();

	private static final int HTTP_LEVEL = 1;

	private static final int MAX_WINDOW_LOG = 27;

	private static final int MAGIC = 0xFD2FB528;

	private ZstdContentCodec() {
	}

	/**
	 * Return why {@code zstd} does not work in this process: its native library is
	 * extracted to the temporary folder and has to be executable there.
	 * @return the reason, or {@code null} if it works
	 */
	public static @Nullable String unavailable() {
		return BufferCodec.ZSTD.unavailable();
	}

	private static void requireAvailable() {
		String problem = unavailable();
		if (problem != null) {
			throw new CorruptStreamException("The coding zstd does not work in this process: " + problem);
		}
	}

	static boolean isHead(byte[] head) {
		return head.length >= HEAD && ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).getInt() == MAGIC;
	}

	@Override
	public String coding() {
		return CODING;
	}

	@Override
	public Decoder decoder(long maxWindow) {
		requireAvailable();
		int log = Long.SIZE - Long.numberOfLeadingZeros(Math.max(maxWindow, HTTP_WINDOW) - 1);
		return new ZstdDecoder(Math.min(log, MAX_WINDOW_LOG));
	}

	@Override
	public long window(ByteBuffer head) {
		return Math.min(windowInHeader(head.slice().order(ByteOrder.LITTLE_ENDIAN)), 1L << MAX_WINDOW_LOG);
	}

	// as described in RFC 8878, section 3.1.1.1.2
	private static long windowInHeader(ByteBuffer head) {
		if (head.remaining() < Integer.BYTES + 2 || head.getInt(0) != MAGIC) {
			return HTTP_WINDOW;
		}
		boolean singleSegment = (head.get(Integer.BYTES) & 0x20) != 0;
		if (singleSegment) {
			long size = ZstdDecoder.sizeInHeader(head);
			return (size >= 0) ? size : HTTP_WINDOW;
		}
		int descriptor = head.get(Integer.BYTES + 1) & 0xFF;
		long base = 1L << (10 + (descriptor >> 3));
		return base + base / 8 * (descriptor & 7);
	}

	@Override
	public InputStream decode(InputStream encoded, long maxWindow) {
		return new DecodingInputStream(CODING, encoded, decoder(maxWindow));
	}

	@Override
	public OutputStream encode(OutputStream target, long size) {
		return new EncodingOutputStream(target, encoder(new Compression(HTTP_LEVEL, 0), size));
	}

	/**
	 * Start to compress one body into a single frame.
	 * @param compression level and additional threads
	 * @param pledgedSize the exact number of bytes that will be encoded, recorded in the
	 * frame; or -1 if unknown
	 * @return an encoder; the caller closes it
	 */
	public static Encoder encoder(Compression compression, long pledgedSize) {
		Assert.isTrue(pledgedSize >= -1, "'pledgedSize' must be -1 or the number of bytes");
		return new ZstdEncoder(compression, pledgedSize);
	}

	/**
	 * Encode content that is small enough to be in memory as a whole.
	 * @param content what to encode
	 * @return one frame with its content size
	 */
	public static byte[] encode(byte[] content) {
		return Zstd.compress(content, HTTP_LEVEL);
	}

	/**
	 * Decode the result of {@link #encode(byte[])}.
	 * @param encoded one frame with its content size
	 * @param maxSize most bytes of the content
	 * @return the content
	 * @throws IOException if it is not such a frame, or is larger
	 */
	public static byte[] decode(byte[] encoded, int maxSize) throws IOException {
		String problem = unavailable();
		if (problem != null) {
			throw Corrupt.encoding(CODING, problem, null);
		}
		long size = (encoded.length > 0) ? Zstd.getFrameContentSize(encoded) : -1;
		if (size < 0 || size > maxSize) {
			throw Corrupt.encoding(CODING, "no frame of at most " + maxSize + " bytes", null);
		}
		try {
			byte[] content = new byte[(int) size];
			Zstd.decompress(content, encoded);
			return content;
		}
		catch (ZstdException ex) {
			throw Corrupt.encoding(CODING, ex.getMessage(), ex);
		}
	}

	/**
	 * Return the maximum encoded length of a body.
	 * @param size bytes of the body
	 * @return bytes of the frame, whatever the content of the body
	 */
	public static long maxEncodedLength(long size) {
		return Zstd.compressBound(size);
	}

	/**
	 * Compresses one body as it is produced. Not thread-safe.
	 */
	public interface Encoder extends AutoCloseable {

		/**
		 * Encode as much as both buffers allow.
		 * @param source a direct buffer with bytes to encode; its position moves past
		 * what was consumed
		 * @param target a direct buffer for encoded bytes; its position moves past what
		 * was written
		 * @param last whether the body ends with this source; once {@code true}, it must
		 * stay {@code true} until this method returns {@code true}
		 * @return with {@code last}, whether the frame is complete and completely
		 * written; if not, call again with more room. Without {@code last}, whether the
		 * source was used up
		 * @throws IOException if the number of bytes is not the pledged one
		 */
		boolean encode(ByteBuffer source, ByteBuffer target, boolean last) throws IOException;

		@Override
		void close();

	}

	private static final class ZstdEncoder implements Encoder {

		private final ZstdCompressCtx context = new ZstdCompressCtx();

		private final long pledgedSize;

		private long taken;

		ZstdEncoder(Compression compression, long pledgedSize) {
			this.pledgedSize = pledgedSize;
			try {
				this.context.setLevel(compression.level());
				this.context.setWorkers(compression.workers());
				if (pledgedSize >= 0) {
					this.context.setPledgedSrcSize(pledgedSize);
				}
			}
			catch (RuntimeException ex) {
				this.context.close();
				throw ex;
			}
		}

		@Override
		public boolean encode(ByteBuffer source, ByteBuffer target, boolean last) throws IOException {
			// the library ignores a wrong pledge when all bytes come in one call
			long size = this.taken + source.remaining();
			if (this.pledgedSize >= 0 && (last ? size != this.pledgedSize : size > this.pledgedSize)) {
				throw new IOException("Failed to compress zstd data: " + this.pledgedSize + " bytes were announced, "
						+ size + " came");
			}
			try {
				return last ? this.context.compressDirectByteBufferStream(target, source, EndDirective.END)
						: encode(source, target);
			}
			catch (ZstdException ex) {
				throw new IOException("Failed to compress zstd data: " + ex.getMessage(), ex);
			}
			finally {
				this.taken = size - source.remaining();
			}
		}

		private boolean encode(ByteBuffer source, ByteBuffer target) {
			while (source.hasRemaining() && target.hasRemaining()) {
				this.context.compressDirectByteBufferStream(target, source, EndDirective.CONTINUE);
			}
			return !source.hasRemaining();
		}

		@Override
		public void close() {
			this.context.close();
		}

	}

	private static final class ZstdDecoder implements Decoder {

		private final ZstdDecompressCtx context = new ZstdDecompressCtx();

		private boolean atEnd;

		ZstdDecoder(int maxWindowLog) {
			this.context.setLongMax(maxWindowLog);
		}

		@Override
		public boolean decode(ByteBuffer source, ByteBuffer target) throws IOException {
			try {
				// do not look for a single further byte after a frame's end
				boolean more = source.hasRemaining() || !this.atEnd;
				while (more) {
					this.atEnd = this.context.decompressDirectByteBufferStream(target, source);
					more = source.hasRemaining() && (this.atEnd || target.hasRemaining());
				}
				return this.atEnd;
			}
			catch (ZstdException ex) {
				throw Corrupt.encoding(CODING, ex.getMessage(), ex);
			}
		}

		@Override
		public long declaredSize(ByteBuffer head) {
			return sizeInHeader(head.duplicate().order(ByteOrder.LITTLE_ENDIAN));
		}

		@Override
		public void close() {
			this.context.close();
		}

		// reads the frame header as described in RFC 8878, section 3.1.1.1
		private static long sizeInHeader(ByteBuffer head) {
			if (head.remaining() < Integer.BYTES + 2 || head.getInt() != MAGIC) {
				return -1;
			}
			int descriptor = head.get();
			boolean singleSegment = (descriptor & 0x20) != 0;
			int dictionaryBytes = new int[] { 0, 1, 2, 4 }[descriptor & 3];
			int sizeBytes = new int[] { singleSegment ? 1 : 0, 2, 4, 8 }[descriptor >> 6 & 3];
			int skip = (singleSegment ? 0 : 1) + dictionaryBytes;
			if (sizeBytes == 0 || head.remaining() < skip + sizeBytes) {
				return -1;
			}
			head.position(head.position() + skip);
			return switch (sizeBytes) {
				case 1 -> head.get() & 0xFF;
				case 2 -> (head.getShort() & 0xFFFF) + 256;
				case 4 -> head.getInt() & 0xFFFFFFFFL;
				// a negative value is a size that no memory has room for
				default -> {
					long size = head.getLong();
					yield (size >= 0) ? size : Long.MAX_VALUE;
				}
			};
		}

	}

}
