package dev.vgi.external.batch;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.Arrays;

import dev.vgi.external.memory.InputStreamChannel;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;

/**
 * Messages whose bytes are still arriving.
 */
final class ArrivingMessages extends MessageSource {

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

	private byte[] dropped = new byte[0];

	ArrivingMessages(InputStream in, long maxBytes, BufferAllocator allocator, ReadLimits limits, WorkMeter meter) {
		super(allocator, limits, meter);
		this.in = in;
		this.bodies = (in instanceof ReadableByteChannel channel) ? channel : new InputStreamChannel(in);
		this.maxBytes = maxBytes;
	}

	@Override
	int read(byte[] target) {
		long room = this.maxBytes - accounted();
		if (room >= target.length) {
			return read(target, 0, target.length);
		}
		// the end may come exactly at the cap: only one more byte tells
		int got = read(target, 0, (int) room + 1);
		if (got > room) {
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
			throw (ex.getCause() instanceof CorruptStreamException corrupt) ? corrupt : new UncheckedIOException(ex);
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
