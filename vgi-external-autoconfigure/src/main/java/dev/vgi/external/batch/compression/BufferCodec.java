package dev.vgi.external.batch.compression;

import java.io.IOException;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.util.Native;
import dev.vgi.external.Internal;
import org.apache.arrow.flatbuf.CompressionType;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * The compressions that the IPC format has for the buffers of a record batch. Decodes
 * from off-heap memory to off-heap memory.
 */
@Internal
public enum BufferCodec {

	/** One LZ4 frame. */
	LZ4_FRAME(255) {

		@Override
		public @Nullable String unavailable() {
			return null;
		}

		@Override
		void decode(ArrowBuf source, long offset, long length, ArrowBuf target, long size, BufferAllocator scratch)
				throws IOException {
			new Lz4Frame(source, offset, length, target, size, scratch).decode();
		}

	},

	/** Zstandard: one or more frames, as its library reads them in one call. */
	ZSTD(1 << 15) {

		@Override
		public @Nullable String unavailable() {
			return ZstdLibrary.PROBLEM;
		}

		@Override
		void decode(ArrowBuf source, long offset, long length, ArrowBuf target, long size, BufferAllocator scratch)
				throws IOException {
			long got = Zstd.decompressUnsafe(target.memoryAddress(), size, source.memoryAddress() + offset, length);
			if (Zstd.isError(got)) {
				throw new IOException(Zstd.getErrorName(got));
			}
			if (got != size) {
				throw new IOException("its content has another size than declared");
			}
		}

	};

	private final int maxRatio;

	BufferCodec(int maxRatio) {
		this.maxRatio = maxRatio;
	}

	/**
	 * Find a codec.
	 * @param type its number in the IPC format
	 * @return the codec, or {@code null} if there is none of this number
	 */
	public static @Nullable BufferCodec of(byte type) {
		return switch (type) {
			case CompressionType.LZ4_FRAME -> LZ4_FRAME;
			case CompressionType.ZSTD -> ZSTD;
			default -> null;
		};
	}

	/**
	 * Return why this codec does not work in this process. That of Zstandard needs a
	 * native library, which is extracted to the temporary folder and has to be executable
	 * there.
	 * @return the reason, or {@code null} if it works
	 */
	public abstract @Nullable String unavailable();

	/**
	 * Return the most bytes that so many can decode to, whatever they are.
	 * @param length encoded bytes
	 * @return decoded bytes
	 */
	public long maxSize(long length) {
		return length * this.maxRatio;
	}

	/**
	 * Decode a buffer.
	 * @param source contains the encoded bytes; borrowed
	 * @param offset where they begin
	 * @param length their number
	 * @param size the number of decoded bytes
	 * @param allocator the owner of the result
	 * @return the decoded bytes; the caller releases them
	 * @throws IOException if the bytes are broken, or do not decode to that size
	 */
	public ArrowBuf decode(ArrowBuf source, long offset, long length, long size, BufferAllocator allocator)
			throws IOException {
		ArrowBuf target = allocator.buffer(size);
		try {
			decode(source, offset, length, target, size, allocator);
			// An allocator rounds up.
			return target.slice(0, size);
		}
		catch (IOException | RuntimeException ex) {
			target.close();
			throw ex;
		}
	}

	abstract void decode(ArrowBuf source, long offset, long length, ArrowBuf target, long size, BufferAllocator scratch)
			throws IOException;

	/**
	 * Loads the native library on first use, and remembers whether that failed.
	 */
	private static final class ZstdLibrary {

		static final @Nullable String PROBLEM = load();

		private static @Nullable String load() {
			try {
				Native.load();
				return null;
			}
			catch (LinkageError | RuntimeException ex) {
				// Some messages include the reports of several attempts.
				return String.valueOf(ex.getMessage()).lines().findFirst().orElse("its native library is missing");
			}
		}

	}

}
