package dev.vgi.external.location;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

/**
 * What renews the link of a pointer, as it came with the pointer: not checked yet, since
 * most links are never renewed.
 *
 * @param token the sealed token, never shown
 * @param path where to post it
 */
record PointerToken(String token, String path) {

	private static final int LONGEST_TOKEN = 8192;

	/**
	 * Read what renews a pointer.
	 * @param metadata metadata of the pointer
	 * @return both values, or {@code null} if one is missing
	 */
	static @Nullable PointerToken from(BatchMetadata metadata) {
		String token = metadata.get(MetadataKeys.RENEWAL);
		String path = metadata.get(MetadataKeys.RENEWAL_PATH);
		return (token != null && path != null) ? new PointerToken(token, path) : null;
	}

	/**
	 * Require that the token may be posted to the path.
	 * @throws CorruptStreamException if not, without either value
	 */
	void requireValid() {
		if (this.token.isEmpty() || this.token.length() > LONGEST_TOKEN) {
			throw new CorruptStreamException(
					"The pointer's " + MetadataKeys.RENEWAL + " must have 1 to " + LONGEST_TOKEN + " characters");
		}
		if (!RenewalPath.matches(this.path)) {
			throw new CorruptStreamException("The pointer's " + MetadataKeys.RENEWAL_PATH
					+ " must be a plain path of the called service that ends with " + RenewalPath.ENDPOINT);
		}
	}

	@Override
	public String toString() {
		return "PointerToken[path=" + this.path + "]";
	}

}
