package dev.vgi.external.batch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.compression.BufferCodec;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.BodyCompressionMethod;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * The nodes and buffers of one record batch, taken in the order of the IPC format. The
 * buffers are slices of the body, unless they are compressed. Each method takes those
 * that one kind of vector needs for as many values as its node declares, after a check
 * that no later access can leave them: lengths, offsets, views. The list that receives
 * them owns a reference to each. Used once.
 */
final class BatchBuffers {

	/** Bytes that are examined between two reports of the work. */
	static final int WINDOW = 1 << 16;

	/** Offsets that are examined through an array. */
	private static final int CHUNK = 1 << 10;

	private static final int ALIGNMENT = 8;

	private static final ByteBuffer EXPERIMENTAL_COMPRESSION = StandardCharsets.UTF_8
		.encode("ARROW:experimental_compression");

	/** Bytes before a compressed buffer that declare its decoded size. */
	private static final int DECODED_SIZE = Long.BYTES;

	/** Declared instead of a size by a buffer that compression made no smaller. */
	private static final int STORED = -1;

	/** Validity bits that may be created beyond those that the body pays for. */
	private static final long FREE_VALIDITY = 1L << 24;

	private final RecordBatch batch;

	private final ArrowBuf body;

	private final BufferAllocator allocator;

	private final WorkMeter meter;

	private final FieldNode node = new FieldNode();

	private final Buffer buffer = new Buffer();

	private final int nodeCount;

	private final int bufferCount;

	private final @Nullable BufferCodec codec;

	private int nextNode;

	private int nextBuffer;

	private int nextVariadic;

	private long bufferAllowance;

	private long validityAllowance;

	/**
	 * Start with the first node and the first buffer.
	 * @param batch the batch's table
	 * @param head the head of its message
	 * @param body its body; borrowed
	 * @param allocator the owner of memory that has to be copied or created
	 * @param meter pays for what is created
	 */
	BatchBuffers(RecordBatch batch, MessageHead head, ArrowBuf body, BufferAllocator allocator, WorkMeter meter) {
		this.batch = batch;
		this.body = body;
		this.allocator = allocator;
		this.meter = meter;
		this.nodeCount = head.count(batch.nodesLength());
		this.bufferCount = head.count(batch.buffersLength());
		this.bufferAllowance = body.capacity();
		if (head.isBeforeV5() && head.hasMetadata(EXPERIMENTAL_COMPRESSION)) {
			// Not seen otherwise: nothing else would say that the buffers are compressed.
			throw new UnsupportedStreamException("the experimental compression of Arrow 0.17");
		}
		this.codec = codec(batch.compression());
		long decoded = (this.codec != null) ? decodedSize(this.codec) : body.capacity();
		meter.expanding(Math.max(0, decoded - body.capacity()));
		this.validityAllowance = decoded + FREE_VALIDITY;
	}

	private static @Nullable BufferCodec codec(@Nullable BodyCompression compression) {
		if (compression == null) {
			return null;
		}
		if (compression.method() != BodyCompressionMethod.BUFFER) {
			throw new UnsupportedStreamException("the compression method " + compression.method()
					+ " of a record batch: only its buffers can be compressed");
		}
		BufferCodec codec = BufferCodec.of(compression.codec());
		if (codec == null) {
			throw new UnsupportedStreamException("the compression " + compression.codec() + " of Arrow buffers");
		}
		if (codec.unavailable() != null) {
			throw new UnsupportedStreamException(codec + " buffers in this process: " + codec.unavailable());
		}
		return codec;
	}

	// what all buffers declare, before memory is taken for the first of them
	private long decodedSize(BufferCodec codec) {
		long total = 0;
		for (int i = 0; i < this.bufferCount; i++) {
			locate(i);
			long length = this.buffer.length();
			if (length != 0) {
				long encoded = length - DECODED_SIZE;
				if (encoded < 0) {
					throw new CorruptStreamException("A compressed buffer is too short to declare its size");
				}
				long size = this.body.getLong(this.buffer.offset());
				if (size < STORED || size > codec.maxSize(encoded)) {
					throw new CorruptStreamException("A compressed buffer of " + encoded
							+ " bytes declares that it has " + size + " bytes as " + codec);
				}
				total = Math.addExact(total, (size != STORED) ? size : encoded);
			}
		}
		return total;
	}

	/**
	 * Take the next node.
	 * @return the node, valid until the next call
	 */
	FieldNode node() {
		if (this.nextNode >= this.nodeCount) {
			throw new CorruptStreamException("The record batch has fewer nodes than its schema");
		}
		return this.batch.nodes(this.node, this.nextNode++);
	}

	/**
	 * Check that everything was taken.
	 */
	void checkEnd() {
		if (this.nextNode != this.nodeCount || this.nextBuffer != this.bufferCount
				|| this.nextVariadic != this.batch.variadicBufferCountsLength()) {
			throw new CorruptStreamException("The record batch has more nodes or buffers than its schema");
		}
	}

	void values(Field field, long length, int width, List<ArrowBuf> taken) {
		checkSize(field, take(taken), length, width);
	}

	void bits(Field field, int length, List<ArrowBuf> taken) {
		check(take(taken).capacity() >= bytesForBits(length), field, "has too few values");
	}

	void texts(Field field, int length, int width, List<ArrowBuf> taken) {
		long end = offsets(field, length, width, taken);
		check(take(taken).capacity() >= end, field, "has offsets beyond its data");
	}

	void validity(Field field, int length, long nullCount, List<ArrowBuf> taken) {
		ArrowBuf validity = take(taken);
		if (validity.capacity() == 0) {
			check(nullCount == 0 || nullCount == length, field, "has nulls but does not say where");
			this.validityAllowance -= bytesForBits(length);
			check(this.validityAllowance >= 0, field, "declares more values than its body can stand for");
			this.meter.spend(bytesForBits(length));
		}
		else {
			check(validity.capacity() >= bytesForBits(length), field, "has too few validity bits");
		}
	}

	// Until Arrow 1.0 a union had its own validity, which the reference implementation
	// also accepts only if nothing is null
	void dropValidity(Field field, long nullCount) {
		if (nullCount != 0) {
			throw new UnsupportedStreamException("a union with nulls of its own in column '" + field.getName() + "'");
		}
		List<ArrowBuf> dropped = new ArrayList<>();
		take(dropped);
		dropped.forEach((buffer) -> buffer.getReferenceManager().release());
	}

	// returns the last offset
	long offsets(Field field, int length, int width, List<ArrowBuf> taken) {
		ArrowBuf offsets = take(taken);
		if (length == 0) {
			if (offsets.capacity() < width) {
				// readers of the vector expect one offset, which old writers omit
				replaceLast(taken, this.allocator.buffer(width)).setZero(0, width);
			}
			else {
				replaceLast(taken, retained(offsets.slice(0, width)));
			}
			long first = value(taken.get(taken.size() - 1), width);
			check(first >= 0, field, "has a negative offset");
			return first;
		}
		checkSize(field, offsets, length + 1L, width);
		long previous = 0;
		long bytes = (length + 1L) * width;
		if (width == Integer.BYTES) {
			int[] chunk = new int[(int) Math.min(CHUNK, length + 1L)];
			int last = 0;
			for (long position = 0; position < bytes; position += WINDOW) {
				int size = (int) Math.min(WINDOW, bytes - position);
				this.meter.done(size);
				IntBuffer window = window(offsets, position, size).asIntBuffer();
				int wrong = 0;
				while (window.hasRemaining()) {
					int count = Math.min(chunk.length, window.remaining());
					window.get(chunk, 0, count);
					for (int i = 0; i < count; i++) {
						int next = chunk[i];
						// negative if the offset is negative or decreases
						wrong |= next | (next - last);
						last = next;
					}
				}
				check(wrong >= 0, field, "has offsets that go backwards");
			}
			return last;
		}
		for (long position = 0; position < bytes; position += WINDOW) {
			int count = (int) Math.min(WINDOW, bytes - position);
			this.meter.done(count);
			ByteBuffer window = window(offsets, position, count);
			for (int i = 0; i < count; i += width) {
				long next = window.getLong(i);
				check(next >= previous, field, "has offsets that go backwards");
				previous = next;
			}
		}
		return previous;
	}

	// texts or binary values; the validity is already taken
	void views(Field field, int length, List<ArrowBuf> taken) {
		check(length <= Integer.MAX_VALUE / BaseVariableWidthViewVector.ELEMENT_SIZE, field, "has too many views");
		ArrowBuf validity = taken.get(0);
		ArrowBuf views = take(taken);
		checkSize(field, views, length, BaseVariableWidthViewVector.ELEMENT_SIZE);
		check(this.nextVariadic < this.batch.variadicBufferCountsLength(), field, "lacks its number of buffers");
		long variadic = this.batch.variadicBufferCounts(this.nextVariadic++);
		check(variadic >= 0 && variadic <= this.bufferCount - this.nextBuffer, field, "has a wrong number of buffers");
		long[] capacities = new long[(int) variadic];
		for (int i = 0; i < variadic; i++) {
			capacities[i] = take(taken).capacity();
		}
		for (int i = 0; i < length; i++) {
			this.meter.row(i, BaseVariableWidthViewVector.ELEMENT_SIZE);
			long at = (long) i * BaseVariableWidthViewVector.ELEMENT_SIZE;
			int size = views.getInt(at);
			if (size >= 0 && size <= BaseVariableWidthViewVector.INLINE_SIZE) {
				continue;
			}
			int index = views.getInt(at + 8);
			int offset = views.getInt(at + 12);
			boolean inside = size >= 0 && index >= 0 && index < capacities.length && offset >= 0
					&& (long) offset + size <= capacities[index];
			// the content of a null slot does not matter
			check(inside || isNull(validity, i), field, "has a view outside its buffers");
		}
	}

	// returns how many elements the lists need; the validity is already taken
	long listViews(Field field, int length, int width, List<ArrowBuf> taken) {
		ArrowBuf validity = taken.get(0);
		ArrowBuf offsets = take(taken);
		ArrowBuf sizes = take(taken);
		checkSize(field, offsets, length, width);
		checkSize(field, sizes, length, width);
		long needed = 0;
		for (int i = 0; i < length; i++) {
			this.meter.row(i, 2 * width);
			long at = (long) i * width;
			long offset = (width == Integer.BYTES) ? offsets.getInt(at) : offsets.getLong(at);
			long size = (width == Integer.BYTES) ? sizes.getInt(at) : sizes.getLong(at);
			boolean sound = offset >= 0 && size >= 0 && offset <= Integer.MAX_VALUE && size <= Integer.MAX_VALUE;
			check(sound || isNull(validity, i), field, "has a view outside its values");
			needed = sound ? Math.max(needed, offset + size) : needed;
		}
		return needed;
	}

	// takes the next buffer
	private ArrowBuf take(List<ArrowBuf> taken) {
		if (this.nextBuffer >= this.bufferCount) {
			throw new CorruptStreamException("The record batch has fewer buffers than its schema");
		}
		locate(this.nextBuffer++);
		long length = this.buffer.length();
		// writers put buffers one after the other, so their total length is limited
		this.bufferAllowance -= length;
		if (this.bufferAllowance < 0) {
			throw new CorruptStreamException("The buffers of a record batch overlap");
		}
		ArrowBuf next = (this.codec != null && length > 0) ? decoded(this.codec, this.buffer.offset(), length)
				: part(this.buffer.offset(), length);
		taken.add(next);
		return next;
	}

	private void locate(int index) {
		this.batch.buffers(this.buffer, index);
		long offset = this.buffer.offset();
		long length = this.buffer.length();
		if (offset < 0 || length < 0 || length > this.body.capacity() - offset) {
			throw new CorruptStreamException("A buffer lies outside the body of its record batch");
		}
	}

	private ArrowBuf decoded(BufferCodec codec, long offset, long length) {
		long size = this.body.getLong(offset);
		long encoded = length - DECODED_SIZE;
		if (size == STORED || size == encoded && size == 0) {
			return part(offset + DECODED_SIZE, encoded);
		}
		try {
			ArrowBuf decoded = codec.decode(this.body, offset + DECODED_SIZE, encoded, size, this.allocator);
			this.meter.done(size);
			return decoded;
		}
		catch (IOException ex) {
			throw new CorruptStreamException("A buffer cannot be decoded as " + codec + ": " + ex.getMessage(), ex);
		}
	}

	private ArrowBuf part(long offset, long length) {
		if (length == 0) {
			return this.allocator.getEmpty();
		}
		if ((this.body.memoryAddress() + offset) % ALIGNMENT == 0) {
			return retained(this.body.slice(offset, length));
		}
		ArrowBuf copy = this.allocator.buffer(length);
		copy.setBytes(0, this.body, offset, length);
		return copy.slice(0, length);
	}

	private static ArrowBuf retained(ArrowBuf buffer) {
		buffer.getReferenceManager().retain();
		return buffer;
	}

	private static ArrowBuf replaceLast(List<ArrowBuf> taken, ArrowBuf replacement) {
		taken.set(taken.size() - 1, replacement).getReferenceManager().release();
		return replacement;
	}

	private static long value(ArrowBuf buffer, int width) {
		return (width == Integer.BYTES) ? buffer.getInt(0) : buffer.getLong(0);
	}

	static ByteBuffer window(ArrowBuf buffer, long position, int length) {
		return buffer.nioBuffer(position, length).order(ByteOrder.LITTLE_ENDIAN);
	}

	static boolean isNull(ArrowBuf validity, int index) {
		return validity.capacity() > 0 && (validity.getByte(index >> 3) >> (index & 7) & 1) == 0;
	}

	private static long bytesForBits(int bits) {
		return (bits + 7L) / 8;
	}

	private static void checkSize(Field field, ArrowBuf buffer, long count, int width) {
		// the count is below 2^32 and a width below 2^31
		check(buffer.capacity() >= count * width, field, "has too few values");
	}

	static void check(boolean condition, Field field, String problem) {
		if (!condition) {
			throw new CorruptStreamException("Column '" + field.getName() + "' " + problem);
		}
	}

}
