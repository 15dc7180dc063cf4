package dev.vgi.external.location;

import dev.vgi.external.batch.BatchMetadata;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedLocation {

	private FuzzedLocation() {
	}

	/**
	 * Read what renews a pointer.
	 * @return as it may be shown
	 */
	public static String renewal(BatchMetadata metadata) {
		PointerToken token = PointerToken.from(metadata);
		if (token == null) {
			return "";
		}
		token.requireValid();
		return token.toString();
	}

}
