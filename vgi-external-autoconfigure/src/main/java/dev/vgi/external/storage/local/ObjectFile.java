package dev.vgi.external.storage.local;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.ContentCodec;
import org.jspecify.annotations.Nullable;

/**
 * The name of an object's file: its id and its content coding, so that both survive a
 * restart without a second file. The id tells who uploads the object.
 */
final class ObjectFile {

	/** File suffix by content coding; the empty name is no coding. */
	static final Map<String, String> SUFFIXES = Map.of("", ".arrow", "zstd", ".arrow.zst", "gzip", ".arrow.gz");

	private static final Pattern NAME = Pattern.compile("([0-9a-f]{32})\\.arrow(?:\\.zst|\\.gz)?");

	/** Prefix of the id of a result, in the place of an upload's caller. */
	private static final String NO_UPLOADER = "00000000";

	private ObjectFile() {
	}

	/**
	 * Create an id.
	 * @param uploader 8 hex digits, not all of them 0, for the caller who will upload the
	 * object; or {@code null} for a result
	 * @param random 24 hex digits
	 * @return 32 hex digits
	 */
	static String newId(@Nullable String uploader, String random) {
		return ((uploader != null) ? uploader : NO_UPLOADER) + random;
	}

	/**
	 * Return who uploads an object, and hence whose room it uses.
	 * @param id the id of the object
	 * @return 8 hex digits, or {@code null} for a result
	 */
	static @Nullable String uploader(String id) {
		return id.startsWith(NO_UPLOADER) ? null : id.substring(0, NO_UPLOADER.length());
	}

	/**
	 * Return the coding of a body. A body with the chunk framing of a signed upload is
	 * refused: no storage has removed the framing.
	 * @param contentEncoding value of {@code Content-Encoding}, or {@code null}
	 * @return its name, or the empty string for none
	 * @throws CorruptStreamException if the coding is not supported
	 */
	static String coding(@Nullable String contentEncoding) {
		ContentCodec codec = ContentCodec.ofRequest(contentEncoding);
		return (codec != null) ? codec.coding() : "";
	}

	/**
	 * Return the id in the name of a file or in a key.
	 * @param name 32 hex digits and a suffix
	 * @return the 32 hex digits, or {@code null} if it is not the name of an object
	 */
	static @Nullable String id(String name) {
		Matcher matcher = NAME.matcher(name);
		return matcher.matches() ? matcher.group(1) : null;
	}

}
