package dev.vgi.external.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.upload.Payload;
import org.jspecify.annotations.Nullable;

/**
 * A payload of a test.
 */
public final class BytesPayload implements Payload {

	private final byte[] bytes;

	private final int failAt;

	private final AtomicInteger open = new AtomicInteger();

	private int taken;

	/** Runs instead of a failure, or {@code null}. */
	private final @Nullable Runnable event;

	private BytesPayload(byte[] bytes, int failAt, @Nullable Runnable event) {
		this.bytes = bytes;
		this.failAt = failAt;
		this.event = event;
	}

	public static BytesPayload of(byte[] bytes) {
		return new BytesPayload(bytes, -1, null);
	}

	public static BytesPayload random(int length, long seed) {
		byte[] bytes = new byte[length];
		new Random(seed).nextBytes(bytes);
		return of(bytes);
	}

	public BytesPayload failingAt(int position) {
		return new BytesPayload(this.bytes, position, null);
	}

	/**
	 * Return the same bytes, whoever writes which interrupts the thread that asked for
	 * this.
	 * @param position before which byte
	 * @return another payload
	 */
	public BytesPayload interruptingAt(int position) {
		return withEvent(position, Thread.currentThread()::interrupt);
	}

	/**
	 * Return the same bytes, while whose writing something happens.
	 * @param position before which byte
	 * @param event what happens
	 * @return another payload
	 */
	public BytesPayload withEvent(int position, Runnable event) {
		return new BytesPayload(this.bytes, position, event);
	}

	public byte[] bytes() {
		return this.bytes;
	}

	/**
	 * Return how many parts were taken and not closed: none after an upload.
	 * @return the number of parts
	 */
	public int openParts() {
		return this.open.get();
	}

	@Override
	public long maxLength() {
		// A coded payload knows no more than a bound either.
		return this.bytes.length + 100;
	}

	@Override
	public @Nullable Part next(int size) {
		if (this.taken == this.bytes.length) {
			return null;
		}
		int offset = this.taken;
		this.taken += Math.min(size, this.bytes.length - offset);
		this.open.incrementAndGet();
		return new Slice(offset, this.taken);
	}

	private final class Slice implements Part {

		private final int start;

		private final int end;

		private boolean closed;

		Slice(int start, int end) {
			this.start = start;
			this.end = end;
		}

		@Override
		public boolean isLast() {
			return this.end == BytesPayload.this.bytes.length;
		}

		@Override
		public long length() {
			return this.end - this.start;
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			int failAt = BytesPayload.this.failAt;
			boolean fails = failAt >= this.start && failAt < this.end;
			ByteBuffer remaining = ByteBuffer.wrap(BytesPayload.this.bytes, this.start,
					(fails ? failAt : this.end) - this.start);
			while (remaining.hasRemaining()) {
				channel.write(remaining);
			}
			if (fails) {
				Runnable event = BytesPayload.this.event;
				if (event == null) {
					throw new IOException("planted failure");
				}
				event.run();
				remaining.limit(this.end);
				while (remaining.hasRemaining()) {
					channel.write(remaining);
				}
			}
		}

		@Override
		public synchronized void close() {
			if (!this.closed) {
				this.closed = true;
				BytesPayload.this.open.decrementAndGet();
			}
		}

	}

}
