package dev.vgi.external.batch;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
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

	/** Dictionaries that are too short for the indices that others have into them. */
	private final Set<Long> tooShort = new HashSet<>();

	private @Nullable DictionarySnapshot snapshot;

	StreamDictionaries(WorkMeter meter) {
		this.meter = meter;
	}

	void add(long id, Dictionary dictionary, BufferAllocator allocator) {
		this.dictionaries.put(id, new ReaderDictionary(dictionary, allocator));
	}

	/**
	 * Find a dictionary.
	 * @param id its identifier
	 * @return the dictionary
	 * @throws CorruptStreamException if the schema has no dictionary with this identifier
	 */
	ReaderDictionary get(long id) {
		ReaderDictionary dictionary = this.dictionaries.get(id);
		if (dictionary == null) {
			throw new CorruptStreamException("The schema has no dictionary " + id);
		}
		return dictionary;
	}

	/**
	 * Replace the values of a dictionary.
	 * @param id its identifier
	 * @param replacement the values; taken over
	 * @param encoded the dictionary-encoded vectors in the values
	 */
	void replace(long id, FieldVector replacement, List<BatchLoader.Encoded> encoded) {
		Map<Long, Integer> uses = uses(encoded);
		ReaderDictionary dictionary = get(id);
		dictionary.replace(replacement);
		dictionary.uses().forEach((used, highest) -> {
			get(used).notUsed(highest);
			checkLength(used);
		});
		dictionary.uses().clear();
		changed(id, uses);
	}

	/**
	 * Append values to a dictionary.
	 * @param id its identifier
	 * @param delta the values; borrowed
	 * @param encoded the dictionary-encoded vectors in the values
	 */
	void append(long id, FieldVector delta, List<BatchLoader.Encoded> encoded) {
		Map<Long, Integer> uses = uses(encoded);
		ReaderDictionary dictionary = get(id);
		dictionary.append(delta, this.meter);
		changed(id, uses);
	}

	private void changed(long id, Map<Long, Integer> uses) {
		ReaderDictionary dictionary = get(id);
		uses.forEach((used, highest) -> {
			Integer before = dictionary.uses().get(used);
			if (before == null || before < highest) {
				dictionary.uses().put(used, highest);
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

	private Map<Long, Integer> uses(List<BatchLoader.Encoded> encoded) {
		Map<Long, Integer> uses = new HashMap<>();
		for (BatchLoader.Encoded indices : encoded) {
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
	void check(List<BatchLoader.Encoded> encoded) {
		for (BatchLoader.Encoded indices : encoded) {
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
	DictionarySnapshot.Share share() {
		if (this.snapshot == null) {
			Map<Long, ReaderDictionary.Version> versions = new LinkedHashMap<>();
			this.meter.spend((long) SHARE * this.dictionaries.size());
			this.dictionaries.forEach((id, dictionary) -> versions.put(id, dictionary.version(this.meter)));
			this.snapshot = new DictionarySnapshot(versions);
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
		this.dictionaries.clear();
		this.tooShort.clear();
	}

}
