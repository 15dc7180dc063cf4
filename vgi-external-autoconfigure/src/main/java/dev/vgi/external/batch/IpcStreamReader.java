package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.memory.RequestMemory;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Reads consecutive Arrow IPC streams batch by batch, with the batches' metadata,
 * including the framing of Arrow before 0.15. Every length and offset is checked before
 * it is used. Not thread-safe; the creator closes it.
 */
public final class IpcStreamReader implements AutoCloseable {

	/**
	 * Heap per byte of a head, for strings and map entries, which cost more if short;
	 * measured.
	 */
	private static final long METADATA_HEAP = 4;

	private final MessageSource source;

	private final ReadOptions options;

	private StreamDictionaries dictionaries;

	private @Nullable Schema schema;

	private boolean inStream;

	private boolean brokenOff;

	private @Nullable BatchMetadata latest;

	private int logBatches;

	private @Nullable VgiExternalException broken;

	/** Heap size of a batch with the current schema, without metadata. */
	private long batchHeap;

	private IpcStreamReader(MessageSource source, ReadOptions options) {
		this.source = source;
		this.options = options;
		this.dictionaries = new StreamDictionaries(source.meter);
	}

	/**
	 * Read from memory without copying: the batches are slices of the body and keep it
	 * alive, except buffers that are not aligned to eight bytes or are compressed.
	 * @param body the bytes, retained until this reader and all batches are closed
	 * @param length how many of its bytes belong to the streams
	 * @param allocator the owner of other memory that has to be allocated; with the same
	 * root as the body's allocator
	 * @return the reader
	 */
	public static IpcStreamReader of(ArrowBuf body, long length, BufferAllocator allocator) {
		return of(body, length, allocator, ReadOptions.defaults());
	}

	/**
	 * Read from memory without copying, as {@link #of(ArrowBuf, long, BufferAllocator)}
	 * does.
	 * @param body the bytes, retained until this reader and all batches are closed
	 * @param length how many of its bytes belong to the streams
	 * @param allocator the owner of other memory that has to be allocated; with the same
	 * root as the body's allocator
	 * @param options how to read
	 * @return the reader
	 */
	public static IpcStreamReader of(ArrowBuf body, long length, BufferAllocator allocator, ReadOptions options) {
		WorkMeter meter = new WorkMeter(options.watch(), options.maxSize());
		return new IpcStreamReader(new MessageSource.Memory(body, length, allocator, options.limits(), meter), options);
	}

	/**
	 * Read from a stream, with one copy into off-heap memory per batch, or none if the
	 * stream is also a {@link java.nio.channels.ReadableByteChannel}. Never reads past
	 * the last end marker that was requested, except in {@link #readToEnd()}. Memory
	 * grows with the bytes that have arrived, whatever lengths they declare. If reading
	 * fails, the reader's methods throw {@link UncheckedIOException}, or the
	 * {@link CorruptStreamException} that is the direct cause of the failure.
	 * @param in the bytes; left open
	 * @param maxBytes how many bytes may be read in total, those of compressed buffers
	 * decoded; one more leads to a {@link StreamTooLongException}
	 * @param allocator the owner of the batches' memory
	 * @return the reader
	 */
	public static IpcStreamReader of(InputStream in, long maxBytes, BufferAllocator allocator) {
		return of(in, maxBytes, allocator, ReadOptions.defaults());
	}

	/**
	 * Read from a stream, like {@link #of(InputStream, long, BufferAllocator)}.
	 * @param in the bytes; left open
	 * @param maxBytes how many bytes may be read in total
	 * @param allocator the owner of the batches' memory
	 * @param options how to read
	 * @return the reader
	 */
	public static IpcStreamReader of(InputStream in, long maxBytes, BufferAllocator allocator, ReadOptions options) {
		long maxSize = Math.min(maxBytes, options.maxSize());
		WorkMeter meter = new WorkMeter(options.watch(), maxSize);
		return new IpcStreamReader(new ArrivingMessages(in, maxSize, allocator, options.limits(), meter), options);
	}

	/**
	 * Go to the next stream and read its schema, skipping the rest of the current one.
	 * @return {@code false} at the regular end of the bytes
	 * @throws CorruptStreamException if the next bytes are not a stream
	 * @throws LimitExceededException if the schema exceeds a limit
	 */
	public boolean nextStream() {
		return guarded(this::readStream);
	}

	/**
	 * Return the schema of the current stream in memory format.
	 * @return the schema
	 * @throws IllegalStateException before {@link #nextStream()}
	 */
	public Schema schema() {
		Assert.state(this.schema != null, "There is no current stream");
		return this.schema;
	}

	/**
	 * Read the next batch of the current stream.
	 * @return the batch, which owns its vectors and dictionaries and which the caller
	 * closes; or {@code null} at the end of the stream
	 * @throws CorruptStreamException if the bytes are not a batch of this schema
	 * @throws LimitExceededException if there are too many log batches, or too much
	 * metadata
	 */
	public @Nullable AnnotatedBatch next() {
		Schema schema = schema();
		return guardedNullable(() -> readBatch(schema));
	}

	/**
	 * Create a batch without rows that has the current stream's columns, and the
	 * dictionaries that have arrived. It represents a stream without batches.
	 * @return the batch; the caller closes it
	 * @throws IllegalStateException before {@link #nextStream()}
	 */
	public AnnotatedBatch zeroRows() {
		Schema schema = schema();
		return new AnnotatedBatch(VectorSchemaRoot.create(schema, this.source.allocator), this.dictionaries.share(),
				BatchMetadata.empty());
	}

	/**
	 * Read and drop the rest of the bytes, whatever it is. The checksum of a content
	 * coding comes last, after all streams: do not use anything that was read before this
	 * method has returned.
	 * @return whether the rest begins like a message, for example that of a further
	 * stream
	 * @throws CorruptStreamException if the coded bytes turn out to be corrupt
	 * @throws StreamTooLongException if there are more bytes than may be read
	 */
	public boolean readToEnd() {
		return guarded(this.source::skipToEnd);
	}

	/**
	 * Return how many bytes were read so far.
	 * @return bytes up to the end of the last batch or marker
	 */
	public long position() {
		return this.source.position();
	}

	/**
	 * Skip the rest of the current stream, up to its end marker and no further.
	 * @throws CorruptStreamException if the bytes end before it
	 */
	public void endStream() {
		guardedNullable(() -> {
			skipStream();
			return null;
		});
	}

	/**
	 * Return whether the bytes ended where the latest stream should have had its end
	 * marker, which not every writer writes.
	 * @return {@code false} while the stream is not at its end
	 */
	public boolean isBrokenOff() {
		return this.brokenOff;
	}

	/**
	 * Start a new account: log batches and bytes that were read so far no longer count
	 * against their limits. Used between the turns of a stream.
	 */
	public void newAccount() {
		newAccount(this.source.allocator);
	}

	/**
	 * Start a new account with another owner of the memory.
	 * @param allocator the owner of what is read from now on; with the same root
	 * @see #endAccount()
	 */
	public void newAccount(BufferAllocator allocator) {
		this.logBatches = 0;
		this.source.newAccount(allocator);
		this.dictionaries.newAccount(allocator);
	}

	/**
	 * Free what is kept to be shared by the batches of one account. Called before the
	 * owner of its memory may be closed: shared memory may be charged to somebody else.
	 */
	public void endAccount() {
		this.dictionaries.endAccount();
	}

	/**
	 * Return the metadata of the batch that was read last, also if its values could not
	 * be read.
	 * @return the metadata, or {@code null} if no batch came, or nothing of it is known
	 */
	public @Nullable BatchMetadata latestMetadata() {
		return this.latest;
	}

	/**
	 * Skip the rest of the current stream, up to its end marker and no further, although
	 * reading has failed: the lengths may be sound while the content is not, or is too
	 * large. Nothing else can be read after that.
	 * @return {@code false} if it is unknown where the stream ends, or it has no end
	 * @throws UncheckedIOException if reading fails
	 */
	public boolean skipBrokenStream() {
		try {
			return this.source.skipToEndMarker();
		}
		catch (VgiExternalException ex) {
			return false;
		}
	}

	private void skipStream() {
		MessageHead skipped;
		while (this.inStream && (skipped = nextMessage()) != null) {
			this.source.skip(skipped.bodyLength());
		}
	}

	private boolean readStream() {
		skipStream();
		this.dictionaries = this.dictionaries.next();
		this.schema = null;
		this.latest = null;
		int length = this.source.nextLength();
		if (length == MessageSource.NOTHING) {
			return false;
		}
		MessageHead head = this.source.schemaHead(length);
		this.source.skip(head.bodyLength());
		Schema schema = this.dictionaries.begin(head.schema(), this.source.allocator);
		BatchLoader.checkVectors(schema.getFields(), this.source.allocator);
		this.batchHeap = BatchLoader.heap(schema.getFields());
		this.schema = schema;
		this.inStream = true;
		return true;
	}

	/**
	 * Read a stand-alone schema message, such as one inside a value.
	 * @param message the message; bytes after it are ignored
	 * @param allocator allocates a negligible amount
	 * @return the schema in message format: a dictionary column has the type of its
	 * values
	 * @throws CorruptStreamException if the bytes are not a schema
	 * @throws LimitExceededException if the schema exceeds a limit
	 */
	public static Schema readSchema(byte[] message, BufferAllocator allocator) {
		try (IpcStreamReader reader = of(new ByteArrayInputStream(message), message.length, allocator)) {
			return Objects.requireNonNull(
					reader.guardedNullable(() -> reader.source.schemaHead(reader.source.nextLength()).schema()));
		}
	}

	private @Nullable AnnotatedBatch readBatch(Schema schema) {
		while (this.inStream) {
			MessageHead head = nextMessage();
			if (head == null) {
				return null;
			}
			byte type = head.type();
			if (type != MessageHeader.RecordBatch && type != MessageHeader.DictionaryBatch) {
				throw new CorruptStreamException("The stream has a message of type " + type + " among its batches");
			}
			// Known even if the batch itself cannot be read.
			this.latest = (type == MessageHeader.RecordBatch) ? head.metadata() : null;
			ArrowBuf body = this.source.body(head.bodyLength());
			try {
				if (this.latest != null) {
					return readRecordBatch(schema, head, this.latest, body);
				}
				this.dictionaries.add(head, body, this.source.allocator);
			}
			finally {
				body.getReferenceManager().release();
			}
		}
		return null;
	}

	private AnnotatedBatch readRecordBatch(Schema schema, MessageHead head, BatchMetadata metadata, ArrowBuf body) {
		RecordBatch table = head.recordBatch();
		if (table.length() == 0 && BatchKind.of(0, metadata) == BatchKind.LOG) {
			this.options.limits().checkLogBatches(++this.logBatches);
		}
		long heap = this.batchHeap + METADATA_HEAP * head.size();
		RequestMemory.charge(this.source.allocator, heap);
		BatchLoader loader = new BatchLoader(table, head, body, this.source.allocator, this.source.meter);
		try {
			VectorSchemaRoot root = new VectorSchemaRoot(schema, loader.load(schema.getFields()), loader.rows());
			this.dictionaries.check(loader.encoded());
			long charged = heap + loader.charged();
			BufferAllocator owner = this.source.allocator;
			return new AnnotatedBatch(root, this.dictionaries.share(), metadata,
					() -> RequestMemory.discharge(owner, charged));
		}
		catch (RuntimeException ex) {
			loader.discard();
			throw ex;
		}
	}

	// reads the next message of the current stream, or records its end
	private @Nullable MessageHead nextMessage() {
		int length = this.source.nextLength();
		if (length == MessageSource.END_MARKER || length == MessageSource.NOTHING) {
			this.inStream = false;
			this.brokenOff = length == MessageSource.NOTHING;
			return null;
		}
		return this.source.head(length);
	}

	private boolean guarded(BooleanSupplier action) {
		return Boolean.TRUE.equals(guardedNullable(action::getAsBoolean));
	}

	// converts any exception that a corrupt stream causes in a library to our own error
	private <T> @Nullable T guardedNullable(Supplier<@Nullable T> action) {
		if (this.broken != null) {
			throw this.broken;
		}
		try {
			return action.get();
		}
		catch (VgiExternalException ex) {
			// exceptions of the watch, too
			this.broken = ex;
			throw ex;
		}
		catch (UncheckedIOException | OutOfMemoryException ex) {
			this.broken = new CorruptStreamException("An earlier message could not be read");
			throw ex;
		}
		catch (RuntimeException ex) {
			this.broken = new CorruptStreamException("The Arrow IPC stream is broken: it contradicts itself", ex);
			throw this.broken;
		}
	}

	/**
	 * Free the dictionaries and release the body. Batches already returned stay valid.
	 * Idempotent.
	 */
	@Override
	public void close() {
		this.dictionaries.close();
		this.inStream = false;
		this.schema = null;
		this.source.close();
	}

}
