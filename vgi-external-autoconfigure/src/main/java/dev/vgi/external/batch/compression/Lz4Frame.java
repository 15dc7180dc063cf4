package dev.vgi.external.batch.compression;

import java.io.IOException;

import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;
import net.jpountz.xxhash.StreamingXXHash32;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * One frame of LZ4, as described in version 1.6.4 of its format. The library decodes
 * single blocks in memory. Its reader of frames copies through the heap and refuses
 * blocks that refer to earlier ones, which the C library writes by default. Accepts what
 * Arrow's C++ library accepts: exactly one frame, with nothing before or after it. Used
 * once.
 */
final class Lz4Frame {

	private static final int MAGIC = 0x184D2204;

	private static final int VERSION = 0xC0;

	private static final int VERSION_1 = 0x40;

	private static final int INDEPENDENT_BLOCKS = 0x20;

	private static final int BLOCK_CHECKSUMS = 0x10;

	private static final int CONTENT_SIZE = 0x08;

	private static final int CONTENT_CHECKSUM = 0x04;

	private static final int DICTIONARY = 0x01;

	private static final int RESERVED = 0x02;

	private static final int RESERVED_BESIDE_BLOCK_SIZE = 0x8F;

	private static final int SMALLEST_BLOCK_SIZE = 4;

	/** Marks the length of a block that is not compressed. */
	private static final int STORED = 0x80000000;

	/** How far back a block may refer. */
	private static final int HISTORY = 1 << 16;

	/**
	 * History that may be copied whatever the size of the blocks: that of 256 of them.
	 */
	private static final long FREE_COPIES = 256 * HISTORY;

	/** History that may be copied for each byte of the content. */
	private static final long COPIES_PER_BYTE = 32;

	/** A number of literals from here on continues in further bytes. */
	private static final int LONG_RUN = 15;

	private static final int FULL = 255;

	private static final int WINDOW = 1 << 13;

	private static final LZ4SafeDecompressor BLOCKS = blocks();

	private static final XXHashFactory CHECKSUMS = XXHashFactory.fastestInstance();

	private final ArrowBuf source;

	private final long end;

	private final ArrowBuf target;

	private final long size;

	private final BufferAllocator allocator;

	private long position;

	private long written;

	private long copied;

	/** Memory for a block and what it refers to. */
	private @Nullable ArrowBuf joined;

	/**
	 * Create a frame.
	 * @param source contains the frame; borrowed
	 * @param offset where it begins
	 * @param length its length
	 * @param target receives its content; borrowed
	 * @param size the size of the content
	 * @param allocator the owner of memory that is needed meanwhile
	 */
	Lz4Frame(ArrowBuf source, long offset, long length, ArrowBuf target, long size, BufferAllocator allocator) {
		this.source = source;
		this.position = offset;
		this.end = offset + length;
		this.target = target;
		this.size = size;
		this.allocator = allocator;
	}

	// The library itself prefers Java where Boot's launcher loads it, three times slower.
	private static LZ4SafeDecompressor blocks() {
		try {
			return LZ4Factory.nativeInstance().safeDecompressor();
		}
		catch (LinkageError | AssertionError ex) {
			return LZ4Factory.safeInstance().safeDecompressor();
		}
	}

	/**
	 * Decode the frame.
	 * @throws IOException if it is broken, or its content does not have the size
	 */
	void decode() throws IOException {
		require(readInt() == MAGIC, "it does not start with a frame");
		long header = this.position;
		int flags = readByte();
		int block = readByte();
		require((flags & VERSION) == VERSION_1 && (flags & RESERVED) == 0 && (block & RESERVED_BESIDE_BLOCK_SIZE) == 0
				&& block >> 4 >= SMALLEST_BLOCK_SIZE, "its header is invalid");
		require((flags & DICTIONARY) == 0, "it needs a dictionary");
		if ((flags & CONTENT_SIZE) != 0) {
			requireSize(this.source.getLong(skip(Long.BYTES)));
		}
		int checksum = checksum(this.source, header, this.position - header) >> 8 & 0xFF;
		require(readByte() == checksum, "its header has another checksum");
		try {
			decodeBlocks(flags, 1 << (8 + 2 * (block >> 4)));
		}
		catch (LZ4Exception ex) {
			throw new IOException("a block is broken or longer than declared", ex);
		}
		finally {
			if (this.joined != null) {
				this.joined.close();
			}
		}
		requireSize(this.written);
		if ((flags & CONTENT_CHECKSUM) != 0) {
			require(readInt() == checksum(this.target, 0, this.size), "its content has another checksum");
		}
		require(this.position == this.end, "more follows the frame");
	}

	private void decodeBlocks(int flags, int maxLength) throws IOException {
		for (int head = readInt(); head != 0; head = readInt()) {
			int length = head & ~STORED;
			require(length <= maxLength, "a block is too long");
			long start = skip(length);
			if ((flags & BLOCK_CHECKSUMS) != 0) {
				require(readInt() == checksum(this.source, start, length), "a block has another checksum");
			}
			int room = (int) Math.min(maxLength, this.size - this.written);
			if ((head & STORED) != 0) {
				require(length <= room, "a block is longer than declared");
				this.target.setBytes(this.written, this.source, start, length);
				this.written += length;
			}
			else {
				// The library takes an empty buffer for a lack of memory.
				require(room > 0, "a block is longer than declared");
				boolean linked = (flags & INDEPENDENT_BLOCKS) == 0 && this.written > 0;
				this.written += linked ? decodeLinkedBlock(start, length, room, maxLength)
						: decodeBlock(this.source, start, length, 0, room);
			}
		}
	}

	private int decodeBlock(ArrowBuf block, long start, int length, int history, int room) {
		return BLOCKS.decompress(block.nioBuffer(start, length), 0, length,
				this.target.nioBuffer(this.written - history, history + room), 0, history + room) - history;
	}

	// For the library, a block begins with nothing before it. So what it may refer to is
	// put before its first literals, and decoding writes the same bytes there once more.
	private int decodeLinkedBlock(long start, int length, int room, int maxLength) throws IOException {
		long from = start;
		long limit = start + length;
		int token = this.source.getByte(from++) & FULL;
		int literals = token >> 4;
		for (int more = (literals == LONG_RUN) ? FULL : 0; more == FULL; literals += more) {
			require(from < limit, "a block is broken");
			more = this.source.getByte(from++) & FULL;
		}
		int history = (int) Math.min(HISTORY, this.written);
		this.copied += history;
		require(this.copied <= FREE_COPIES + COPIES_PER_BYTE * this.written, "its blocks are too short");
		int run = history + literals;
		int rest = (int) (limit - from);
		ArrowBuf joined = joined(length, maxLength);
		joined.setByte(0, Math.min(run, LONG_RUN) << 4 | token & LONG_RUN);
		int to = 1;
		if (run >= LONG_RUN) {
			int full = (run - LONG_RUN) / FULL;
			joined.setOne(to, full);
			joined.setByte(to + full, (run - LONG_RUN) % FULL);
			to += full + 1;
		}
		joined.setBytes(to, this.target, this.written - history, history);
		joined.setBytes(to + history, this.source, from, rest);
		return decodeBlock(joined, 0, to + history + rest, history, room);
	}

	private ArrowBuf joined(int length, int maxLength) {
		if (this.joined == null) {
			// No later block is longer than this one and what follows it.
			long bytes = HISTORY + Math.min(maxLength, length + this.end - this.position);
			this.joined = this.allocator.buffer(bytes + bytes / FULL + Long.BYTES);
		}
		return this.joined;
	}

	private static int checksum(ArrowBuf buffer, long start, long length) {
		return checksum(buffer, start, length, Integer.MAX_VALUE);
	}

	/**
	 * Compute a checksum.
	 * @param buffer contains the bytes; borrowed
	 * @param start where they begin
	 * @param length their number
	 * @param whole up to this length they are taken at once
	 * @return the checksum
	 */
	static int checksum(ArrowBuf buffer, long start, long length, int whole) {
		if (length <= whole) {
			// A hash that takes several parts costs as much as kilobytes of any block.
			int size = (int) length;
			return CHECKSUMS.hash32().hash(buffer.nioBuffer(start, size), 0, size, 0);
		}
		byte[] window = new byte[WINDOW];
		try (StreamingXXHash32 hash = CHECKSUMS.newStreamingHash32(0)) {
			for (long done = 0; done < length; done += window.length) {
				int count = (int) Math.min(window.length, length - done);
				buffer.getBytes(start + done, window, 0, count);
				hash.update(window, 0, count);
			}
			return hash.getValue();
		}
	}

	private int readByte() throws IOException {
		return this.source.getByte(skip(Byte.BYTES)) & FULL;
	}

	private int readInt() throws IOException {
		return this.source.getInt(skip(Integer.BYTES));
	}

	// returns where the skipped bytes begin
	private long skip(int bytes) throws IOException {
		long start = this.position;
		require(bytes <= this.end - start, "it ends too early");
		this.position = start + bytes;
		return start;
	}

	private void requireSize(long found) throws IOException {
		require(found == this.size, "its content has another size than declared");
	}

	private static void require(boolean condition, String problem) throws IOException {
		if (!condition) {
			throw new IOException(problem);
		}
	}

}
