package dev.vgi.external.web.server;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;

import org.jspecify.annotations.Nullable;

/**
 * The content of a renewal token.
 *
 * @param key the object's key in storage
 * @param sha256 digest of the raw stream, 64 hexadecimal digits, or {@code null} if its
 * pointer has none
 * @param vended when the pointer was written, in whole seconds
 * @param end from when on it is not renewed any more, in whole seconds
 */
record RenewalToken(String key, @Nullable String sha256, Instant vended, Instant end) {

	/** Most bytes of a key: as many as S3 and GCS allow. */
	static final int MAX_KEY = 1024;

	private static final byte VERSION = 1;

	private static final int DIGEST = 32;

	private static final int HEAD = 1 + 2 * Long.BYTES + 1;

	/**
	 * Encode the content, in at most 1,074 bytes.
	 * @return the bytes to seal; {@code null} if the key is too long
	 */
	byte @Nullable [] toBytes() {
		byte[] key = this.key.getBytes(StandardCharsets.UTF_8);
		if (key.length > MAX_KEY) {
			return null;
		}
		byte[] digest = (this.sha256 != null) ? HexFormat.of().parseHex(this.sha256) : new byte[0];
		return ByteBuffer.allocate(HEAD + digest.length + key.length)
			.put(VERSION)
			.putLong(this.vended.getEpochSecond())
			.putLong(this.end.getEpochSecond())
			.put((byte) digest.length)
			.put(digest)
			.put(key)
			.array();
	}

	/**
	 * Decode the content of a token that this service has sealed, perhaps in another
	 * version.
	 * @param bytes the bytes
	 * @return the content, or {@code null} if this version does not know it
	 */
	static @Nullable RenewalToken from(byte[] bytes) {
		if (bytes.length < HEAD || bytes[0] != VERSION) {
			return null;
		}
		ByteBuffer buffer = ByteBuffer.wrap(bytes, 1, bytes.length - 1);
		long vended = buffer.getLong();
		long end = buffer.getLong();
		int digest = buffer.get();
		if ((digest != 0 && digest != DIGEST) || buffer.remaining() < digest) {
			return null;
		}
		int key = HEAD + digest;
		try {
			return new RenewalToken(new String(bytes, key, bytes.length - key, StandardCharsets.UTF_8),
					(digest > 0) ? HexFormat.of().formatHex(Arrays.copyOfRange(bytes, HEAD, key)) : null,
					Instant.ofEpochSecond(vended), Instant.ofEpochSecond(end));
		}
		catch (DateTimeException ex) {
			return null;
		}
	}

	/**
	 * Return whether the pointer may still be renewed.
	 * @param now the current time
	 * @param maxAge how long pointers may be renewed today: a shorter time counts for
	 * those of yesterday, too
	 * @return {@code false} from its end on
	 */
	boolean isValid(Instant now, Duration maxAge) {
		return now.isBefore(this.end) && now.isBefore(this.vended.plus(maxAge));
	}

}
