package dev.vgi.external.batch;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.ReaderDictionary.Indices;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;
import org.jspecify.annotations.Nullable;

/**
 * All dictionaries of the stream that is being read, which may refer to each other. The
 * bytes of a message pay for all the work that it causes here: dictionaries that it does
 * not contain are never examined again. Not thread-safe.
 */
final class StreamDictionaries implements AutoCloseable {

	/** Cost of sharing one dictionary, in bytes of work. */
	private static final int SHARE = 64;

	private final WorkMeter meter;

	private final Map<Long, ReaderDictionary> dictionaries = new LinkedHashMap<>();

	/** The highest index of each dictionary into each other. */
	private final Map<Long, Map<Long, Integer>> uses = new HashMap<>();

	/** Dictionaries that are too short for the indices that others have into them. */
	private final Set<Long> tooShort = new HashSet<>();

	private @Nullable Snapshot snapshot;

	StreamDictionaries(WorkMeter meter) {
		this.meter = meter;
	}

	/**
	 * Close these dictionaries, whose stream is at its end.
	 * @return those of the next stream
	 */
	StreamDictionaries next() {
		close();
		return new StreamDictionaries(this.meter);
	}

	/**
	 * Begin with the empty dictionaries of a schema.
	 * @param sent the schema in message format
	 * @param allocator the owner of the values
	 * @return the schema in memory format
	 */
	Schema begin(Schema sent, BufferAllocator allocator) {
		checkShared(sent.getFields(), new HashMap<>());
		Map<Long, Dictionary> found = new HashMap<>();
		List<Field> fields = new ArrayList<>();
		for (Field field : sent.getFields()) {
			fields.add(DictionaryUtility.toMemoryFormat(field, allocator, found));
		}
		found.forEach((id, dictionary) -> this.dictionaries.put(id, new ReaderDictionary(dictionary, allocator)));
		return new Schema(fields, sent.getCustomMetadata());
	}

	/**
	 * Let something else own what is created from now on.
	 * @param allocator the owner
	 */
	void newAccount(BufferAllocator allocator) {
		endAccount();
		this.dictionaries.values().forEach((dictionary) -> dictionary.newAccount(allocator));
	}

	/**
	 * Free what the batches share.
	 */
	void endAccount() {
		closeSnapshot();
		this.dictionaries.values().forEach(ReaderDictionary::closeVersion);
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

	/**
	 * Find a dictionary.
	 * @param id its identifier
	 * @return the dictionary
	 * @throws CorruptStreamException if the schema has no dictionary with this identifier
	 */
	private ReaderDictionary get(long id) {
		ReaderDictionary dictionary = this.dictionaries.get(id);
		if (dictionary == null) {
			throw new CorruptStreamException("The schema has no dictionary " + id);
		}
		return dictionary;
	}

	/**
	 * Read a batch of a dictionary, which replaces its values or adds to them.
	 * @param head the message's head
	 * @param body the message's body; borrowed
	 * @param allocator the owner of the values
	 * @throws CorruptStreamException if it is no batch of a dictionary of the schema
	 */
	void add(MessageHead head, ArrowBuf body, BufferAllocator allocator) {
		DictionaryBatch table = head.dictionaryBatch();
		RecordBatch data = table.data();
		if (data == null) {
			throw new CorruptStreamException("The dictionary batch message is empty");
		}
		BatchLoader loader = new BatchLoader(data, head, body, allocator, this.meter);
		try {
			FieldVector values = loader.load(List.of(get(table.id()).field())).get(0);
			if (table.isDelta()) {
				append(table.id(), values, loader.encoded());
				values.close();
			}
			else {
				replace(table.id(), values, loader.encoded());
			}
		}
		catch (RuntimeException ex) {
			loader.discard();
			throw ex;
		}
	}

	/**
	 * Replace the values of a dictionary.
	 * @param id its identifier
	 * @param replacement the values; taken over
	 * @param encoded the dictionary-encoded vectors in the values
	 */
	private void replace(long id, FieldVector replacement, List<Indices> encoded) {
		Map<Long, Integer> added = uses(encoded);
		get(id).replace(replacement);
		Map<Long, Integer> dropped = this.uses.remove(id);
		if (dropped != null) {
			dropped.forEach((used, highest) -> {
				get(used).notUsed(highest);
				checkLength(used);
			});
		}
		changed(id, added);
	}

	/**
	 * Append values to a dictionary.
	 * @param id its identifier
	 * @param delta the values; borrowed
	 * @param encoded the dictionary-encoded vectors in the values
	 */
	private void append(long id, FieldVector delta, List<Indices> encoded) {
		Map<Long, Integer> added = uses(encoded);
		get(id).append(delta, this.meter);
		changed(id, added);
	}

	private void changed(long id, Map<Long, Integer> added) {
		Map<Long, Integer> present = this.uses.computeIfAbsent(id, (key) -> new HashMap<>());
		added.forEach((used, highest) -> {
			Integer before = present.get(used);
			if (before == null || before < highest) {
				present.put(used, highest);
				get(used).used(highest);
				if (before != null) {
					get(used).notUsed(before);
				}
				checkLength(used);
			}
		});
		checkLength(id);
		closeSnapshot();
	}

	private void checkLength(long id) {
		if (get(id).isTooShort()) {
			this.tooShort.add(id);
		}
		else {
			this.tooShort.remove(id);
		}
	}

	private Map<Long, Integer> uses(List<Indices> encoded) {
		Map<Long, Integer> uses = new HashMap<>();
		for (Indices indices : encoded) {
			int highest = indices.highest(this.meter);
			if (highest >= 0) {
				uses.merge(indices.id(), highest, Math::max);
			}
		}
		return uses;
	}

	/**
	 * Check that a batch can be read with the current dictionaries.
	 * @param encoded its dictionary-encoded vectors
	 * @throws CorruptStreamException if an index is outside its dictionary, also an index
	 * of one dictionary into another
	 */
	void check(List<Indices> encoded) {
		for (Indices indices : encoded) {
			ReaderDictionary dictionary = this.dictionaries.get(indices.id());
			indices.check((dictionary != null) ? dictionary.size() : 0, this.meter);
		}
		if (!this.tooShort.isEmpty()) {
			throw new CorruptStreamException(
					"A dictionary has an index outside its dictionary " + this.tooShort.iterator().next());
		}
	}

	/**
	 * Share the current dictionaries.
	 * @return the dictionaries for one batch, which closes them
	 */
	Share share() {
		if (this.snapshot == null) {
			Map<Long, ReaderDictionary.Version> versions = new LinkedHashMap<>();
			this.meter.spend((long) SHARE * this.dictionaries.size());
			this.dictionaries.forEach((id, dictionary) -> versions.put(id, dictionary.version(this.meter)));
			this.snapshot = new Snapshot(versions);
		}
		return this.snapshot.share();
	}

	private void closeSnapshot() {
		if (this.snapshot != null) {
			this.snapshot.release();
			this.snapshot = null;
		}
	}

	/**
	 * Release all dictionaries; shared ones stay valid.
	 */
	@Override
	public void close() {
		closeSnapshot();
		this.dictionaries.values().forEach(ReaderDictionary::close);
	}

	/**
	 * The dictionaries of a stream between two changes, shared by all batches read there.
	 * Freed when the last of these batches is closed. Thread-safe.
	 */
	private static final class Snapshot {

		private final Map<Long, ReaderDictionary.Version> versions;

		private final AtomicInteger holders = new AtomicInteger(1);

		/**
		 * Create a snapshot with one holder.
		 * @param versions the dictionaries, already held on its behalf
		 */
		Snapshot(Map<Long, ReaderDictionary.Version> versions) {
			this.versions = versions;
		}

		Share share() {
			this.holders.incrementAndGet();
			return new Share(this);
		}

		void release() {
			if (this.holders.decrementAndGet() == 0) {
				this.versions.values().forEach(ReaderDictionary.Version::release);
			}
		}

	}

	/**
	 * The dictionaries of one batch: it gets its own vectors, created on first use, which
	 * share the memory. Not thread-safe.
	 */
	static final class Share implements DictionaryProvider, AutoCloseable {

		private final Snapshot snapshot;

		private final Map<Long, Dictionary> found = new LinkedHashMap<>();

		private boolean closed;

		private Share(Snapshot snapshot) {
			this.snapshot = snapshot;
		}

		@Override
		public @Nullable Dictionary lookup(long id) {
			Dictionary dictionary = this.found.get(id);
			ReaderDictionary.Version version = this.snapshot.versions.get(id);
			if (dictionary == null && version != null && !this.closed) {
				dictionary = version.dictionary();
				this.found.put(id, dictionary);
			}
			return dictionary;
		}

		@Override
		public Set<Long> getDictionaryIds() {
			return this.snapshot.versions.keySet();
		}

		/**
		 * Free the vectors. Idempotent.
		 */
		@Override
		public void close() {
			if (!this.closed) {
				this.closed = true;
				this.found.values().forEach((dictionary) -> dictionary.getVector().close());
				this.snapshot.release();
			}
		}

	}

}
