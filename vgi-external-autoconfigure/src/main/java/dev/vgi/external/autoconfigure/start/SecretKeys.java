package dev.vgi.external.autoconfigure.start;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Knows which properties contain secrets of this library, or the keys that sign its URLs.
 */
public final class SecretKeys {

	/** Without separators, since an environment variable has others than a property. */
	private static final List<String> SECRETS = List.of("vgiexternalhttpproxypassword", "vgirpctokenkeys",
			// The keys that sign URLs.
			"springcloudawscredentialssecretkey", "springcloudgcpcredentialsencodedkey",
			"springcloudgcpstoragecredentialsencodedkey", "awssecretaccesskey", "awssecretkey", "awssessiontoken");

	/** The environment of any worker. Its name is in the middle. */
	private static final Pattern ENVIRONMENTS = Pattern.compile("vgirpcworkers.*environment.*");

	private SecretKeys() {
	}

	/**
	 * Return whether the value of a property is a secret.
	 * @param key name of the property or of an environment variable
	 * @return whether its value must never be shown
	 */
	public static boolean contains(String key) {
		String letters = key.toLowerCase(Locale.ROOT).replaceAll("[^a-z]", "");
		return SECRETS.stream().anyMatch(letters::startsWith) || ENVIRONMENTS.matcher(letters).matches();
	}

}
