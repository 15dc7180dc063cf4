package dev.vgi.external.rpc.server.http;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.rpc.RpcBadRequestException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Seals the state of a stream in a text that the caller keeps and can neither read nor
 * change: AES-256-GCM, bound to the service, the method, the caller and the use of the
 * token. Thread-safe.
 * <p>
 * A token is the Base64 of: version, salt, nonce, encrypted content with its tag. The
 * content consists of the time of sealing, a coding, and the bytes.
 */
public final class StreamTokens {

	private static final byte VERSION = 1;

	private static final int SALT = 16;

	private static final int NONCE = 12;

	private static final int TAG_BITS = 128;

	private static final int HEAD = 1 + SALT + NONCE;

	/** Length of a token without content: head, time, coding and tag. */
	private static final int MIN_LENGTH = HEAD + Long.BYTES + 1 + TAG_BITS / Byte.SIZE;

	private static final byte PLAIN = 0;

	private static final byte ZSTD = 1;

	/**
	 * Below this size, compressing and decompressing take longer (40 microseconds) than
	 * sending the few hundred bytes that they save.
	 */
	private static final int WORTH_COMPRESSING = 1024;

	/** Largest size of a sealed state after decompression. */
	private static final int MAX_CONTENT = 64 << 20;

	private final SecureRandom random = new SecureRandom();

	private final List<TokenKey> keys;

	private final Duration ttl;

	private final InstantSource clock;

	/**
	 * Create tokens.
	 * @param keys the first one seals, all of them open; at least one
	 * @param ttl longest time between two turns of a stream
	 * @param clock the current time
	 */
	public StreamTokens(List<TokenKey> keys, Duration ttl, InstantSource clock) {
		Assert.notEmpty(keys, "'keys' must not be empty");
		Assert.isTrue(!ttl.isNegative() && !ttl.isZero(), "'ttl' must be positive");
		this.keys = List.copyOf(keys);
		this.ttl = ttl;
		this.clock = clock;
	}

	/**
	 * Seal bytes.
	 * @param use what the token is for
	 * @param binding the method and the caller
	 * @param content the bytes
	 * @return the token
	 */
	String seal(Use use, Binding binding, byte[] content) {
		Assert.state(content.length <= MAX_CONTENT, "The state of a stream is too large to travel");
		byte[] head = new byte[HEAD];
		this.random.nextBytes(head);
		head[0] = VERSION;
		try {
			Cipher cipher = cipher(Cipher.ENCRYPT_MODE, this.keys.get(0), head, use, binding);
			byte[] sealed = cipher.doFinal(encode(content));
			return Base64.getEncoder()
				.encodeToString(ByteBuffer.allocate(HEAD + sealed.length).put(head).put(sealed).array());
		}
		catch (GeneralSecurityException ex) {
			throw new IllegalStateException("A token cannot be sealed", ex);
		}
	}

	/**
	 * Open a token.
	 * @param use the required use
	 * @param binding the method and the caller
	 * @param token the token, or {@code null} if there is none
	 * @return the bytes that were sealed
	 * @throws RpcBadRequestException if the token is invalid, always with the same
	 * message
	 */
	byte[] open(Use use, Binding binding, @Nullable String token) {
		byte[] bytes = decodeText(token);
		if (bytes.length < MIN_LENGTH || bytes[0] != VERSION) {
			throw invalid();
		}
		byte[] head = Arrays.copyOf(bytes, HEAD);
		for (TokenKey key : this.keys) {
			try {
				Cipher cipher = cipher(Cipher.DECRYPT_MODE, key, head, use, binding);
				return decode(use, cipher.doFinal(bytes, HEAD, bytes.length - HEAD));
			}
			catch (AEADBadTagException ex) {
				// The token may have been sealed with another key.
			}
			catch (GeneralSecurityException ex) {
				throw invalid();
			}
		}
		throw invalid();
	}

	/**
	 * Create the error for an invalid token. It does not say what exactly is wrong.
	 * @return the refusal
	 */
	static RpcBadRequestException invalid() {
		return new RpcBadRequestException("ValueError", null, "The stream's token is missing, invalid or expired");
	}

	private static byte[] decodeText(@Nullable String token) {
		try {
			byte[] bytes = (token != null) ? Base64.getDecoder().decode(token) : new byte[0];
			// The decoder accepts a few other texts for the same bytes.
			if (!Base64.getEncoder().encodeToString(bytes).equals(token)) {
				throw invalid();
			}
			return bytes;
		}
		catch (IllegalArgumentException ex) {
			throw invalid();
		}
	}

	private static Cipher cipher(int mode, TokenKey key, byte[] head, Use use, Binding binding)
			throws GeneralSecurityException {
		SecretKeySpec derived = key.derive(Arrays.copyOfRange(head, 1, 1 + SALT));
		Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
		cipher.init(mode, derived, new GCMParameterSpec(TAG_BITS, head, 1 + SALT, NONCE));
		cipher.updateAAD(binding.bytes(use));
		return cipher;
	}

	private byte[] encode(byte[] content) {
		boolean worth = content.length > WORTH_COMPRESSING && ZstdContentCodec.unavailable() == null;
		byte[] compressed = worth ? ZstdContentCodec.encode(content) : content;
		boolean pays = compressed.length < content.length;
		byte[] kept = pays ? compressed : content;
		return ByteBuffer.allocate(Long.BYTES + 1 + kept.length)
			.putLong(this.clock.millis())
			.put(pays ? ZSTD : PLAIN)
			.put(kept)
			.array();
	}

	private byte[] decode(Use use, byte[] opened) {
		if (opened.length < Long.BYTES + 1) {
			throw invalid();
		}
		ByteBuffer buffer = ByteBuffer.wrap(opened);
		long age = this.clock.millis() - buffer.getLong();
		// A call token is valid as long as the cursor that comes with it.
		if (use == Use.CURSOR && age > this.ttl.toMillis()) {
			throw invalid();
		}
		byte coding = buffer.get();
		byte[] content = Arrays.copyOfRange(opened, buffer.position(), opened.length);
		return (coding == ZSTD) ? decompress(content) : content;
	}

	private static byte[] decompress(byte[] compressed) {
		try {
			return ZstdContentCodec.decode(compressed, MAX_CONTENT);
		}
		catch (IOException ex) {
			throw invalid();
		}
	}

	/**
	 * The use of a token.
	 */
	enum Use {

		/** The part of a stream that never changes. */
		CALL,

		/** The part that changes with every turn. */
		CURSOR

	}

	/**
	 * The method and the caller that a token is bound to.
	 *
	 * @param protocol name of the service
	 * @param method name of the method
	 * @param principal name of the caller, or {@code null} for an anonymous one
	 */
	record Binding(String protocol, String method, @Nullable String principal) {

		byte[] bytes(Use use) {
			ByteArrayOutputStream bytes = new ByteArrayOutputStream();
			try (DataOutputStream out = new DataOutputStream(bytes)) {
				// With their lengths, so that different bindings always differ.
				for (String part : List.of(use.name(), this.protocol, this.method,
						(this.principal != null) ? "=" + this.principal : "")) {
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

	}

}
