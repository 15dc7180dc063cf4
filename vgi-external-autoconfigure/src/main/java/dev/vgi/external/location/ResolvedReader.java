package dev.vgi.external.location;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Reads resolved batches as Arrow's readers do: each batch replaces the content of one
 * root, without a copy. A failure is thrown by each later call too, so that it is never
 * taken for the end. Used by one thread at a time, except for {@link #close()}, which may
 * come from another thread.
 */
@Internal
public final class ResolvedReader extends ArrowReader {

	private final ResolvedBatches batches;

	private final VectorSchemaRoot root;

	private final VectorLoader loader;

	/** Owns the dictionaries of the root, but no longer its vectors. */
	private @Nullable AnnotatedBatch current;

	/** The first batch, if its dictionaries were requested before it was loaded. */
	private @Nullable AnnotatedBatch first;

	private long bytesRead;

	private boolean closed;

	/**
	 * Create a reader.
	 * @param batches taken over
	 * @param allocator the owner of the root's memory, with the same root as that of the
	 * batches
	 */
	public ResolvedReader(ResolvedBatches batches, BufferAllocator allocator) {
		super(allocator);
		this.batches = batches;
		this.root = VectorSchemaRoot.create(batches.schema(), allocator);
		this.loader = new VectorLoader(this.root);
	}

	@Override
	public VectorSchemaRoot getVectorSchemaRoot() {
		return this.root;
	}

	/**
	 * Load the next batch, and wait for it if necessary.
	 * @return {@code false} at the end
	 * @throws dev.vgi.external.VgiExternalException if the batch cannot be resolved or
	 * read
	 * @throws IOException if the stream cannot be read
	 * @throws IllegalStateException if this reader is closed
	 */
	@Override
	public boolean loadNextBatch() throws IOException {
		AnnotatedBatch next;
		synchronized (this) {
			requireOpen();
			this.root.clear();
			next = this.first;
			this.first = null;
		}
		return load((next != null) ? next : next());
	}

	private @Nullable AnnotatedBatch next() throws IOException {
		try {
			return this.batches.next();
		}
		catch (UncheckedIOException ex) {
			throw ex.getCause();
		}
	}

	private synchronized boolean load(@Nullable AnnotatedBatch next) {
		if (next == null) {
			return false;
		}
		if (this.closed) {
			next.close();
		}
		requireOpen();
		if (this.current != null) {
			this.current.close();
		}
		this.current = next;
		this.bytesRead += next.bufferSize();
		// By position: the names of a list's or map's children may differ.
		try (ArrowRecordBatch buffers = new VectorUnloader(next.root()).getRecordBatch()) {
			this.loader.load(buffers);
		}
		next.root().clear();
		return true;
	}

	/**
	 * Return the dictionaries of the loaded batch. They may differ from batch to batch.
	 * Before the first batch is loaded, this waits for that batch. Those of a stream
	 * without batches are empty.
	 * @return the dictionaries by number
	 * @throws IOException if the stream cannot be read
	 */
	@Override
	public Map<Long, Dictionary> getDictionaryVectors() throws IOException {
		AnnotatedBatch batch = withDictionaries();
		Map<Long, Dictionary> found = new TreeMap<>();
		if (batch != null) {
			batch.dictionaries()
				.getDictionaryIds()
				.forEach((id) -> found.put(id, Objects.requireNonNull(batch.dictionaries().lookup(id))));
			renumber(this.root.getSchema().getFields(), batch.schema().getFields(), batch.dictionaries(), found);
		}
		return found;
	}

	// A stored stream may number its dictionaries in another way than the stream that
	// points to it.
	private static void renumber(List<Field> fields, List<Field> stored, DictionaryProvider dictionaries,
			Map<Long, Dictionary> found) {
		for (int i = 0; i < fields.size(); i++) {
			DictionaryEncoding encoding = fields.get(i).getDictionary();
			DictionaryEncoding other = stored.get(i).getDictionary();
			Dictionary dictionary = (encoding != null && other != null) ? dictionaries.lookup(other.getId()) : null;
			if (dictionary != null) {
				found.put(encoding.getId(), new Dictionary(dictionary.getVector(), encoding));
			}
			renumber(fields.get(i).getChildren(), stored.get(i).getChildren(), dictionaries, found);
		}
	}

	@Override
	public @Nullable Dictionary lookup(long id) {
		return dictionaries().get(id);
	}

	@Override
	public Set<Long> getDictionaryIds() {
		return dictionaries().keySet();
	}

	private Map<Long, Dictionary> dictionaries() {
		try {
			return getDictionaryVectors();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private @Nullable AnnotatedBatch withDictionaries() throws IOException {
		synchronized (this) {
			requireOpen();
			if (this.current != null || this.first != null) {
				return (this.current != null) ? this.current : this.first;
			}
		}
		AnnotatedBatch next = next();
		synchronized (this) {
			if (this.closed && next != null) {
				next.close();
			}
			requireOpen();
			this.first = next;
			if (next == null) {
				this.current = this.batches.zeroRows();
			}
			return (next != null) ? next : this.current;
		}
	}

	private void requireOpen() {
		if (this.closed) {
			throw new IllegalStateException("The reader is closed");
		}
	}

	/**
	 * Return how many bytes of values were loaded.
	 * @return bytes of all batches so far, after decoding
	 */
	@Override
	public synchronized long bytesRead() {
		return this.bytesRead;
	}

	/**
	 * End all transfers and free everything, the source included. Idempotent.
	 */
	@Override
	public void close() {
		close(true);
	}

	@Override
	public void close(boolean closeReadSource) {
		synchronized (this) {
			if (this.closed) {
				return;
			}
			this.closed = true;
		}
		this.batches.close();
		synchronized (this) {
			this.root.close();
			for (AnnotatedBatch batch : new @Nullable AnnotatedBatch[] { this.current, this.first }) {
				if (batch != null) {
					batch.close();
				}
			}
		}
	}

	@Override
	protected void closeReadSource() {
		this.batches.close();
	}

	@Override
	protected Schema readSchema() {
		return this.batches.schema();
	}

	@Override
	protected void initialize() {
		// There is one root from the start.
	}

}
