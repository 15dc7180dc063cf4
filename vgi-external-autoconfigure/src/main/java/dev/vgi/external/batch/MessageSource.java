package dev.vgi.external.batch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

import dev.vgi.external.memory.RequestMemory;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;

/**
 * The source of the messages of IPC streams. Reads exactly the requested bytes, and
 * trusts no length before the bytes have arrived. Not thread-safe; closed by its creator.
 */
abstract class MessageSource implements AutoCloseable {

	/** Result of {@link #nextLength()} at the regular end of the bytes. */
	static final int NOTHING = -1;

	/** Result of {@link #nextLength()} at an end marker. */
	static final int END_MARKER = 0;

	private static final int CONTINUATION = -1;

	/** Heap per byte of a schema's message: a field is shorter in a message. */
	private static final long SCHEMA_HEAP = 5;

	/** Up to this size, a head is skipped even if there is no room for it. */
	private static final int SMALL_HEAD = 1 << 16;

	private static final long UNKNOWN = -1;

	private final ReadLimits limits;

	final WorkMeter meter;

	/** The owner of the memory that is charged and allocated. */
	BufferAllocator allocator;

	private long position;

	private long accountFrom;

	/** Length of the current message's metadata, as long as it was not read. */
	private int unreadMetadata;

	/** How much of the current message's body was not read yet. */
	long unread = UNKNOWN;

	/** The charge for the largest head of a message so far. */
	private long headCharged;

	MessageSource(BufferAllocator allocator, ReadLimits limits, WorkMeter meter) {
		this.allocator = allocator;
		this.limits = limits;
		this.meter = meter;
	}

	final long position() {
		return this.position;
	}

	/**
	 * Return how many bytes were read since the account began.
	 * @return bytes that count against the maximum
	 */
	final long accounted() {
		return this.position - this.accountFrom;
	}

	/**
	 * What was read so far no longer counts against the maximum.
	 * @param allocator the owner of the memory from now on
	 */
	final void newAccount(BufferAllocator allocator) {
		dischargeHead();
		this.allocator = allocator;
		this.accountFrom = this.position;
		this.meter.newAccount();
	}

	/**
	 * Read the prefix of the next message.
	 * @return the length of its metadata, or one of the constants
	 */
	final int nextLength() {
		this.unread = UNKNOWN;
		this.unreadMetadata = 0;
		byte[] prefix = new byte[Integer.BYTES];
		int got = read(prefix);
		this.position += got;
		if (got == 0) {
			return NOTHING;
		}
		int length = littleEndian(prefix);
		if (got < prefix.length || !startsMessage(length)) {
			throw new CorruptStreamException(
					"The bytes are no Arrow IPC stream: no message starts at " + (this.position - got));
		}
		if (length != CONTINUATION) {
			this.unreadMetadata = length;
			return length;
		}
		got = read(prefix);
		this.position += got;
		if (got < prefix.length) {
			throw truncated();
		}
		length = littleEndian(prefix);
		if (length < 0) {
			throw new CorruptStreamException("The message at " + (this.position - 2 * Integer.BYTES) + " declares "
					+ length + " bytes of metadata");
		}
		this.limits.checkMessageSize(length);
		this.unreadMetadata = length;
		return length;
	}

	// before Arrow 0.15 messages began with their length; other bytes give an absurd one
	private boolean startsMessage(int first) {
		return first == CONTINUATION || first >= 0 && first <= this.limits.maxMessageSize();
	}

	/**
	 * Skip the rest.
	 * @return whether it begins like a message
	 */
	final boolean skipToEnd() {
		byte[] prefix = new byte[Integer.BYTES];
		int got = read(prefix);
		this.position += got;
		skipRest();
		int first = littleEndian(prefix);
		return got == prefix.length && first != END_MARKER && startsMessage(first);
	}

	/**
	 * Read the head of a message of a stream's beginning.
	 * @param length the result of {@link #nextLength()}
	 * @return the head of a schema
	 */
	final MessageHead schemaHead(int length) {
		chargeHead(SCHEMA_HEAP * length);
		MessageHead head = (length != END_MARKER && length != NOTHING) ? head(length) : null;
		if (head == null || head.type() != MessageHeader.Schema) {
			throw new CorruptStreamException("The Arrow IPC stream does not start with a schema");
		}
		return head;
	}

	/**
	 * Read the head of a message.
	 * @param length its length
	 * @return the head
	 */
	final MessageHead head(int length) {
		chargeHead(length);
		return new MessageHead(metadata(length), this.limits);
	}

	// Only one head is in memory at a time.
	private void chargeHead(long bytes) {
		if (bytes > this.headCharged) {
			RequestMemory.charge(this.allocator, bytes - this.headCharged);
			this.headCharged = bytes;
		}
	}

	private void dischargeHead() {
		RequestMemory.discharge(this.allocator, this.headCharged);
		this.headCharged = 0;
	}

	private ByteBuffer metadata(int length) {
		checkAvailable(length);
		this.unreadMetadata = 0;
		ByteBuffer bytes = ByteBuffer.wrap(readMetadata(length)).order(ByteOrder.LITTLE_ENDIAN);
		this.unread = bodyLength(bytes);
		arrived(length);
		return bytes;
	}

	private static long bodyLength(ByteBuffer metadata) {
		try {
			return Message.getRootAsMessage(metadata).bodyLength();
		}
		catch (RuntimeException ex) {
			return UNKNOWN;
		}
	}

	/**
	 * Skip all messages up to the end marker and no further, also what was not read of
	 * the current one, whatever is wrong with it.
	 * @return {@code false} if it is unknown where a message ends, or there is no marker
	 */
	final boolean skipToEndMarker() {
		while (skipMessage()) {
			int length = nextLength();
			if (length == END_MARKER || length == NOTHING) {
				return length == END_MARKER;
			}
		}
		return false;
	}

	private boolean skipMessage() {
		int length = this.unreadMetadata;
		if (length > SMALL_HEAD) {
			chargeHead(length);
		}
		if (length > 0) {
			metadata(length);
		}
		boolean known = this.unread >= 0;
		if (known) {
			skipBody(this.unread);
		}
		return known;
	}

	/**
	 * Read a message's body.
	 * @param length its length, checked here
	 * @return the body, which the caller releases
	 */
	final ArrowBuf body(long length) {
		checkLength(length);
		ArrowBuf body = readBody(length);
		this.unread = 0;
		try {
			arrived(length);
			return body;
		}
		catch (RuntimeException ex) {
			body.getReferenceManager().release();
			throw ex;
		}
	}

	/**
	 * Skip a message's body.
	 * @param length its length, checked here
	 */
	final void skip(long length) {
		checkLength(length);
		skipBody(length);
		this.unread = 0;
		arrived(length);
	}

	private void arrived(long length) {
		this.position += length;
		this.meter.arrived(length);
	}

	private void checkLength(long length) {
		if (length < 0) {
			throw new CorruptStreamException(
					"The message before " + this.position + " declares a body of " + length + " bytes");
		}
		checkAvailable(length);
	}

	private static int littleEndian(byte[] bytes) {
		return (bytes[0] & 0xFF) | (bytes[1] & 0xFF) << 8 | (bytes[2] & 0xFF) << 16 | bytes[3] << 24;
	}

	final CorruptStreamException truncated() {
		return new CorruptStreamException("The Arrow IPC stream ends in the middle of a message");
	}

	// fills the array with the bytes that are left
	abstract int read(byte[] target);

	// fails if there cannot be as many further bytes
	abstract void checkAvailable(long length);

	abstract byte[] readMetadata(int length);

	abstract ArrowBuf readBody(long length);

	// bytes in memory are skipped by the position alone
	void skipBody(long length) {
	}

	void skipRest() {
	}

	@Override
	public void close() {
		dischargeHead();
	}

	/**
	 * Bytes in memory.
	 */
	static final class Memory extends MessageSource {

		private final ArrowBuf bytes;

		private final long length;

		private boolean closed;

		Memory(ArrowBuf bytes, long length, BufferAllocator allocator, ReadLimits limits, WorkMeter meter) {
			super(allocator, limits, meter);
			if (length < 0 || length > bytes.capacity()) {
				throw new IllegalArgumentException("'length' must be from 0 to " + bytes.capacity());
			}
			this.bytes = bytes;
			this.length = length;
			bytes.getReferenceManager().retain();
		}

		@Override
		int read(byte[] target) {
			int count = (int) Math.min(target.length, this.length - position());
			this.bytes.getBytes(position(), target, 0, count);
			return count;
		}

		@Override
		void checkAvailable(long length) {
			if (length > this.length - position()) {
				throw truncated();
			}
		}

		@Override
		byte[] readMetadata(int length) {
			byte[] metadata = new byte[length];
			this.bytes.getBytes(position(), metadata);
			return metadata;
		}

		@Override
		ArrowBuf readBody(long length) {
			ArrowBuf body = this.bytes.slice(position(), length);
			body.getReferenceManager().retain();
			return body;
		}

		@Override
		public void close() {
			super.close();
			if (!this.closed) {
				this.closed = true;
				this.bytes.getReferenceManager().release();
			}
		}

	}

}
