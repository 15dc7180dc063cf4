package dev.vgi.external.rpc.mapping;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;

/**
 * The context for writing the values of one batch, including the dictionaries it builds.
 */
final class RowWriting {

	private final BufferAllocator allocator;

	private final Consumer<AutoCloseable> embedded;

	private final Map<Long, Map<String, Integer>> entries = new HashMap<>();

	/**
	 * Start a batch.
	 * @param dictionaries the dictionaries of its columns
	 * @param allocator the owner of its memory
	 * @param embedded receives every embedded batch that was written
	 */
	RowWriting(List<DictionarySeed> dictionaries, BufferAllocator allocator, Consumer<AutoCloseable> embedded) {
		this.allocator = allocator;
		this.embedded = embedded;
		for (DictionarySeed seed : dictionaries) {
			Map<String, Integer> texts = new LinkedHashMap<>();
			seed.texts().forEach((text) -> texts.put(text, texts.size()));
			this.entries.put(seed.encoding().getId(), texts);
		}
	}

	BufferAllocator allocator() {
		return this.allocator;
	}

	Consumer<AutoCloseable> embedded() {
		return this.embedded;
	}

	/**
	 * Look up a text, adding it if it is new.
	 * @param id the dictionary
	 * @param text the text
	 * @return its index
	 */
	int indexOf(long id, String text) {
		Map<String, Integer> texts = this.entries.computeIfAbsent(id, (key) -> new LinkedHashMap<>());
		int index = texts.computeIfAbsent(text, (key) -> texts.size());
		if (index > Short.MAX_VALUE) {
			throw new IllegalArgumentException("has more different values than a dictionary with 16-bit indices holds");
		}
		return index;
	}

	/**
	 * Build the dictionaries of all columns.
	 * @param dictionaries the dictionaries of the columns
	 * @return their vectors; the caller closes them
	 */
	DictionaryProvider dictionaries(List<DictionarySeed> dictionaries) {
		DictionaryProvider.MapDictionaryProvider provider = new DictionaryProvider.MapDictionaryProvider();
		try {
			for (DictionarySeed seed : dictionaries) {
				VarCharVector vector = new VarCharVector("dictionary", this.allocator);
				provider.put(new Dictionary(vector, seed.encoding()));
				List<String> texts = new ArrayList<>(
						this.entries.getOrDefault(seed.encoding().getId(), Map.of()).keySet());
				vector.allocateNew();
				for (int i = 0; i < texts.size(); i++) {
					vector.setSafe(i, texts.get(i).getBytes(StandardCharsets.UTF_8));
				}
				vector.setValueCount(texts.size());
			}
			return provider;
		}
		catch (RuntimeException | Error ex) {
			provider.close();
			throw ex;
		}
	}

	/**
	 * A dictionary a column refers to.
	 *
	 * @param encoding its identifier and index type
	 * @param texts the texts that it holds in every batch, in index order
	 */
	record DictionarySeed(DictionaryEncoding encoding, List<String> texts) {

	}

}
