package dev.vgi.external.batch.segment;

import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;

/**
 * Copies of the dictionaries that a reader had at one time. Batches get their own
 * vectors, which share the copies' memory.
 */
final class Dictionaries implements AutoCloseable {

	private final BufferAllocator allocator;

	private final Map<Long, Dictionary> copies = new TreeMap<>();

	/**
	 * Start without dictionaries.
	 * @param allocator the owner of the copies
	 */
	Dictionaries(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	/**
	 * Follow the changes of the originals. Batches keep what they have.
	 * @param ids the dictionaries
	 * @param originals has them; borrowed
	 * @return bytes copied
	 */
	long update(Set<Long> ids, DictionaryProvider originals) {
		long copied = 0;
		for (long id : ids) {
			Dictionary original = Objects.requireNonNull(originals.lookup(id));
			Dictionary copy = this.copies.get(id);
			if (copy == null || !isSame(original, copy)) {
				FieldVector vector = original.getVector();
				Dictionary changed = new Dictionary(VectorMemory.copy(vector.getField(), vector, this.allocator),
						original.getEncoding());
				this.copies.put(id, changed);
				if (copy != null) {
					copy.getVector().close();
				}
				copied += VectorMemory.size(Set.of(changed.getVector()));
			}
		}
		return copied;
	}

	private static boolean isSame(Dictionary left, Dictionary right) {
		return left.getVector().getValueCount() == right.getVector().getValueCount() && startsWith(left, right);
	}

	private static boolean startsWith(Dictionary longer, Dictionary shorter) {
		return VectorMemory.startsWith(shorter.getVector().getField(), longer.getVector(), shorter.getVector());
	}

	/**
	 * Return whether what refers to some dictionaries may refer to others instead.
	 * @param present the dictionaries
	 * @param later the others
	 * @return whether each is the same or has more values at its end
	 */
	static boolean extend(DictionaryProvider present, DictionaryProvider later) {
		for (long id : present.getDictionaryIds()) {
			if (!startsWith(Objects.requireNonNull(later.lookup(id)), Objects.requireNonNull(present.lookup(id)))) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Share dictionaries.
	 * @param dictionaries the dictionaries; borrowed
	 * @param allocator the owner of their memory
	 * @return vectors that share their memory; the caller closes them
	 */
	static MapDictionaryProvider share(DictionaryProvider dictionaries, BufferAllocator allocator) {
		MapDictionaryProvider shared = new MapDictionaryProvider();
		try {
			for (long id : dictionaries.getDictionaryIds()) {
				Dictionary dictionary = Objects.requireNonNull(dictionaries.lookup(id));
				FieldVector vector = dictionary.getVector();
				shared.put(new Dictionary(VectorMemory.share(vector.getField(), vector, allocator),
						dictionary.getEncoding()));
			}
			return shared;
		}
		catch (RuntimeException ex) {
			close(shared);
			throw ex;
		}
	}

	/**
	 * Free dictionaries.
	 * @param dictionaries the dictionaries
	 */
	static void close(DictionaryProvider dictionaries) {
		for (long id : dictionaries.getDictionaryIds()) {
			Objects.requireNonNull(dictionaries.lookup(id)).getVector().close();
		}
	}

	/**
	 * Share the current copies.
	 * @return vectors that share their memory; the caller closes them
	 */
	MapDictionaryProvider share() {
		return share(new MapDictionaryProvider(this.copies.values().toArray(Dictionary[]::new)), this.allocator);
	}

	@Override
	public void close() {
		this.copies.values().forEach((dictionary) -> dictionary.getVector().close());
		this.copies.clear();
	}

}
