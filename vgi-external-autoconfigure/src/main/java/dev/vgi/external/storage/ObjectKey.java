package dev.vgi.external.storage;

import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.regex.Pattern;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Names of stored objects: 32 hexadecimal digits from 128 random bits, which cannot be
 * guessed, and a suffix for the content coding. A backend puts its prefix in front.
 */
@Internal
public final class ObjectKey {

	/** A regular expression that matches every name. */
	public static final String PATTERN = "[0-9a-f]{32}\\.arrow(?:\\.zst)?";

	/** A name that no object has. */
	public static final String OF_NO_OBJECT = "0".repeat(32) + ".arrow";

	private static final Pattern NAME = Pattern.compile(PATTERN);

	private static final SecureRandom RANDOM = new SecureRandom();

	private ObjectKey() {
	}

	/**
	 * Create a name for an object.
	 * @param contentCoding the object's content coding, or {@code null}
	 * @return a name that was not used before
	 */
	public static String random(@Nullable String contentCoding) {
		byte[] id = new byte[16];
		RANDOM.nextBytes(id);
		return HexFormat.of().formatHex(id) + ("zstd".equals(contentCoding) ? ".arrow.zst" : ".arrow");
	}

	/**
	 * Return whether a text is a name of an object.
	 * @param name the name, without a prefix
	 * @return whether it has the form of a name
	 */
	public static boolean matches(String name) {
		return NAME.matcher(name).matches();
	}

}
