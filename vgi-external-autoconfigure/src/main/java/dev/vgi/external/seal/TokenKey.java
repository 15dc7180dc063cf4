package dev.vgi.external.seal;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import org.springframework.util.Assert;

/**
 * A key that seals tokens: 32 random bytes that all processes of a service share. Its
 * value never appears in text.
 */
public final class TokenKey {

	private static final int LENGTH = 32;

	private static final String DERIVATION = "HmacSHA256";

	private static final String CIPHER = "AES";

	/** Not as long as a salt, so that no token has this key. */
	private static final byte[] MARKS = "vgi-external: whose object it is".getBytes(StandardCharsets.UTF_8);

	private final SecretKeySpec master;

	private TokenKey(byte[] bytes) {
		this.master = new SecretKeySpec(bytes, DERIVATION);
	}

	/**
	 * Read a key.
	 * @param text 32 bytes as 64 hexadecimal digits or as Base64, of either alphabet
	 * @return the key
	 * @throws IllegalArgumentException if it is neither; the message does not contain it
	 */
	public static TokenKey of(String text) {
		return new TokenKey(decode(text.trim()));
	}

	private static byte[] decode(String text) {
		byte[] bytes = null;
		try {
			bytes = (text.length() == 2 * LENGTH) ? HexFormat.of().parseHex(text)
					: Base64.getDecoder().decode(text.replace('-', '+').replace('_', '/'));
		}
		catch (IllegalArgumentException ex) {
			// The message of the exception quotes the key.
		}
		Assert.isTrue(bytes != null && bytes.length == LENGTH,
				"A token key must be 32 bytes, as 64 hexadecimal digits or as Base64");
		return bytes;
	}

	/**
	 * Create a random key.
	 * @return the key
	 */
	public static TokenKey random() {
		byte[] bytes = new byte[LENGTH];
		new SecureRandom().nextBytes(bytes);
		return new TokenKey(bytes);
	}

	/**
	 * Derive the key of one token. Since every token has its own key, no nonce repeats
	 * under the same key, however many tokens there are.
	 * @param salt random bytes that are part of the token
	 * @return a key for AES
	 */
	SecretKeySpec derive(byte[] salt) {
		return derive(salt, CIPHER);
	}

	/**
	 * Derive the key of the marks that tell whose an object is.
	 * @return a key for HMAC-SHA256
	 */
	SecretKeySpec deriveForMarks() {
		return derive(MARKS, DERIVATION);
	}

	private SecretKeySpec derive(byte[] input, String algorithm) {
		try {
			Mac mac = Mac.getInstance(DERIVATION);
			mac.init(this.master);
			return new SecretKeySpec(mac.doFinal(input), algorithm);
		}
		catch (GeneralSecurityException ex) {
			throw new IllegalStateException(DERIVATION + " is not available", ex);
		}
	}

	@Override
	public String toString() {
		return "TokenKey[******]";
	}

}
