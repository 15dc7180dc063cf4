package dev.vgi.external.rpc.server.http;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

import dev.vgi.external.rpc.server.http.StreamTokens.Binding;
import dev.vgi.external.rpc.server.http.StreamTokens.Use;
import dev.vgi.external.seal.Sealer;
import dev.vgi.external.seal.TokenKey;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedTokens {

	private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

	private final StreamTokens tokens;

	private final Sealer sealer;

	public FuzzedTokens(List<TokenKey> keys) {
		this.tokens = new StreamTokens(keys, Duration.ofHours(1), () -> NOW);
		this.sealer = new Sealer(keys);
	}

	private static Use use(boolean cursor) {
		return cursor ? Use.CURSOR : Use.CALL;
	}

	private static Binding binding(@Nullable String principal) {
		return new Binding("protocol", "method", principal);
	}

	public String seal(boolean cursor, @Nullable String principal, byte[] content) {
		return this.tokens.seal(use(cursor), binding(principal), content);
	}

	/**
	 * Seal what another version of a service might have sealed.
	 */
	public String sealAsIs(boolean cursor, @Nullable String principal, byte[] opened) {
		return this.sealer.seal(binding(principal).parts(use(cursor)), opened);
	}

	public byte[] open(boolean cursor, @Nullable String principal, @Nullable String token) {
		return this.tokens.open(use(cursor), binding(principal), token);
	}

	/**
	 * Read the content of a call token, and write it.
	 */
	public static byte[] stream(byte[] content) {
		return OpenStream.from(content).toBytes();
	}

	public static byte[] stream(@Nullable Schema input, Schema output, @Nullable Long limit) {
		return new OpenStream(new UUID(1, 2), input, output, limit).toBytes();
	}

	/**
	 * Read the content of a cursor, and write it.
	 */
	public static byte[] cursor(byte[] content) {
		OpenStream.Cursor cursor = OpenStream.Cursor.from(content);
		return new OpenStream(cursor.stream(), null, new Schema(List.of()), null).cursor(cursor.type(), cursor.row());
	}

}
