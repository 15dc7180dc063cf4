package dev.vgi.external.autoconfigure.start;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

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

	/** Holds any properties, which are shown one by one, too. */
	private static final String JSON = "springapplicationjson";

	private SecretKeys() {
	}

	/**
	 * Return whether the value of a property is a secret.
	 * @param key name of the property or of an environment variable
	 * @return whether its value must never be shown
	 */
	public static boolean contains(String key) {
		String letters = letters(key);
		return SECRETS.stream().anyMatch(letters::startsWith) || ENVIRONMENTS.matcher(letters).matches();
	}

	/**
	 * Return whether a property is a carrier of others, some of which are secrets: a
	 * command line such as {@code sun.java.command}, options of the JVM, or JSON.
	 * @param key name of the property or of an environment variable
	 * @param value its value, if it has any
	 * @return whether its value must never be shown
	 */
	public static boolean areCarriedBy(String key, @Nullable Object value) {
		if (letters(key).equals(JSON)) {
			return true;
		}
		String letters = (value instanceof CharSequence) ? letters(value.toString()) : "";
		return SECRETS.stream().anyMatch(letters::contains) || ENVIRONMENTS.matcher(letters).find();
	}

	private static String letters(String text) {
		return text.toLowerCase(Locale.ROOT).replaceAll("[^a-z]", "");
	}

}
