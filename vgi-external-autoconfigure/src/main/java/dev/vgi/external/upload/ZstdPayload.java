package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A gathered stream as one zstd frame with its content size, compressed part by part as
 * the parts are taken. The memory of a closed part is reused for the next one. If the
 * budget has no room for a further part, the next one waits until an earlier part of this
 * payload is closed: the upload becomes slower instead of failing.
 */
final class ZstdPayload implements EncodedPayload {

	private static final int SMALLEST = 1 << 10;

	private final ZstdContentCodec.Encoder encoder;

	private final Iterator<ByteBuffer> sources;

	private final SlabPool slabs;

	private final TransferBudget budget;

	private final Duration maxWait;

	private final long maxLength;

	private ByteBuffer source;

	private boolean ended;

	private long taken;

	private TransferBudget.@Nullable Lease lease;

	/** Guarded by this object's monitor, as are the next two. */
	private final Deque<Slab> spare = new ArrayDeque<>();

	private int open;

	private boolean closed;

	ZstdPayload(GatheredStream stream, Compression compression, SlabPool slabs, TransferBudget budget,
			Duration maxWait) {
		this.sources = stream.segments().iterator();
		this.source = this.sources.next();
		this.slabs = slabs;
		this.budget = budget;
		this.maxWait = maxWait;
		this.maxLength = ZstdContentCodec.maxEncodedLength(stream.length());
		this.encoder = ZstdContentCodec.encoder(compression, stream.length());
	}

	@Override
	public long maxLength() {
		return this.maxLength;
	}

	@Override
	public @Nullable Part next(int size) {
		Assert.isTrue(size > 0 && size <= LARGEST_PART, "'size' is out of range");
		if (this.ended) {
			return null;
		}
		// The bound is never reached. If it were, the frame's end would still need room.
		int capacity = (int) Math.min(size, Math.max(SMALLEST, this.maxLength - this.taken));
		Slab slab = room(capacity);
		try {
			ByteBuffer target = slab.window(0, capacity);
			encode(target);
			this.taken += target.position();
			return new Coded(slab, target.position(), this.ended);
		}
		catch (IOException ex) {
			giveBack(slab);
			throw new CorruptStreamException("The batch cannot be compressed", ex);
		}
		catch (RuntimeException | Error ex) {
			giveBack(slab);
			throw ex;
		}
	}

	private void encode(ByteBuffer target) throws IOException {
		while (target.hasRemaining() && !this.ended) {
			boolean last = !this.sources.hasNext();
			boolean done = this.encoder.encode(this.source, target, last);
			if (last) {
				this.ended = done;
			}
			else if (done) {
				this.source = this.sources.next();
			}
		}
	}

	private synchronized Slab room(int capacity) {
		Slab slab = spare(capacity);
		Deadline deadline = Deadline.in(this.maxWait);
		while (slab == null) {
			BudgetExhaustedException refusal = hold(capacity);
			if (refusal == null) {
				slab = this.slabs.acquire(capacity);
			}
			else {
				awaitClosedPart(deadline, refusal);
				slab = spare(capacity);
			}
		}
		this.open++;
		return slab;
	}

	private void awaitClosedPart(Deadline deadline, BudgetExhaustedException refusal) {
		long left = deadline.remaining().toMillis();
		if (left <= 0 || this.open == 0) {
			throw refusal;
		}
		try {
			wait(left);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new TransferCancelledException("Interrupted during an upload");
		}
	}

	private @Nullable Slab spare(int capacity) {
		Slab slab = this.spare.pollFirst();
		// No caller asks for larger parts later, but nothing prevents it.
		Assert.state(slab == null || slab.capacity() >= capacity, "the parts of a payload must not grow");
		return slab;
	}

	/**
	 * Ask for the memory of one more part. Waits for it if no part is held; otherwise it
	 * is granted at once or not at all.
	 * @param capacity bytes of the part
	 * @return the reason for a refusal, or {@code null} if granted
	 */
	private @Nullable BudgetExhaustedException hold(int capacity) {
		if (this.lease == null) {
			this.lease = this.budget.acquire(capacity, this.maxWait);
			return null;
		}
		try {
			this.lease.grow(capacity);
			return null;
		}
		catch (BudgetExhaustedException ex) {
			return ex;
		}
	}

	private synchronized void giveBack(Slab slab) {
		this.open--;
		if (this.closed) {
			slab.close();
			return;
		}
		this.spare.addFirst(slab);
		notifyAll();
	}

	@Override
	public String contentCoding() {
		return ZstdContentCodec.CODING;
	}

	@Override
	public long takenLength() {
		return this.taken;
	}

	@Override
	public synchronized void close() {
		if (this.closed) {
			return;
		}
		this.closed = true;
		this.encoder.close();
		this.spare.forEach(Slab::close);
		this.spare.clear();
		if (this.lease != null) {
			this.lease.close();
		}
		// The memory is freed with the payload, and a storage must not keep what it
		// borrowed.
		Assert.state(this.open == 0, "a part is still open");
	}

	private final class Coded implements Part {

		private final Slab slab;

		private final int size;

		private final boolean last;

		private boolean closed;

		Coded(Slab slab, int size, boolean last) {
			this.slab = slab;
			this.size = size;
			this.last = last;
		}

		@Override
		public boolean isLast() {
			return this.last;
		}

		@Override
		public long length() {
			return this.size;
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			ByteBuffer bytes = this.slab.window(0, this.size).asReadOnlyBuffer();
			while (bytes.hasRemaining()) {
				channel.write(bytes);
			}
		}

		@Override
		public synchronized void close() {
			if (!this.closed) {
				this.closed = true;
				giveBack(this.slab);
			}
		}

	}

}
