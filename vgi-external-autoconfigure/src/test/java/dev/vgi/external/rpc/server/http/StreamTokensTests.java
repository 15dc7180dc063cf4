package dev.vgi.external.rpc.server.http;

import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.server.http.StreamTokens.Binding;
import dev.vgi.external.rpc.server.http.StreamTokens.Use;
import dev.vgi.external.seal.Sealer;
import dev.vgi.external.seal.TokenKey;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullAndEmptySource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link StreamTokens}.
 */
class StreamTokensTests {

	private static final Binding BINDING = new Binding("FlightService", "flights", "ann");

	private final AtomicReference<Instant> now = new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));

	private final TokenKey key = TokenKey.random();

	private final StreamTokens tokens = tokens(this.key);

	private StreamTokens tokens(TokenKey... keys) {
		return new StreamTokens(List.of(keys), Duration.ofHours(1), this.now::get);
	}

	@Test
	void whatIsSealedComesBack() {
		for (byte[] content : List.of(new byte[0], new byte[] { 7 }, new byte[10_000], random(10_000))) {
			for (Use use : Use.values()) {
				assertThat(this.tokens.open(use, BINDING, this.tokens.seal(use, BINDING, content))).isEqualTo(content);
			}
		}
	}

	@Test
	void stateIsCompressedIfItPays() {
		assertThat(this.tokens.seal(Use.CURSOR, BINDING, new byte[10_000])).hasSizeLessThan(200);
		assertThat(this.tokens.seal(Use.CURSOR, BINDING, random(3_000))).hasSizeLessThan(4_200);
	}

	@Test
	void onlyWhatIsLargeEnoughIsCompressed() {
		assertThat(this.tokens.seal(Use.CURSOR, BINDING, new byte[1024])).hasSizeGreaterThan(1024);
		assertThat(this.tokens.seal(Use.CURSOR, BINDING, new byte[1025])).hasSizeLessThan(200);
	}

	@Test
	void aStateHasAGreatestSize() {
		byte[] largest = new byte[64 << 20];
		String token = this.tokens.seal(Use.CURSOR, BINDING, largest);
		assertThat(this.tokens.open(Use.CURSOR, BINDING, token)).hasSize(largest.length);
		assertThatIllegalStateException()
			.isThrownBy(() -> this.tokens.seal(Use.CURSOR, BINDING, new byte[largest.length + 1]))
			.withMessageContaining("too large");
	}

	@Test
	void whatIsSealedButNoStateIsRefused() {
		Sealer sealer = new Sealer(List.of(this.key));
		byte[] broken = { 0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 7 };
		for (byte[] content : List.of(new byte[0], new byte[8], broken)) {
			String token = sealer.seal(BINDING.parts(Use.CALL), content);
			assertRefused(this.tokens, Use.CALL, BINDING, token);
		}
	}

	@Test
	void tokensLiveForSomeTime() {
		for (Duration ttl : List.of(Duration.ZERO, Duration.ofMillis(-1))) {
			assertThatIllegalArgumentException()
				.isThrownBy(() -> new StreamTokens(List.of(this.key), ttl, this.now::get))
				.withMessageContaining("ttl");
		}
	}

	@Test
	void twoTokensOfTheSameContentAreDifferent() {
		byte[] content = { 1, 2, 3 };
		assertThat(this.tokens.seal(Use.CURSOR, BINDING, content))
			.isNotEqualTo(this.tokens.seal(Use.CURSOR, BINDING, content));
	}

	@Test
	void anyChangedByteIsRefused() {
		byte[] token = Base64.getDecoder().decode(this.tokens.seal(Use.CURSOR, BINDING, random(40)));
		for (int i = 0; i < token.length; i++) {
			byte[] changed = token.clone();
			changed[i] ^= 1;
			assertRefused(this.tokens, Use.CURSOR, BINDING, Base64.getEncoder().encodeToString(changed));
		}
		for (int length : new int[] { 0, 1, 28, 29, token.length - 1 }) {
			assertRefused(this.tokens, Use.CURSOR, BINDING,
					Base64.getEncoder().encodeToString(Arrays.copyOf(token, length)));
		}
	}

	@ParameterizedTest
	@NullAndEmptySource
	@ValueSource(strings = { "no base64 !", "AAAA", "\u00e9" })
	void whatIsNoTokenIsRefused(@Nullable String token) {
		assertRefused(this.tokens, Use.CURSOR, BINDING, token);
	}

	@Test
	void aTokenThatIsCutAnywhereIsRefused() {
		byte[] token = Base64.getDecoder().decode(this.tokens.seal(Use.CURSOR, BINDING, random(40)));
		for (int length = 0; length < token.length; length++) {
			assertRefused(this.tokens, Use.CURSOR, BINDING,
					Base64.getEncoder().encodeToString(Arrays.copyOf(token, length)));
		}
	}

	@Test
	void anotherTextForTheSameBytesIsRefused() {
		String token = this.tokens.seal(Use.CURSOR, BINDING, new byte[1]);
		assertThat(token).endsWith("==");
		assertRefused(this.tokens, Use.CURSOR, BINDING, token.substring(0, token.length() - 2));
	}

	@Test
	void aTokenIsForItsOwnUse() {
		String token = this.tokens.seal(Use.CALL, BINDING, new byte[9]);
		assertRefused(this.tokens, Use.CURSOR, BINDING, token);
	}

	@Test
	void aTokenIsBoundToServiceMethodAndCaller() {
		String token = this.tokens.seal(Use.CURSOR, BINDING, new byte[9]);
		for (Binding other : List.of(new Binding("Other", "flights", "ann"),
				new Binding("FlightService", "routes", "ann"), new Binding("FlightService", "flights", "bob"),
				new Binding("FlightService", "flights", null), new Binding("FlightServicef", "lights", "ann"),
				new Binding("FlightService", "flights", "ann", List.of("TENANT", "=acme")))) {
			assertRefused(this.tokens, Use.CURSOR, other, token);
		}
		Binding anonymous = new Binding("FlightService", "flights", null);
		String free = this.tokens.seal(Use.CURSOR, anonymous, new byte[9]);
		assertRefused(this.tokens, Use.CURSOR, new Binding("FlightService", "flights", ""), free);
		assertThat(this.tokens.open(Use.CURSOR, anonymous, free)).hasSize(9);
	}

	@Test
	void aCursorExpiresAndACallDoesNot() {
		String cursor = this.tokens.seal(Use.CURSOR, BINDING, new byte[9]);
		String call = this.tokens.seal(Use.CALL, BINDING, new byte[9]);
		this.now.updateAndGet((time) -> time.plus(Duration.ofHours(1)));
		assertThat(this.tokens.open(Use.CURSOR, BINDING, cursor)).hasSize(9);
		this.now.updateAndGet((time) -> time.plusMillis(1));
		assertRefused(this.tokens, Use.CURSOR, BINDING, cursor);
		assertThat(this.tokens.open(Use.CALL, BINDING, call)).hasSize(9);
	}

	@Test
	void theFirstKeySealsAndAllOpen() {
		TokenKey next = TokenKey.random();
		String old = this.tokens.seal(Use.CURSOR, BINDING, new byte[9]);
		StreamTokens rotated = tokens(next, this.key);
		assertThat(rotated.open(Use.CURSOR, BINDING, old)).hasSize(9);
		String fresh = rotated.seal(Use.CURSOR, BINDING, new byte[9]);
		assertThat(tokens(next).open(Use.CURSOR, BINDING, fresh)).hasSize(9);
		assertRefused(this.tokens, Use.CURSOR, BINDING, fresh);
		assertRefused(tokens(next), Use.CURSOR, BINDING, old);
	}

	private static void assertRefused(StreamTokens tokens, Use use, Binding binding, @Nullable String token) {
		assertThatExceptionOfType(RpcBadRequestException.class).isThrownBy(() -> tokens.open(use, binding, token))
			.withMessage("The stream's token is missing, invalid or expired")
			.withNoCause();
	}

	private static byte[] random(int length) {
		byte[] bytes = new byte[length];
		new Random(42).nextBytes(bytes);
		return bytes;
	}

}
