package dev.vgi.external.fuzz;

import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.location.PointerRenewal;
import dev.vgi.external.rpc.server.http.FuzzedTokens;
import dev.vgi.external.seal.KeyMac;
import dev.vgi.external.seal.Sealer;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.web.server.FuzzedWeb;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.mock.web.MockHttpServletRequest;

/**
 * Tokens: only what was sealed opens, for whom it was sealed, and what comes out of one
 * is understood or refused.
 */
public final class TokensTarget {

	private static final List<TokenKey> KEYS = List.of(TokenKey.of("00".repeat(32)), TokenKey.of("0f".repeat(32)));

	private static final List<TokenKey> OLDER = List.of(KEYS.get(1));

	private static final Sealer SEALER = new Sealer(KEYS);

	private static final FuzzedTokens TOKENS = new FuzzedTokens(KEYS);

	private static final FuzzedTokens OLDER_TOKENS = new FuzzedTokens(OLDER);

	private static final Storage STORAGE = new Storage();

	private static final FuzzedWeb WEB = new FuzzedWeb(STORAGE, KEYS);

	private static final List<String> KINDS = List.of("principal", "tenant", "");

	private static final byte[] CURSOR = HexFormat.of()
		.parseHex("0102030405060708".repeat(2) + "0001" + "61" + "00000002" + "0909");

	private static final List<String> CALLERS = List.of("", "alice", "bob", "=alice", "anonymous", "ä\u0000b");

	private static final Guard GUARD = new Guard(TokensTarget::run, Kind.BAD_REQUEST, Kind.LINK_EXPIRED);

	private TokensTarget() {
	}

	public static void fuzzerTestOneInput(byte[] input) {
		GUARD.run(input);
	}

	private static void run(Script script, BufferAllocator allocator) {
		switch (script.below(10)) {
			case 0 -> key(script);
			case 1 -> sealed(script);
			case 2 -> stream(script);
			case 3 -> otherVersion(script);
			case 4 -> renewal(script);
			case 5 -> renewalContent(script);
			case 6 -> content(script);
			case 8, 9 -> owner(script);
			default -> TOKENS.open(script.flag(), caller(script), script.line());
		}
	}

	private static @Nullable String caller(Script script) {
		String caller = script.of(CALLERS);
		return caller.isEmpty() ? null : caller;
	}

	private static void key(Script script) {
		String text = script.line();
		try {
			TokenKey key = TokenKey.of(text);
			Guard.require(!key.toString().contains(text.trim()), "a key is shown");
			// Whatever is a key is one that seals.
			Guard.require(new Sealer(List.of(key)).open(List.of("use"),
					new Sealer(List.of(key)).seal(List.of("use"), new byte[3])) != null, "not opened");
		}
		catch (IllegalArgumentException ex) {
			String message = String.valueOf(ex.getMessage());
			Guard.require(text.trim().length() < 8 || !message.contains(text.trim()), "a key is shown");
			Guard.require(ex.getCause() == null, "a cause that may quote the key");
		}
	}

	private static byte[] damaged(Script script, String token) {
		return script.damage(Base64.getDecoder().decode(token));
	}

	private static void sealed(Script script) {
		List<String> binding = List.of(script.line(), script.line());
		List<String> other = List.of(script.line(), script.line());
		byte[] content = script.take(script.octet());
		String token = SEALER.seal(binding, content);
		byte[] opened = SEALER.open(other, token);
		Guard.require((opened != null) == other.equals(binding), "opened for another");
		Guard.require(Arrays.equals(SEALER.open(binding, token), content), "not what was sealed");
		String changed = script.flag() ? Base64.getEncoder().encodeToString(damaged(script, token))
				: new String(script.damage(token.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
		Guard.require(changed.equals(token) || SEALER.open(binding, changed) == null, "a changed text was opened");
	}

	private static void stream(Script script) {
		boolean cursor = script.flag();
		String caller = caller(script);
		boolean otherUse = script.flag();
		String other = caller(script);
		int repeated = script.octet();
		byte[] content = script.take(script.octet());
		byte[] large = Arrays.copyOf(content, content.length * (1 + repeated));
		String token = (script.flag() ? OLDER_TOKENS : TOKENS).seal(cursor, caller, large);
		Guard.require(Arrays.equals(TOKENS.open(cursor, caller, token), large), "not what was sealed");
		boolean same = otherUse == cursor && Objects.equals(caller, other);
		try {
			TOKENS.open(otherUse, other, token);
			Guard.require(same, "opened for another");
		}
		catch (VgiExternalException ex) {
			Guard.require(!same && ex.kind() == Kind.BAD_REQUEST, "refused");
		}
	}

	// The time, the coding and the bytes may be those of another version.
	private static void otherVersion(Script script) {
		boolean cursor = script.flag();
		byte[] opened = switch (script.below(3)) {
			case 0 -> script.rest();
			case 1 -> opened(script.number(), 1, script.damage(ZstdContentCodec.encode(new byte[2000])));
			default -> opened(script.number(), script.below(3), script.rest());
		};
		TOKENS.open(cursor, null, TOKENS.sealAsIs(cursor, null, opened));
	}

	private static byte[] opened(long time, int coding, byte[] content) {
		long millis = (time < 1 << 20) ? Instant.parse("2026-11-30T11:30:00Z").toEpochMilli() + time : time;
		return ByteBuffer.allocate(9 + content.length).putLong(millis).put((byte) coding).put(content).array();
	}

	// What a service seals is what it reads, and a cursor that is broken is refused.
	private static void content(Script script) {
		Schema schema = new Schema(List.of(Field.nullable("a", new ArrowType.Int(64, true)),
				Field.nullable("b", ArrowType.Utf8.INSTANCE)));
		byte[] stream = FuzzedTokens.stream(script.flag() ? schema : null, schema, script.number() & Long.MAX_VALUE);
		Guard.require(Arrays.equals(FuzzedTokens.stream(stream), stream), "not what was written");
		byte[] content = script.damage(CURSOR);
		try {
			byte[] again = FuzzedTokens.cursor(content);
			Guard.require(Arrays.equals(FuzzedTokens.cursor(again), again), "not what was written");
		}
		catch (UncheckedIOException | IllegalArgumentException ex) {
			// The stream's handler takes it for an invalid token.
		}
	}

	// The mark of an object is its owner's and nobody else's, whichever key has made it.
	private static void owner(Script script) {
		String kind = script.of(KINDS);
		String otherKind = script.of(KINDS);
		String name = script.flag() ? caller(script) : script.line();
		String otherName = script.flag() ? name : script.line();
		boolean same = kind.equals(otherKind) && Objects.equals(name, otherName);
		ObjectOwner owner = new KeyMac(kind, script.flag() ? OLDER : KEYS).owner(name);
		ObjectOwner other = new KeyMac(otherKind, KEYS).owner(otherName);
		String id = HexFormat.of().formatHex(script.take(16));
		String key = ObjectKey.of(id, script.flag() ? "zstd" : null, owner);
		Guard.require(ObjectKey.matches(key) && ObjectKey.id(key).equals(id), "not a key");
		Guard.require(ObjectKey.isOf(key, owner), "not its own");
		Guard.require(ObjectKey.isOf(key, other) == same, "another's, or not its own any more");
		Guard.require(!ObjectKey.isOf(key, ObjectOwner.nobody()), "nobody's");
		String changed = new String(script.damage(key.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
		String suffix = changed.substring(Math.max(0, changed.indexOf('.')));
		Guard.require(!ObjectKey.isOf(changed, owner) || changed.equals(key.substring(0, 64) + suffix),
				"a changed key is its own");
	}

	private static MockHttpServletRequest request(@Nullable String caller) {
		MockHttpServletRequest request = new MockHttpServletRequest();
		if (caller != null) {
			request.setUserPrincipal((Principal) () -> caller);
		}
		return request;
	}

	private static void renewal(Script script) {
		String caller = caller(script);
		String other = caller(script);
		String key = "vgi-rpc/" + script.line();
		STORAGE.key = key;
		PointerRenewal renewal = WEB.renewals().of(request(caller));
		Guard.require(renewal != null, "no renewal");
		BatchMetadata metadata = (renewal != null)
				? renewal.of(URI.create("https://storage.example/object"), script.flag() ? "ab".repeat(32) : null)
				: BatchMetadata.empty();
		String token = metadata.get(MetadataKeys.RENEWAL);
		Guard.require((token == null) == (key.getBytes(StandardCharsets.UTF_8).length > 1024),
				"a key that is too long");
		if (token == null) {
			return;
		}
		String sent = script.flag()
				? new String(script.damage(token.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8) : token;
		boolean mine = Objects.equals(caller, other) && sent.equals(token);
		try {
			WEB.renew(sent, request(other));
			Guard.require(mine, "renewed for another");
			Guard.require(key.equals(STORAGE.signed), "another key was signed");
		}
		catch (VgiExternalException ex) {
			Guard.require(!mine, "refused: " + ex.getMessage());
		}
	}

	private static void renewalContent(Script script) {
		byte[] content = script.rest();
		byte[] again = FuzzedWeb.renewalToken(content);
		// Bytes that are no text become other bytes.
		if (again != null && again.length == content.length) {
			Guard.require(FuzzedWeb.renewalToken(again) != null, "not what was written");
		}
		List<String> binding = List.of("RENEWAL", "service", "fuzzed", Sealer.caller(null));
		STORAGE.signed = null;
		WEB.renew(SEALER.seal(binding, content), request(null));
		Guard.require(STORAGE.signed != null, "renewed without a key");
	}

	/**
	 * Signs whatever it is given.
	 */
	private static final class Storage implements ExternalStorage {

		private String key = "";

		private @Nullable String signed;

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UnsupportedOperationException();
		}

		@Override
		public boolean isOwn(URI url) {
			return true;
		}

		@Override
		public String renewableKey(URI url) {
			return this.key;
		}

		@Override
		public URI signAgain(String key) {
			this.signed = key;
			return URI.create("https://storage.example/object");
		}

		@Override
		public String name() {
			return "fuzzed";
		}

	}

}
