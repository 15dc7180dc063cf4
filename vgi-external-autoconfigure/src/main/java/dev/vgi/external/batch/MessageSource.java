package dev.vgi.external.batch;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import java.util.Arrays;

import dev.vgi.external.memory.InputStreamChannel;
import org.apache.arrow.flatbuf.Message;
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

	private static final long UNKNOWN = -1;

	private final ReadLimits limits;

	final WorkMeter meter;

	private long position;

	private long accountFrom;

	/** Length of the current message's metadata, as long as it was not read. */
	private int unreadMetadata;

	/** How much of the current message's body was not read yet. */
	long unread = UNKNOWN;

	MessageSource(ReadLimits limits, WorkMeter meter) {
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

	void newAccount(BufferAllocator allocator) {
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
	 * Read a message's metadata.
	 * @param length its length
	 * @return the bytes
	 */
	final ByteBuffer metadata(int length) {
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
	 * Return the length of the current message's metadata that was not read yet.
	 * @return the length, 0 if it was read or is not known
	 */
	final int unreadMetadata() {
		return this.unreadMetadata;
	}

	/**
	 * Skip what was not read of the current message's body, whatever is wrong with it.
	 * @return whether the end of the message is known
	 */
	final boolean skipMessage() {
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
	}

	/**
	 * Bytes in memory.
	 */
	static final class Memory extends MessageSource {

		private final ArrowBuf bytes;

		private final long length;

		private boolean closed;

		Memory(ArrowBuf bytes, long length, ReadLimits limits, WorkMeter meter) {
			super(limits, meter);
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
			if (!this.closed) {
				this.closed = true;
				this.bytes.getReferenceManager().release();
			}
		}

	}

	/**
	 * Bytes that are still arriving.
	 */
	static final class Stream extends MessageSource {

		/**
		 * Most memory that a declared length may allocate before its bytes have arrived.
		 */
		private static final int STEP = 1 << 20;

		/**
		 * The same for off-heap memory, which the system provides page by page when it is
		 * written. With this size most batches need no second copy.
		 */
		private static final int BODY_STEP = 32 << 20;

		/**
		 * Growth of a body that is longer: once it has proved itself, one copy is enough.
		 */
		private static final int BODY_GROWTH = 16;

		private static final int TRANSFER = 1 << 16;

		private static final int REST = 512;

		/** The length of an NIO buffer is an int. */
		private static final long WINDOW = 1L << 30;

		private final InputStream in;

		private final ReadableByteChannel bodies;

		private final long maxBytes;

		private BufferAllocator allocator;

		private byte[] dropped = new byte[0];

		Stream(InputStream in, long maxBytes, BufferAllocator allocator, ReadLimits limits, WorkMeter meter) {
			super(limits, meter);
			this.in = in;
			this.bodies = (in instanceof ReadableByteChannel channel) ? channel : new InputStreamChannel(in);
			this.maxBytes = maxBytes;
			this.allocator = allocator;
		}

		@Override
		void newAccount(BufferAllocator allocator) {
			super.newAccount(allocator);
			this.allocator = allocator;
		}

		@Override
		int read(byte[] target) {
			long room = this.maxBytes - accounted();
			if (room >= target.length) {
				return read(target, 0, target.length);
			}
			// the end may come exactly at the cap
			int got = read(target, 0, (int) Math.max(room, 1));
			if (got > room || got == room && got > 0) {
				throw new StreamTooLongException(this.maxBytes);
			}
			return got;
		}

		@Override
		void checkAvailable(long length) {
			if (length > this.maxBytes - accounted() - this.meter.expanded()) {
				throw new StreamTooLongException(this.maxBytes);
			}
		}

		private int read(byte[] target, int offset, int length) {
			return arriving(() -> this.in.readNBytes(target, offset, length));
		}

		private static int arriving(Reading reading) {
			try {
				return reading.read();
			}
			catch (IOException ex) {
				throw (ex.getCause() instanceof CorruptStreamException corrupt) ? corrupt
						: new UncheckedIOException(ex);
			}
			catch (RuntimeException ex) {
				// as thrown by the bodies of Reactor's client
				throw (ex.getCause() instanceof IOException broken) ? new UncheckedIOException(broken) : ex;
			}
		}

		@Override
		byte[] readMetadata(int length) {
			byte[] metadata = new byte[Math.min(length, STEP)];
			int done = 0;
			while (true) {
				int got = read(metadata, done, metadata.length - done);
				done += got;
				if (done < metadata.length) {
					throw truncated();
				}
				if (done == length) {
					return metadata;
				}
				metadata = Arrays.copyOf(metadata, (int) Math.min(length, 2L * done));
			}
		}

		@Override
		ArrowBuf readBody(long length) {
			long capacity = Math.min(length, BODY_STEP);
			ArrowBuf body = this.allocator.buffer(capacity);
			try {
				long done = 0;
				while (true) {
					fill(body, done, capacity);
					done = capacity;
					if (done == length) {
						// an allocator rounds up, and bytes that were not sent must not
						// be visible
						return body.slice(0, length);
					}
					capacity = Math.min(length, BODY_GROWTH * done);
					ArrowBuf larger = this.allocator.buffer(capacity);
					larger.setBytes(0, body, 0, done);
					body.close();
					body = larger;
				}
			}
			catch (RuntimeException ex) {
				body.close();
				throw ex;
			}
		}

		private void fill(ArrowBuf body, long from, long to) {
			for (long done = from; done < to;) {
				ByteBuffer window = body.nioBuffer(done, (int) Math.min(to - done, WINDOW));
				while (window.hasRemaining()) {
					if (arriving(() -> this.bodies.read(window)) < 0) {
						throw truncated();
					}
				}
				done += window.position();
				this.unread -= window.position();
			}
		}

		@Override
		void skipBody(long length) {
			byte[] bytes = dropped(length);
			long left = length;
			while (left > 0) {
				int got = read(bytes, 0, (int) Math.min(bytes.length, left));
				if (got == 0) {
					throw truncated();
				}
				left -= got;
				this.unread -= got;
			}
		}

		@Override
		void skipRest() {
			// Usually there is nothing.
			byte[] bytes = dropped(REST);
			long room = this.maxBytes - accounted();
			int got;
			while ((got = read(bytes, 0, bytes.length)) > 0) {
				room -= got;
				if (room < 0) {
					throw new StreamTooLongException(this.maxBytes);
				}
			}
		}

		private byte[] dropped(long wanted) {
			int size = (int) Math.min(wanted, TRANSFER);
			if (this.dropped.length < size) {
				this.dropped = new byte[size];
			}
			return this.dropped;
		}

		/**
		 * Reads some bytes.
		 */
		@FunctionalInterface
		private interface Reading {

			int read() throws IOException;

		}

	}

}
