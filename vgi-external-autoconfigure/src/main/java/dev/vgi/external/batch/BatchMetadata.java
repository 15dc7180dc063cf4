package dev.vgi.external.batch;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Metadata of one batch: the {@code custom_metadata} of its IPC message. Immutable, in
 * the order in which it was written, without duplicate keys.
 */
public final class BatchMetadata {

	private static final BatchMetadata EMPTY = new BatchMetadata(Map.of());

	private final Map<String, String> entries;

	private BatchMetadata(Map<String, String> entries) {
		this.entries = entries;
	}

	/**
	 * Return metadata without entries.
	 * @return the shared empty instance
	 */
	public static BatchMetadata empty() {
		return EMPTY;
	}

	/**
	 * Return metadata with one entry.
	 * @param key the key
	 * @param value its value
	 * @return the metadata
	 */
	public static BatchMetadata of(String key, String value) {
		return new BatchMetadata(Map.of(key, value));
	}

	/**
	 * Return metadata with the given entries.
	 * @param entries the entries, copied in their order
	 * @return the metadata
	 */
	public static BatchMetadata of(Map<String, String> entries) {
		Assert.notNull(entries, "'entries' must not be null");
		return entries.isEmpty() ? EMPTY : new BatchMetadata(Collections.unmodifiableMap(new LinkedHashMap<>(entries)));
	}

	/**
	 * Return a value.
	 * @param key the key
	 * @return its value, or {@code null} if there is no such entry
	 */
	public @Nullable String get(String key) {
		return this.entries.get(key);
	}

	/**
	 * Return whether a key is present.
	 * @param key the key
	 * @return {@code true} if it has a value, even an empty one
	 */
	public boolean contains(String key) {
		return this.entries.containsKey(key);
	}

	/**
	 * Return the total length of the entries.
	 * @return characters of all keys and values
	 */
	public long length() {
		long length = 0;
		for (Map.Entry<String, String> entry : this.entries.entrySet()) {
			length += entry.getKey().length() + entry.getValue().length();
		}
		return length;
	}

	/**
	 * Return whether there is no entry.
	 * @return {@code true} without entries
	 */
	public boolean isEmpty() {
		return this.entries.isEmpty();
	}

	/**
	 * Return a copy with one entry added or replaced.
	 * @param key the key
	 * @param value its value
	 * @return the copy
	 */
	public BatchMetadata with(String key, String value) {
		Map<String, String> copy = new LinkedHashMap<>(this.entries);
		copy.put(key, value);
		return of(copy);
	}

	/**
	 * Return a copy with all entries of another added or replaced.
	 * @param other the entries that take precedence
	 * @return the copy
	 */
	public BatchMetadata with(BatchMetadata other) {
		Map<String, String> copy = new LinkedHashMap<>(this.entries);
		copy.putAll(other.entries);
		return of(copy);
	}

	/**
	 * Return a copy without some entries.
	 * @param keys the keys to leave out
	 * @return the copy
	 */
	public BatchMetadata without(String... keys) {
		Map<String, String> copy = new LinkedHashMap<>(this.entries);
		for (String key : keys) {
			copy.remove(key);
		}
		return of(copy);
	}

	/**
	 * Return a copy with the application's entries only.
	 * @return the copy, without any key of the protocol
	 */
	public BatchMetadata withoutProtocolKeys() {
		Map<String, String> copy = new LinkedHashMap<>(this.entries);
		copy.keySet().removeIf((key) -> key.startsWith(MetadataKeys.PREFIX));
		copy.remove(MetadataKeys.RENEWAL);
		copy.remove(MetadataKeys.RENEWAL_PATH);
		return of(copy);
	}

	/**
	 * Return a copy without what makes a batch a pointer.
	 * @return the copy, without location, digest and renewal
	 */
	public BatchMetadata withoutPointerKeys() {
		return without(MetadataKeys.LOCATION, MetadataKeys.LOCATION_SHA256, MetadataKeys.RENEWAL,
				MetadataKeys.RENEWAL_PATH);
	}

	/**
	 * Return what may be written. What a resolution has noted is for this process: a URL
	 * that a batch came from is signed, perhaps for another caller.
	 * @return the metadata without such notes
	 */
	BatchMetadata withoutLocalNotes() {
		return (contains(MetadataKeys.LOCATION_SOURCE) || contains(MetadataKeys.LOCATION_FETCH_MS))
				? without(MetadataKeys.LOCATION_SOURCE, MetadataKeys.LOCATION_FETCH_MS) : this;
	}

	/**
	 * Return all entries.
	 * @return an unmodifiable view in writing order
	 */
	public Map<String, String> asMap() {
		return this.entries;
	}

	@Override
	public boolean equals(Object other) {
		return other instanceof BatchMetadata that && this.entries.equals(that.entries);
	}

	@Override
	public int hashCode() {
		return this.entries.hashCode();
	}

	/**
	 * Show only the keys, since a value may be a signed URL.
	 * @return the keys
	 */
	@Override
	public String toString() {
		return this.entries.keySet().toString();
	}

}
