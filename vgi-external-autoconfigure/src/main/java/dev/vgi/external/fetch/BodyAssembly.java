package dev.vgi.external.fetch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Locale;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferTrace;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Turns encoded bytes, given in order, into one verified piece of memory. Decodes and
 * digests while the rest is still being downloaded, and enforces both caps on every step.
 * Belongs to one thread.
 */
final class BodyAssembly implements AutoCloseable {

	static final int STEP = 1 << 20;

	/**
	 * From this decoded size on, the digest runs in its own thread: decoding and
	 * digesting in one thread would be slower than the download.
	 */
	private static final long DIGEST_BESIDE = 4L << 20;

	private final FetchConfig config;

	private final FetchShare share;

	private final TransferTrace trace;

	private final SlabPool slabs;

	private final Lease lease;

	private final BodyShape shape;

	private final ContentCodec.@Nullable Decoder decoder;

	private final @Nullable BodyDigest digest;

	private final @Nullable String sha256;

	private Slab body;

	private long charged;

	private @Nullable Slab input;

	private ByteBuffer window = ByteBuffer.allocate(0);

	private long encoded;

	private long length;

	private boolean decoded;

	/**
	 * Create an assembly.
	 * @param context the caps, and where memory and the thread of the digest come from
	 * @param lease already holds the memory of the shape, and is charged for more; not
	 * closed here
	 * @param shape what is known about the body
	 * @param sha256 the expected digest, or {@code null}
	 */
	BodyAssembly(FetchContext context, Lease lease, BodyShape shape, @Nullable String sha256) {
		this.config = context.config();
		this.share = context.share();
		this.trace = context.trace();
		this.slabs = context.slabs();
		this.lease = lease;
		this.shape = shape;
		this.sha256 = (sha256 != null) ? sha256.strip().toLowerCase(Locale.ROOT) : null;
		this.digest = (sha256 != null) ? new BodyDigest(shape.size()) : null;
		this.charged = shape.memory();
		this.body = this.slabs.acquire(shape.capacity());
		ContentCodec codec = shape.codec();
		this.decoder = (codec != null) ? codec.decoder(shape.window()) : null;
		if (this.digest != null && codec != null && shape.size() >= DIGEST_BESIDE) {
			this.digest.startBeside(context.workers());
		}
	}

	/**
	 * Return whether ranges may be written straight into {@link #body}.
	 * @return {@code true} if the bytes are not coded and their number was known at the
	 * start
	 */
	boolean isPlain() {
		return this.decoder == null;
	}

	/**
	 * Return the memory of a plain body of known size. The caller fills it and then
	 * {@linkplain #received announces} the bytes.
	 * @return the slab, still owned by this assembly
	 */
	Slab body() {
		return this.body;
	}

	/**
	 * Return where the next bytes go. Call it again after each {@link #advance}.
	 * @return a direct buffer with room
	 */
	ByteBuffer input() {
		if (this.decoder != null) {
			Slab slab = this.input;
			if (slab == null) {
				slab = this.slabs.acquire(STEP);
				this.input = slab;
			}
			this.window = slab.window(0, STEP);
			return this.window;
		}
		if (this.length == this.body.capacity()) {
			grow(this.config.maxFetchSize());
		}
		this.window = this.body.window(this.length, (int) Math.min(STEP, this.body.capacity() - this.length));
		return this.window;
	}

	/**
	 * Process the bytes that were put into {@link #input}.
	 */
	void advance() {
		int count = this.window.position();
		count(count);
		if (this.decoder == null) {
			this.length += count;
			digest();
		}
		else {
			this.window.flip();
			decode(this.window);
		}
	}

	/**
	 * Process bytes of a plain body that were written through {@link #body}, in order.
	 * @param count how many further bytes are complete
	 */
	void received(long count) {
		count(count);
		this.length += count;
		digest();
	}

	/**
	 * Process coded bytes.
	 * @param source a direct buffer, consumed wholly
	 */
	void coded(ByteBuffer source) {
		count(source.remaining());
		decode(source);
	}

	private void count(long count) {
		this.encoded += count;
		this.config.checkSize(this.encoded);
		this.trace.progressed(this.encoded, isPlain() ? this.shape.size() : -1);
	}

	private void decode(ByteBuffer source) {
		ContentCodec.Decoder codec = this.decoder;
		Assert.state(codec != null, "not coded");
		this.trace.begins(Phase.CODING);
		while (source.hasRemaining()) {
			if (!step(codec, source)) {
				throw new CorruptStreamException("Failed to decompress " + coding() + " data: no progress");
			}
		}
	}

	// Runs one step of the decoder and digests its output while that is still in the CPU
	// cache.
	private boolean step(ContentCodec.Decoder codec, ByteBuffer source) {
		if (this.length == this.body.capacity()) {
			grow(this.config.maxDecompressedSize());
		}
		ByteBuffer target = this.body.window(this.length, (int) Math.min(STEP, this.body.capacity() - this.length));
		int before = source.position();
		try {
			this.decoded = codec.decode(source, target);
		}
		catch (IOException ex) {
			throw new CorruptStreamException("Failed to decompress " + coding() + " data: " + ex.getMessage());
		}
		this.length += target.position();
		this.config.checkDecodedSize(this.length);
		digest();
		return target.position() > 0 || source.position() > before;
	}

	private void grow(long cap) {
		long capacity = Math.min(Math.max(this.length + STEP, this.length * 2), cap + 1);
		this.share.sized(capacity, this.trace);
		// The lease covers both slabs during the copy.
		this.lease.grow(capacity);
		this.charged += capacity;
		Slab larger = this.slabs.acquire(capacity);
		larger.copyFrom(this.body, this.length);
		if (this.digest != null) {
			this.digest.await();
		}
		this.body.close();
		this.body = larger;
		long unused = Math.max(0, this.charged - capacity - this.shape.beside());
		this.lease.shrink(unused);
		this.charged -= unused;
	}

	private void digest() {
		if (this.digest != null) {
			this.trace.begins(Phase.DIGEST);
			this.digest.advance(this.body, this.length);
		}
	}

	/**
	 * Return whether the digest proves that the body is complete. Further bytes are
	 * accepted nevertheless.
	 * @return {@code true} if the digest of the bytes so far is the expected one
	 */
	boolean isWhole() {
		return this.digest != null && this.digest.soFar().equals(this.sha256);
	}

	/**
	 * Verify the body and hand it over.
	 * @param allocator is charged for the body
	 * @return the body; the caller closes it
	 */
	ArrowBuf finish(BufferAllocator allocator) {
		if (this.decoder != null) {
			ByteBuffer nothing = ByteBuffer.allocateDirect(0);
			while (!this.decoded && step(this.decoder, nothing)) {
				continue;
			}
			if (!this.decoded) {
				throw new CorruptStreamException("Failed to decompress " + coding() + " data: it ends early");
			}
			this.trace.over(Phase.CODING);
		}
		if (this.length == 0) {
			throw new CorruptStreamException("The fetched object is empty");
		}
		if (this.digest != null) {
			boolean matches = this.digest.finish().equals(this.sha256);
			this.trace.over(Phase.DIGEST);
			if (!matches) {
				throw new ChecksumMismatchException(
						"SHA-256 checksum mismatch: the fetched object is not the one its pointer names", null);
			}
		}
		return this.body.handOver(allocator, this.length, this.lease);
	}

	@Nullable String coding() {
		return this.shape.coding();
	}

	/**
	 * Return how many encoded bytes were processed.
	 * @return bytes
	 */
	long encoded() {
		return this.encoded;
	}

	/**
	 * Return how many decoded bytes there are so far.
	 * @return bytes
	 */
	long length() {
		return this.length;
	}

	@Override
	public void close() {
		if (this.digest != null) {
			this.digest.close();
		}
		this.trace.over(Phase.CODING);
		this.trace.over(Phase.DIGEST);
		this.body.close();
		if (this.input != null) {
			this.input.close();
		}
		if (this.decoder != null) {
			this.decoder.close();
		}
	}

}
