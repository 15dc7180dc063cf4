package dev.vgi.external.storage;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

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

	private static final List<String> UNSAFE_SEGMENTS = List.of(".", "..", "");

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
	 * Check a prefix that a bucket puts in front of names.
	 * @param name what the prefix is called in messages
	 * @param prefix the prefix, may be empty
	 * @throws IllegalArgumentException if URLs of objects with this prefix would not work
	 */
	public static void checkPrefix(String name, String prefix) {
		Assert.notNull(prefix, () -> name + " must not be null");
		// HTTP clients and proxies normalise such paths, which invalidates the signature.
		Assert.isTrue(
				prefix.isEmpty() || Arrays.stream((prefix + "x").split("/", -1)).noneMatch(UNSAFE_SEGMENTS::contains),
				() -> name + " must not start with a slash or have an empty segment, '.' or '..'");
		Assert.isTrue(prefix.getBytes(StandardCharsets.UTF_8).length <= 900 && prefix.chars().allMatch((c) -> c >= ' '),
				() -> name + " must not exceed 900 bytes or have control characters");
	}

	/**
	 * Return whether a text is a key below a prefix.
	 * @param key the key, from anywhere
	 * @param prefix the prefix of all keys, may be empty
	 * @return whether the name of an object follows the prefix
	 */
	public static boolean matches(String key, String prefix) {
		return key.startsWith(prefix) && matches(key.substring(prefix.length()));
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
