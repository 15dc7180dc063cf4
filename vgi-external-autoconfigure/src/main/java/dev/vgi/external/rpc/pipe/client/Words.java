package dev.vgi.external.rpc.pipe.client;

import java.nio.charset.StandardCharsets;

import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;

/**
 * Text that a peer has sent, made fit to be shown: bounded, and without control
 * characters and secrets.
 */
final class Words {

	/** Most bytes of a text that are shown. */
	static final int MOST = 2048;

	private Words() {
	}

	/**
	 * Find the text that was sent instead of an Arrow stream.
	 * @param bytes what was sent, from the beginning of a message on
	 * @return the text before the first byte that belongs to no text; empty if there is
	 * none
	 */
	static String instead(byte[] bytes) {
		int length = 0;
		int most = Math.min(bytes.length, MOST);
		// an Arrow message begins with four bytes that no text has
		while (length < most && bytes[length] != 0 && bytes[length] != -1) {
			length++;
		}
		return shown(new String(bytes, 0, length, StandardCharsets.UTF_8)).strip();
	}

	/**
	 * Make a text fit to be shown.
	 * @param text the text, or {@code null} for none
	 * @return the text without control characters but line feeds and tabs, without the
	 * secrets in URLs, and without blanks at its end
	 */
	static String shown(@Nullable String text) {
		if (text == null) {
			return "";
		}
		StringBuilder kept = new StringBuilder(text.length());
		text.codePoints()
			.filter((point) -> point == '\n' || point == '\t' || !Character.isISOControl(point))
			.forEach(kept::appendCodePoint);
		return RedactedUrl.scrub(kept.toString()).stripTrailing();
	}

}
