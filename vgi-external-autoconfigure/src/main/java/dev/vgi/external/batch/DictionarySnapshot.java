package dev.vgi.external.batch;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.jspecify.annotations.Nullable;

/**
 * The dictionaries of a stream between two changes, shared by all batches read there.
 * Freed when the last of these batches is closed. Thread-safe.
 */
final class DictionarySnapshot {

	private final Map<Long, ReaderDictionary.Version> versions;

	private final AtomicInteger holders = new AtomicInteger(1);

	/**
	 * Create a snapshot with one holder.
	 * @param versions the dictionaries, already held on its behalf
	 */
	DictionarySnapshot(Map<Long, ReaderDictionary.Version> versions) {
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

	/**
	 * The dictionaries of one batch: it gets its own vectors, created on first use, which
	 * share the memory. Not thread-safe.
	 */
	static final class Share implements DictionaryProvider, AutoCloseable {

		private final DictionarySnapshot snapshot;

		private final Map<Long, Dictionary> found = new LinkedHashMap<>();

		private boolean closed;

		private Share(DictionarySnapshot snapshot) {
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
