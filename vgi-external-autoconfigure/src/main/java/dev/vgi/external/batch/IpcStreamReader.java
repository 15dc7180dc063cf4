package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.memory.RequestMemory;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Reads consecutive Arrow IPC streams batch by batch, with the batches' metadata,
 * including the framing of Arrow before 0.15. Every length and offset is checked before
 * it is used. Not thread-safe; the creator closes it.
 */
public final class IpcStreamReader implements AutoCloseable {

	/** Heap size of a batch without vectors and metadata; measured, like those below. */
	private static final long BATCH_HEAP = 512;

	/** Heap size of a vector without its values. */
	private static final long VECTOR_HEAP = 384;

	/** Heap size of a vector that contains others. */
	private static final long LIST_HEAP = 640;

	/** Heap size of a vector that finds others by name. */
	private static final long STRUCT_HEAP = 1280;

	/** Heap size of a vector with several such maps. */
	private static final long UNION_HEAP = 2560;

	/** Heap per byte of a head, for strings and map entries, which cost more if short. */
	private static final long METADATA_HEAP = 4;

	/** Heap per byte of a schema's message: a field is shorter in a message. */
	private static final long SCHEMA_HEAP = 5;

	private final MessageSource source;

	private final BufferAllocator allocator;

	private final ReadOptions options;

	private final WorkMeter meter;

	private final StreamDictionaries dictionaries;

	private @Nullable Schema schema;

	private boolean inStream;

	private int logBatches;

	private @Nullable VgiExternalException broken;

	/** Heap size of the vectors of a batch with the current schema. */
	private long vectorHeap;

	/** The charge for the largest head of a message so far. */
	private long headCharged;

	private IpcStreamReader(MessageSource source, BufferAllocator allocator, ReadOptions options, WorkMeter meter) {
		this.source = source;
		this.allocator = allocator;
		this.options = options;
		this.meter = meter;
		this.dictionaries = new StreamDictionaries(meter);
	}

	/**
	 * Read from memory without copying: the batches are slices of the body and keep it
	 * alive. Only buffers that are not aligned to eight bytes are copied.
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
		WorkMeter meter = new WorkMeter(options.watch());
		return new IpcStreamReader(new MessageSource.Memory(body, length, options.limits(), meter), allocator, options,
				meter);
	}

	/**
	 * Read from a stream, with one copy into off-heap memory per batch. Never reads past
	 * the last end marker that was requested, except in {@link #readToEnd()}. Memory
	 * grows with the bytes that have arrived, whatever lengths they declare. If reading
	 * fails, the reader's methods throw {@link UncheckedIOException}, or the
	 * {@link CorruptStreamException} that is the direct cause of the failure.
	 * @param in the bytes; left open
	 * @param maxBytes how many bytes may be read in total; one more leads to a
	 * {@link StreamTooLongException}
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
		WorkMeter meter = new WorkMeter(options.watch());
		return new IpcStreamReader(new MessageSource.Stream(in, maxBytes, allocator, options.limits(), meter),
				allocator, options, meter);
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
		return new AnnotatedBatch(VectorSchemaRoot.create(schema, this.allocator), this.dictionaries.share(),
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

	private boolean readStream() {
		while (this.inStream) {
			Envelope skipped = nextMessage();
			if (skipped != null) {
				this.source.skip(skipped.message().bodyLength());
			}
		}
		this.dictionaries.close();
		this.schema = null;
		int length = this.source.nextLength();
		if (length == MessageSource.NOTHING) {
			return false;
		}
		Envelope envelope = readSchemaMessage(length);
		this.source.skip(envelope.message().bodyLength());
		this.schema = readSchema(envelope);
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
			Schema schema = reader
				.guardedNullable(() -> sentSchema(reader.readSchemaMessage(reader.source.nextLength())));
			Assert.state(schema != null, "There is no schema");
			return schema;
		}
	}

	private Envelope readSchemaMessage(int length) {
		if (length > 0) {
			chargeHead(SCHEMA_HEAP * length);
		}
		Envelope envelope = (length != MessageSource.END_MARKER && length != MessageSource.NOTHING) ? envelope(length)
				: null;
		if (envelope == null || envelope.message().headerType() != MessageHeader.Schema) {
			throw new CorruptStreamException("The Arrow IPC stream does not start with a schema");
		}
		return envelope;
	}

	private Schema readSchema(Envelope envelope) {
		Schema sent = sentSchema(envelope);
		checkShared(sent.getFields(), new HashMap<>());
		Map<Long, Dictionary> found = new HashMap<>();
		List<Field> fields = new ArrayList<>();
		for (Field field : sent.getFields()) {
			fields.add(DictionaryUtility.toMemoryFormat(field, this.allocator, found));
		}
		found.forEach((id, dictionary) -> this.dictionaries.add(id, dictionary, this.allocator));
		checkVectors(fields);
		this.vectorHeap = vectorHeap(fields);
		return new Schema(fields, sent.getCustomMetadata());
	}

	// otherwise a schema could stand for many more fields than it contains
	private static void checkShared(List<Field> fields, Map<Long, Field> dictionaries) {
		for (Field field : fields) {
			checkShared(field.getChildren(), dictionaries);
			if (field.getDictionary() != null) {
				Field first = dictionaries.putIfAbsent(field.getDictionary().getId(), field);
				if (first != null && !sameValues(first, field)) {
					throw new CorruptStreamException(
							"Column '" + field.getName() + "' shares a dictionary that has values of another type");
				}
			}
		}
	}

	private static boolean sameValues(Field left, Field right) {
		if (!left.getType().equals(right.getType()) || left.getChildren().size() != right.getChildren().size()) {
			return false;
		}
		for (int i = 0; i < left.getChildren().size(); i++) {
			Field first = left.getChildren().get(i);
			Field second = right.getChildren().get(i);
			if (!Objects.equals(id(first), id(second)) || !sameValues(first, second)) {
				return false;
			}
		}
		return true;
	}

	private static @Nullable Long id(Field field) {
		DictionaryEncoding encoding = field.getDictionary();
		return (encoding != null) ? encoding.getId() : null;
	}

	private static long vectorHeap(List<Field> fields) {
		long heap = 0;
		for (Field field : fields) {
			heap += switch (field.getType().getTypeID()) {
				case Union -> UNION_HEAP;
				case Struct -> STRUCT_HEAP;
				default -> field.getChildren().isEmpty() ? VECTOR_HEAP : LIST_HEAP;
			};
			heap += vectorHeap(field.getChildren());
		}
		return heap;
	}

	private static Schema sentSchema(Envelope envelope) {
		org.apache.arrow.flatbuf.Schema table = new org.apache.arrow.flatbuf.Schema();
		if (envelope.message().header(table) == null) {
			throw new CorruptStreamException("The schema message is empty");
		}
		if (table.endianness() != Endianness.Little) {
			throw new UnsupportedStreamException("big-endian values");
		}
		envelope.guard().check(table);
		return Schema.convertSchema(table);
	}

	// a schema whose vectors cannot be created is corrupt even if no batches follow
	private void checkVectors(List<Field> fields) {
		Set<ArrowType> made = new HashSet<>();
		for (Field field : fields) {
			if (!field.getChildren().isEmpty() || made.add(field.getType())) {
				field.createVector(this.allocator).close();
			}
		}
	}

	private @Nullable AnnotatedBatch readBatch(Schema schema) {
		while (this.inStream) {
			Envelope envelope = nextMessage();
			if (envelope == null) {
				return null;
			}
			byte type = envelope.message().headerType();
			if (type != MessageHeader.RecordBatch && type != MessageHeader.DictionaryBatch) {
				throw new CorruptStreamException("The stream has a message of type " + type + " among its batches");
			}
			ArrowBuf body = this.source.body(envelope.message().bodyLength());
			try {
				if (type == MessageHeader.RecordBatch) {
					return readRecordBatch(schema, envelope, body);
				}
				readDictionaryBatch(envelope, body);
			}
			finally {
				body.getReferenceManager().release();
			}
		}
		return null;
	}

	private AnnotatedBatch readRecordBatch(Schema schema, Envelope envelope, ArrowBuf body) {
		RecordBatch table = new RecordBatch();
		if (envelope.message().header(table) == null) {
			throw new CorruptStreamException("The record batch message is empty");
		}
		BatchMetadata metadata = envelope.guard().metadata(envelope.message());
		if (table.length() == 0 && BatchKind.of(0, metadata) == BatchKind.LOG) {
			this.options.limits().checkLogBatches(++this.logBatches);
		}
		long heap = BATCH_HEAP + this.vectorHeap + METADATA_HEAP * envelope.length();
		RequestMemory.charge(this.allocator, heap);
		List<FieldVector> vectors = new ArrayList<>();
		try {
			List<BatchLoader.Encoded> encoded = new ArrayList<>();
			BatchLoader loader = load(table, envelope, body, schema.getFields(), vectors, encoded);
			this.dictionaries.check(encoded);
			VectorSchemaRoot root = new VectorSchemaRoot(schema, vectors, loader.rows());
			long charged = heap + loader.charged();
			return new AnnotatedBatch(root, this.dictionaries.share(), metadata,
					() -> RequestMemory.discharge(this.allocator, charged));
		}
		catch (RuntimeException ex) {
			vectors.forEach(FieldVector::close);
			throw ex;
		}
	}

	private void readDictionaryBatch(Envelope envelope, ArrowBuf body) {
		DictionaryBatch table = new DictionaryBatch();
		RecordBatch data = new RecordBatch();
		if (envelope.message().header(table) == null || table.data(data) == null) {
			throw new CorruptStreamException("The dictionary batch message is empty");
		}
		List<FieldVector> vectors = new ArrayList<>();
		try {
			List<BatchLoader.Encoded> encoded = new ArrayList<>();
			load(data, envelope, body, List.of(this.dictionaries.get(table.id()).field()), vectors, encoded);
			if (table.isDelta()) {
				this.dictionaries.append(table.id(), vectors.get(0), encoded);
				vectors.get(0).close();
			}
			else {
				this.dictionaries.replace(table.id(), vectors.get(0), encoded);
			}
		}
		catch (RuntimeException ex) {
			vectors.forEach(FieldVector::close);
			throw ex;
		}
	}

	private BatchLoader load(RecordBatch table, Envelope envelope, ArrowBuf body, List<Field> fields,
			List<FieldVector> vectors, List<BatchLoader.Encoded> encoded) {
		BatchLoader loader = new BatchLoader(table, body, this.allocator, envelope.guard(), encoded, this.meter,
				envelope.message().version());
		for (Field field : fields) {
			vectors.add(field.createVector(this.allocator));
		}
		loader.load(fields, vectors);
		return loader;
	}

	// reads the next message of the current stream, or records its end
	private @Nullable Envelope nextMessage() {
		int length = this.source.nextLength();
		if (length == MessageSource.END_MARKER || length == MessageSource.NOTHING) {
			this.inStream = false;
			return null;
		}
		return envelope(length);
	}

	private Envelope envelope(int length) {
		chargeHead(length);
		ByteBuffer metadata = this.source.metadata(length);
		Message message = Message.getRootAsMessage(metadata);
		short version = message.version();
		if (version != MetadataVersion.V5 && version != MetadataVersion.V4) {
			throw new UnsupportedStreamException("metadata version V" + (version + 1));
		}
		return new Envelope(message, length, new FlatBufferGuard(length, this.options.limits()));
	}

	// Only one head is in memory at a time.
	private void chargeHead(long bytes) {
		if (bytes > this.headCharged) {
			RequestMemory.charge(this.allocator, bytes - this.headCharged);
			this.headCharged = bytes;
		}
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
		RequestMemory.discharge(this.allocator, this.headCharged);
		this.headCharged = 0;
	}

	/**
	 * A message without its body.
	 *
	 * @param message its metadata
	 * @param length length of the metadata in bytes
	 * @param guard limits what the metadata may cost
	 */
	private record Envelope(Message message, int length, FlatBufferGuard guard) {

	}

}
