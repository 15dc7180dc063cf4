package dev.vgi.external.seal;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Seals bytes in a text: AES-256-GCM, bound to what whoever opens the text has to know,
 * such as its use and the caller. Thread-safe.
 * <p>
 * A text is the Base64 of: version, salt, nonce, encrypted content with its tag.
 */
@Internal
public final class Sealer {

	private static final byte VERSION = 1;

	private static final int SALT = 16;

	private static final int NONCE = 12;

	private static final int TAG_BITS = 128;

	private static final int HEAD = 1 + SALT + NONCE;

	/** What a text is longer than its content, before Base64. */
	private static final int OVERHEAD = HEAD + TAG_BITS / Byte.SIZE;

	private final SecureRandom random = new SecureRandom();

	private final List<TokenKey> keys;

	/**
	 * Create a sealer.
	 * @param keys the first one seals, all of them open; at least one
	 */
	public Sealer(List<TokenKey> keys) {
		Assert.notEmpty(keys, "'keys' must not be empty");
		this.keys = List.copyOf(keys);
	}

	/**
	 * Seal bytes.
	 * @param binding what the text is bound to, starting with its use
	 * @param content the bytes
	 * @return the text
	 */
	public String seal(List<String> binding, byte[] content) {
		byte[] head = new byte[HEAD];
		this.random.nextBytes(head);
		head[0] = VERSION;
		try {
			byte[] sealed = cipher(Cipher.ENCRYPT_MODE, this.keys.get(0), head, bytes(binding)).doFinal(content);
			return Base64.getEncoder()
				.encodeToString(ByteBuffer.allocate(HEAD + sealed.length).put(head).put(sealed).array());
		}
		catch (GeneralSecurityException ex) {
			throw new IllegalStateException("A token cannot be sealed", ex);
		}
	}

	/**
	 * Open a text.
	 * @param binding what it has to be bound to
	 * @param text the text, from anywhere, or {@code null} if there is none
	 * @return the bytes that were sealed; {@code null} if there are none, whatever the
	 * reason is
	 */
	public byte @Nullable [] open(List<String> binding, @Nullable String text) {
		byte[] bytes = decode(text);
		if (bytes.length < OVERHEAD || bytes[0] != VERSION) {
			return null;
		}
		byte[] head = Arrays.copyOf(bytes, HEAD);
		byte[] bound = bytes(binding);
		for (TokenKey key : this.keys) {
			try {
				return cipher(Cipher.DECRYPT_MODE, key, head, bound).doFinal(bytes, HEAD, bytes.length - HEAD);
			}
			catch (AEADBadTagException ex) {
				// The text may have been sealed with another key.
			}
			catch (GeneralSecurityException ex) {
				return null;
			}
		}
		return null;
	}

	private static byte[] decode(@Nullable String text) {
		try {
			byte[] bytes = (text != null) ? Base64.getDecoder().decode(text) : new byte[0];
			// The decoder accepts a few other texts for the same bytes.
			return Base64.getEncoder().encodeToString(bytes).equals(text) ? bytes : new byte[0];
		}
		catch (IllegalArgumentException ex) {
			return new byte[0];
		}
	}

	private static Cipher cipher(int mode, TokenKey key, byte[] head, byte[] binding) throws GeneralSecurityException {
		SecretKeySpec derived = key.derive(Arrays.copyOfRange(head, 1, 1 + SALT));
		Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
		cipher.init(mode, derived, new GCMParameterSpec(TAG_BITS, head, 1 + SALT, NONCE));
		cipher.updateAAD(binding);
		return cipher;
	}

	// With their lengths, so that different bindings always differ.
	static byte[] bytes(List<String> binding) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (DataOutputStream out = new DataOutputStream(bytes)) {
			for (String part : binding) {
				byte[] text = part.getBytes(StandardCharsets.UTF_8);
				out.writeInt(text.length);
				out.write(text);
			}
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	/**
	 * Return how a binding contains the name of a caller.
	 * @param principal the name, or {@code null} for an anonymous caller
	 * @return a text that is never the same for two callers
	 */
	public static String caller(@Nullable String principal) {
		return (principal != null) ? "=" + principal : "";
	}

}
