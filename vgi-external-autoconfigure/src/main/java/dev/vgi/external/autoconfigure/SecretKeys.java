package dev.vgi.external.autoconfigure;

import java.util.List;
import java.util.Locale;

/**
 * Knows which properties hold secrets of this library, or what its URLs are signed with.
 */
final class SecretKeys {

	/** Without separators: an environment variable has others than a property. */
	private static final List<String> SECRETS = List.of("vgiexternalhttpproxypassword", "vgirpctokenkeys",
			// What URLs are signed with.
			"springcloudawscredentialssecretkey", "springcloudgcpcredentialsencodedkey",
			"springcloudgcpstoragecredentialsencodedkey", "awssecretaccesskey", "awssecretkey", "awssessiontoken");

	private SecretKeys() {
	}

	static boolean contains(String key) {
		String letters = key.toLowerCase(Locale.ROOT).replaceAll("[^a-z]", "");
		return SECRETS.stream().anyMatch(letters::startsWith);
	}

}
