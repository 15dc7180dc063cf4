package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A stream that is stored while it is written. One thread, the producer, writes to this
 * channel and calls {@link #end()}, or {@link #fail} instead. Meanwhile another one hands
 * this payload to a storage, whose threads take the parts. Holds no more memory than the
 * parts that were taken and not yet closed: a write waits until a part is taken.
 * <p>
 * If either side ends early, the other one does: after {@link #fail} no part can be
 * taken, and the one that was being filled is not sent; after {@link #abandon()} every
 * write fails. Whoever calls the storage must call {@link #abandon()} if it fails. Only
 * the wait for the budget, before the first part, ends by an interrupt alone.
 * <p>
 * Memory is charged to the request of the thread that takes the first part.
 */
@Internal
public final class StreamedPayload implements EncodedPayload, WritableByteChannel {

	private static final int COPY = 64 << 10;

	private final ZstdContentCodec.@Nullable Encoder encoder;

	private final PartMemory memory;

	private final SlabPool slabs;

	private final TransferTrace trace;

	/** Used by the producer, to encode bytes of the heap. */
	private @Nullable Slab copy;

	/** Guards everything below. Held while bytes are copied or encoded. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	/** The part that is being filled. */
	private @Nullable ByteBuffer target;

	/** Whether the part that is being filled is full, and others follow. */
	private boolean full;

	private boolean ended;

	private boolean lastTaken;

	private @Nullable RuntimeException failure;

	private boolean abandoned;

	private long written;

	/**
	 * Create a payload.
	 * @param compression how to compress, or {@code null} for not at all
	 * @param slabs memory for the parts
	 * @param budget the budget charged for that memory
	 * @param maxWait longest wait for room in the budget
	 * @param trace the transfer that it belongs to
	 */
	public StreamedPayload(@Nullable Compression compression, SlabPool slabs, TransferBudget budget, Duration maxWait,
			TransferTrace trace) {
		this.slabs = slabs;
		this.trace = trace;
		this.encoder = (compression != null) ? ZstdContentCodec.encoder(compression, -1) : null;
		this.memory = new PartMemory(slabs, budget, maxWait, trace, contentCoding());
	}

	/**
	 * Write all bytes. Waits until there are parts for them.
	 * @param source the bytes
	 * @return how many they were
	 * @throws ClosedChannelException if the stream has ended
	 * @throws TransferCancelledException if no further part will be taken, or the thread
	 * is interrupted
	 * @throws IOException if the bytes cannot be compressed
	 */
	@Override
	public int write(ByteBuffer source) throws IOException {
		int length = source.remaining();
		this.lock.lock();
		try {
			if (this.ended) {
				throw new ClosedChannelException();
			}
			requireTaker();
			if (this.encoder == null) {
				copy(source);
			}
			else if (source.isDirect()) {
				encode(this.encoder, source);
			}
			else {
				encodeCopies(this.encoder, source);
			}
			this.written += length;
			return length;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void copy(ByteBuffer source) {
		int limit = source.limit();
		while (source.hasRemaining()) {
			ByteBuffer room = awaitRoom();
			source.limit(Math.min(limit, source.position() + room.remaining()));
			room.put(source);
			source.limit(limit);
		}
	}

	private void encode(ZstdContentCodec.Encoder encoder, ByteBuffer source) throws IOException {
		while (source.hasRemaining()) {
			ByteBuffer room = awaitRoom();
			this.trace.begins(Phase.CODING);
			encoder.encode(source, room, false);
		}
	}

	private void encodeCopies(ZstdContentCodec.Encoder encoder, ByteBuffer source) throws IOException {
		if (this.copy == null) {
			this.copy = this.slabs.acquire(COPY);
		}
		int limit = source.limit();
		while (source.hasRemaining()) {
			ByteBuffer direct = this.copy.window(0, COPY);
			source.limit(Math.min(limit, source.position() + COPY));
			direct.put(source);
			source.limit(limit);
			encode(encoder, direct.flip());
		}
	}

	/**
	 * Say that all bytes were written. Waits until there are parts for those that the
	 * compression has kept back. Idempotent.
	 * @throws TransferCancelledException if no further part will be taken, or the thread
	 * is interrupted
	 * @throws IOException if the bytes cannot be compressed
	 */
	public void end() throws IOException {
		this.lock.lock();
		try {
			if (this.ended) {
				return;
			}
			requireTaker();
			if (this.encoder != null) {
				ByteBuffer nothing = ByteBuffer.allocateDirect(0);
				while (!this.encoder.encode(nothing, awaitRoom(), true)) {
					continue;
				}
			}
			this.trace.over(Phase.CODING);
			this.ended = true;
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Say that the stream cannot be completed. Whoever takes its parts gets the failure.
	 * No effect after the last part was taken.
	 * @param cause why, without secrets; wrapped if it is a checked exception
	 */
	public void fail(Throwable cause) {
		fail(cause, null);
	}

	/**
	 * Say that the stream cannot be completed, and interrupt whoever takes its parts:
	 * unless that is the reason, because it has abandoned this payload. An interrupt
	 * would then hit the removal of the parts that it has stored.
	 * @param cause why, without secrets; wrapped if it is a checked exception
	 * @param taker calls the storage, or {@code null} for no interrupt
	 * @return {@code false} if the upload was abandoned before
	 */
	public boolean fail(Throwable cause, @Nullable Thread taker) {
		boolean first;
		this.lock.lock();
		try {
			first = !this.abandoned;
			if (this.failure == null) {
				this.failure = (cause instanceof RuntimeException unchecked) ? unchecked
						: new CorruptStreamException("The stream that is uploaded cannot be produced", cause);
			}
			if (first && taker != null) {
				taker.interrupt();
			}
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
		this.memory.endWait();
		return first;
	}

	private void requireTaker() {
		if (this.failure != null) {
			throw this.failure;
		}
		if (this.abandoned) {
			throw new TransferCancelledException("The upload of this stream has ended before the stream");
		}
	}

	/**
	 * Wait for a part with room.
	 * @return the room
	 */
	private ByteBuffer awaitRoom() {
		try {
			while (this.target == null || !this.target.hasRemaining()) {
				if (this.target != null && !this.full) {
					// Only now is it known that this part is not the last one.
					this.full = true;
					this.changed.signalAll();
				}
				this.trace.over(Phase.CODING);
				this.changed.await();
				requireTaker();
			}
			return this.target;
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			TransferCancelledException interrupted = new TransferCancelledException(
					"Interrupted while a stream was written to storage");
			fail(interrupted);
			throw interrupted;
		}
	}

	@Override
	public TransferTrace trace() {
		return this.trace;
	}

	@Override
	public long maxLength() {
		return UNKNOWN_LENGTH;
	}

	/**
	 * Take the next part. Waits for memory, then until the part is full and another byte
	 * follows, or the stream has ended: hence every part has bytes, and all but the last
	 * one have exactly the size.
	 */
	@Override
	public @Nullable Part next(int size) {
		Assert.isTrue(size > 0 && size <= LARGEST_PART, "'size' is out of range");
		if (isLastTaken()) {
			return null;
		}
		Slab slab = room(size);
		this.lock.lock();
		try {
			ByteBuffer part = slab.window(0, size);
			awaitFilled(part);
			this.lastTaken = !this.full;
			return this.memory.part(slab, part.position(), this.lastTaken);
		}
		catch (RuntimeException | Error ex) {
			this.memory.giveBack(slab);
			throw ex;
		}
		finally {
			this.target = null;
			this.full = false;
			this.lock.unlock();
		}
	}

	private boolean isLastTaken() {
		this.lock.lock();
		try {
			requireTaker();
			return this.lastTaken;
		}
		finally {
			this.lock.unlock();
		}
	}

	private Slab room(int size) {
		try {
			return this.memory.take(size);
		}
		catch (TransferCancelledException ex) {
			isLastTaken();
			throw ex;
		}
	}

	private void awaitFilled(ByteBuffer part) {
		this.target = part;
		this.changed.signalAll();
		try {
			requireTaker();
			while (!this.full && !this.ended) {
				this.changed.await();
				requireTaker();
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			abandon();
			throw new TransferCancelledException("Interrupted during an upload");
		}
	}

	@Override
	public void abandon() {
		this.lock.lock();
		try {
			this.abandoned = true;
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
		this.memory.endWait();
	}

	@Override
	public @Nullable String contentCoding() {
		return (this.encoder != null) ? ZstdContentCodec.CODING : null;
	}

	@Override
	public long takenLength() {
		return this.memory.takenLength();
	}

	/**
	 * Return how many bytes were written so far, before compression.
	 * @return bytes
	 */
	public long writtenLength() {
		this.lock.lock();
		try {
			return this.written;
		}
		finally {
			this.lock.unlock();
		}
	}

	@Override
	public boolean isOpen() {
		this.lock.lock();
		try {
			return !this.ended && this.failure == null && !this.abandoned;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Free the memory that is left. Called by the producer when the storage has returned.
	 * A stream that has not ended fails.
	 */
	@Override
	public void close() {
		fail(new TransferCancelledException("The stream that is uploaded was closed before its end"));
		if (this.encoder != null) {
			this.encoder.close();
		}
		if (this.copy != null) {
			this.copy.close();
		}
		this.memory.close();
	}

}
