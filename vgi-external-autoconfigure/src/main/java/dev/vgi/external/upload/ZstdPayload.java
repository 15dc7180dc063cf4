package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.Iterator;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferTrace;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A gathered stream as one zstd frame with its content size, compressed part by part as
 * the parts are taken.
 */
final class ZstdPayload implements EncodedPayload {

	private static final int SMALLEST = 1 << 10;

	private final ZstdContentCodec.Encoder encoder;

	private final Iterator<ByteBuffer> sources;

	private final PartMemory memory;

	private final long maxLength;

	private final TransferTrace trace;

	private ByteBuffer source;

	/** Whether the parts are written by this, one after the other. */
	private boolean writes;

	private boolean ended;

	ZstdPayload(GatheredStream stream, Compression compression, SlabPool slabs, TransferBudget budget, Duration maxWait,
			TransferTrace trace) {
		this.trace = trace;
		this.sources = stream.segments().iterator();
		this.source = this.sources.next();
		this.memory = new PartMemory(slabs, budget, maxWait, trace, ZstdContentCodec.CODING);
		this.maxLength = ZstdContentCodec.maxEncodedLength(stream.length());
		this.encoder = ZstdContentCodec.encoder(compression, stream.length());
	}

	@Override
	public TransferTrace trace() {
		return this.trace;
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
		int capacity = (int) Math.min(size, Math.max(SMALLEST, this.maxLength - takenLength()));
		Slab slab = this.memory.take(capacity);
		try {
			ByteBuffer target = slab.window(0, capacity);
			encodeAndReport(target);
			return this.memory.part(slab, target.position(), this.ended);
		}
		catch (IOException ex) {
			this.memory.giveBack(slab);
			throw new CorruptStreamException("The batch cannot be compressed", ex);
		}
		catch (RuntimeException | Error ex) {
			this.memory.giveBack(slab);
			throw ex;
		}
	}

	@Override
	public void writeTo(WritableByteChannel channel) throws IOException {
		// The storage sends no requests that would tell one part from the next.
		this.writes = true;
		this.trace.begins(Phase.CODING);
		try {
			EncodedPayload.super.writeTo(channel);
		}
		finally {
			this.trace.over(Phase.CODING);
		}
	}

	private void encodeAndReport(ByteBuffer target) throws IOException {
		if (this.writes) {
			encode(target);
			return;
		}
		this.trace.begins(Phase.CODING);
		try {
			encode(target);
		}
		finally {
			this.trace.over(Phase.CODING);
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

	@Override
	public String contentCoding() {
		return ZstdContentCodec.CODING;
	}

	@Override
	public long takenLength() {
		return this.memory.takenLength();
	}

	@Override
	public void close() {
		this.encoder.close();
		this.memory.close();
	}

}
