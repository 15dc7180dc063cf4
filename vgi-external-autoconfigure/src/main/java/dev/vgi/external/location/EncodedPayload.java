package dev.vgi.external.location;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.Payload;
import dev.vgi.external.transport.RequestBody;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A gathered stream as it is to be stored: the batches' own memory when nothing is
 * compressed, otherwise one zstd frame in blocks of its own.
 */
final class EncodedPayload implements Payload, AutoCloseable {

	private static final int BLOCK = 1 << 20;

	private final List<ByteBuffer> segments;

	private final List<ArrowBuf> blocks;

	private final @Nullable String contentCoding;

	private final TransferBudget.@Nullable Lease lease;

	private final long length;

	private EncodedPayload(List<ByteBuffer> segments, List<ArrowBuf> blocks, @Nullable String contentCoding,
			TransferBudget.@Nullable Lease lease) {
		this.segments = segments;
		this.blocks = blocks;
		this.contentCoding = contentCoding;
		this.lease = lease;
		this.length = segments.stream().mapToLong(ByteBuffer::remaining).sum();
	}

	/**
	 * Encode a stream.
	 * @param stream borrowed until the payload is closed
	 * @param compression how, or {@code null} for not at all
	 * @param allocator the owner of the blocks
	 * @param budget charged for the blocks
	 * @param maxWait longest wait for room in it
	 * @return the payload; the caller closes it
	 */
	static EncodedPayload of(GatheredStream stream, @Nullable Compression compression, BufferAllocator allocator,
			TransferBudget budget, Duration maxWait) {
		if (compression == null) {
			return new EncodedPayload(stream.segments(), List.of(), null, null);
		}
		List<ArrowBuf> blocks = new ArrayList<>();
		TransferBudget.Lease lease = budget.acquire(BLOCK, maxWait);
		try (ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(compression, stream.length())) {
			return new EncodedPayload(encode(stream, encoder, blocks, lease, allocator), blocks,
					ZstdContentCodec.CODING, lease);
		}
		catch (IOException | RuntimeException ex) {
			blocks.forEach(ArrowBuf::close);
			lease.close();
			if (ex instanceof RuntimeException unchecked) {
				throw unchecked;
			}
			throw new CorruptStreamException("The batch cannot be compressed", ex);
		}
	}

	private static List<ByteBuffer> encode(GatheredStream stream, ZstdContentCodec.Encoder encoder,
			List<ArrowBuf> blocks, TransferBudget.Lease lease, BufferAllocator allocator) throws IOException {
		List<ByteBuffer> filled = new ArrayList<>();
		ByteBuffer target = null;
		List<ByteBuffer> sources = stream.segments();
		for (int i = 0; i < sources.size(); i++) {
			ByteBuffer source = sources.get(i);
			boolean last = i == sources.size() - 1;
			boolean ended = false;
			while (last ? !ended : source.hasRemaining()) {
				if (target == null || !target.hasRemaining()) {
					target = nextBlock(blocks, filled, lease, allocator);
				}
				ended = encoder.encode(source, target, last);
			}
		}
		filled.replaceAll((block) -> block.flip().asReadOnlyBuffer());
		return filled;
	}

	private static ByteBuffer nextBlock(List<ArrowBuf> blocks, List<ByteBuffer> filled, TransferBudget.Lease lease,
			BufferAllocator allocator) {
		if (!blocks.isEmpty()) {
			lease.grow(BLOCK);
		}
		ArrowBuf block = allocator.buffer(BLOCK);
		blocks.add(block);
		ByteBuffer target = block.nioBuffer(0, BLOCK);
		filled.add(target);
		return target;
	}

	@Nullable String contentCoding() {
		return this.contentCoding;
	}

	@Override
	public long length() {
		return this.length;
	}

	@Override
	public void writeTo(WritableByteChannel channel) throws IOException {
		write(channel, 0, this.length);
	}

	@Override
	public RequestBody slice(long offset, long length) {
		Assert.isTrue(offset >= 0 && length > 0 && offset <= this.length - length, "slice is outside the payload");
		return new RequestBody() {

			@Override
			public long length() {
				return length;
			}

			@Override
			public void writeTo(WritableByteChannel channel) throws IOException {
				write(channel, offset, length);
			}

		};
	}

	private void write(WritableByteChannel channel, long offset, long length) throws IOException {
		long skip = offset;
		long left = length;
		for (ByteBuffer segment : this.segments) {
			int size = segment.remaining();
			if (skip >= size) {
				skip -= size;
				continue;
			}
			ByteBuffer part = segment.duplicate();
			part.position(part.position() + (int) skip);
			part.limit((int) Math.min(part.limit(), part.position() + left));
			skip = 0;
			left -= part.remaining();
			while (part.hasRemaining()) {
				channel.write(part);
			}
			if (left == 0) {
				return;
			}
		}
	}

	@Override
	public void close() {
		this.blocks.forEach(ArrowBuf::close);
		if (this.lease != null) {
			this.lease.close();
		}
	}

}
