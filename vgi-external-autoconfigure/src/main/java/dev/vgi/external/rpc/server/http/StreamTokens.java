package dev.vgi.external.rpc.server.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.seal.Sealer;
import dev.vgi.external.seal.TokenKey;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Seals the state of a stream in a text that the caller keeps and can neither read nor
 * change, bound to the service, the method, the caller and the use of the token.
 * Thread-safe.
 * <p>
 * What is sealed consists of the time of sealing, a coding, and the bytes.
 */
public final class StreamTokens {

	private static final byte PLAIN = 0;

	private static final byte ZSTD = 1;

	/**
	 * Below this size, compressing and decompressing take longer (40 microseconds) than
	 * sending the few hundred bytes that they save.
	 */
	private static final int WORTH_COMPRESSING = 1024;

	/** Largest size of a sealed state after decompression. */
	private static final int MAX_CONTENT = 64 << 20;

	private final Sealer sealer;

	private final Duration ttl;

	private final InstantSource clock;

	/**
	 * Create tokens.
	 * @param keys the first one seals, all of them open; at least one
	 * @param ttl longest time between two turns of a stream
	 * @param clock the current time
	 */
	public StreamTokens(List<TokenKey> keys, Duration ttl, InstantSource clock) {
		Assert.isTrue(!ttl.isNegative() && !ttl.isZero(), "'ttl' must be positive");
		this.sealer = new Sealer(keys);
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
		return this.sealer.seal(binding.parts(use), encode(content));
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
		byte[] opened = this.sealer.open(binding.parts(use), token);
		if (opened == null) {
			throw invalid();
		}
		return decode(use, opened);
	}

	/**
	 * Create the error for an invalid token. It does not say what exactly is wrong.
	 * @return the refusal
	 */
	static RpcBadRequestException invalid() {
		return new RpcBadRequestException("ValueError", null, "The stream's token is missing, invalid or expired");
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
	 * @param group what it is bound to besides, such as the caller's tenant
	 */
	record Binding(String protocol, String method, @Nullable String principal, List<String> group) {

		Binding(String protocol, String method, @Nullable String principal) {
			this(protocol, method, principal, List.of());
		}

		List<String> parts(Use use) {
			List<String> parts = new ArrayList<>(
					List.of(use.name(), this.protocol, this.method, Sealer.caller(this.principal)));
			parts.addAll(this.group);
			return parts;
		}

	}

}
