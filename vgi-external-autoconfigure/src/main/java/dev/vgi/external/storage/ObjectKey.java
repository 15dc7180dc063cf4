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
 * guessed, perhaps 32 more that mark the {@link ObjectOwner}, and a suffix for the
 * content coding. A backend puts its prefix in front.
 */
@Internal
public final class ObjectKey {

	/** A regular expression that matches every name. */
	public static final String PATTERN = "[0-9a-f]{32}(?:[0-9a-f]{32})?\\.arrow(?:\\.zst)?";

	private static final int ID = 32;

	/** A name that no object has. */
	public static final String OF_NO_OBJECT = "0".repeat(ID) + ".arrow";

	private static final Pattern NAME = Pattern.compile(PATTERN);

	private static final List<String> UNSAFE_SEGMENTS = List.of(".", "..", "");

	private static final SecureRandom RANDOM = new SecureRandom();

	private ObjectKey() {
	}

	/**
	 * Create a name for an object.
	 * @param contentCoding the object's content coding, or {@code null}
	 * @param owner for whom it is stored
	 * @return a name that was not used before
	 */
	public static String random(@Nullable String contentCoding, ObjectOwner owner) {
		byte[] id = new byte[ID / 2];
		RANDOM.nextBytes(id);
		return of(HexFormat.of().formatHex(id), contentCoding, owner);
	}

	/**
	 * Create the name of an object whose random part is known.
	 * @param id 32 hexadecimal digits
	 * @param contentCoding the object's content coding, or {@code null}
	 * @param owner for whom it is stored
	 * @return the name
	 */
	public static String of(String id, @Nullable String contentCoding, ObjectOwner owner) {
		String name = id + owner.mark(id) + ("zstd".equals(contentCoding) ? ".arrow.zst" : ".arrow");
		Assert.state(matches(name), "the mark of an owner must be 32 hexadecimal digits or empty");
		return name;
	}

	/**
	 * Return the random part of a name.
	 * @param name a text for which {@link #matches(String)} holds
	 * @return 32 hexadecimal digits
	 */
	public static String id(String name) {
		return name.substring(0, ID);
	}

	/**
	 * Return whether an object was stored for an owner.
	 * @param name the object's name, without a prefix, from anywhere
	 * @param owner the owner
	 * @return whether the name has its mark
	 */
	public static boolean isOf(String name, ObjectOwner owner) {
		return matches(name) && owner.owns(id(name), name.substring(ID, name.indexOf('.')));
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
