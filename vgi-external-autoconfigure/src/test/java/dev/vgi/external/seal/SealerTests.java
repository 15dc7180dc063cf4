package dev.vgi.external.seal;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullAndEmptySource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class SealerTests {

	private static final List<String> BINDING = List.of("use", "caller \u00e9");

	private final TokenKey key = TokenKey.of("07".repeat(32));

	private final Sealer sealer = new Sealer(List.of(this.key));

	/** Write a text as the class's description says. */
	private static String text(int version, byte[] key, byte[] salt, byte[] nonce, List<String> binding, byte[] content)
			throws Exception {
		Mac mac = Mac.getInstance("HmacSHA256");
		mac.init(new SecretKeySpec(key, "HmacSHA256"));
		Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
		cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(mac.doFinal(salt), "AES"), new GCMParameterSpec(128, nonce));
		for (String part : binding) {
			byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
			cipher.updateAAD(ByteBuffer.allocate(4).putInt(bytes.length).array());
			cipher.updateAAD(bytes);
		}
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		all.write(version);
		all.writeBytes(salt);
		all.writeBytes(nonce);
		all.writeBytes(cipher.doFinal(content));
		return Base64.getEncoder().encodeToString(all.toByteArray());
	}

	private static byte[] filled(int length, int octet) {
		byte[] bytes = new byte[length];
		Arrays.fill(bytes, (byte) octet);
		return bytes;
	}

	@Test
	void whatIsSealedIsOpened() {
		for (int length : new int[] { 0, 1, 15, 16, 17, 5000 }) {
			byte[] content = filled(length, 9);
			assertThat(this.sealer.open(BINDING, this.sealer.seal(BINDING, content))).isEqualTo(content);
		}
	}

	@Test
	void processesOfOtherVersionsReadTheSameFormat() throws Exception {
		byte[] content = { 1, 2, 3 };
		String text = text(1, filled(32, 7), filled(16, 2), filled(12, 3), BINDING, content);
		assertThat(this.sealer.open(BINDING, text)).isEqualTo(content);
		assertThat(this.sealer.open(BINDING, text(2, filled(32, 7), filled(16, 2), filled(12, 3), BINDING, content)))
			.isNull();
		byte[] own = Base64.getDecoder().decode(this.sealer.seal(BINDING, content));
		assertThat(Base64.getEncoder().encodeToString(own)).isEqualTo(text(1, filled(32, 7),
				Arrays.copyOfRange(own, 1, 17), Arrays.copyOfRange(own, 17, 29), BINDING, content));
	}

	@Test
	void saltAndNonceNeverRepeat() {
		Set<String> salts = new HashSet<>();
		Set<String> nonces = new HashSet<>();
		for (int i = 0; i < 50; i++) {
			byte[] text = Base64.getDecoder().decode(this.sealer.seal(BINDING, new byte[1]));
			salts.add(Arrays.toString(Arrays.copyOfRange(text, 1, 17)));
			nonces.add(Arrays.toString(Arrays.copyOfRange(text, 17, 29)));
		}
		assertThat(salts).hasSize(50);
		assertThat(nonces).hasSize(50);
	}

	@Test
	void aTextIsBoundToEveryPartAndToWherePartsEnd() {
		String text = this.sealer.seal(List.of("use", "a", "bc"), new byte[3]);
		assertThat(this.sealer.open(List.of("use", "a", "bc"), text)).hasSize(3);
		for (List<String> other : List.of(List.of("use", "ab", "c"), List.of("use", "a", "b", "c"),
				List.of("use", "abc"), List.of("use", "a", "bd"), List.of("other", "a", "bc"), List.of("a", "bc"),
				List.<String>of())) {
			assertThat(this.sealer.open(other, text)).as(other.toString()).isNull();
		}
	}

	@ParameterizedTest
	@NullAndEmptySource
	@ValueSource(strings = { "=", "A", "AAAA", "no base64 !", "\u00e9", "AQ==" })
	void whatIsNoSealedTextHasNoContent(@Nullable String text) {
		assertThat(this.sealer.open(BINDING, text)).isNull();
	}

	@Test
	void aTextIsOpenedAsItWasWrittenOnly() {
		String text = this.sealer.seal(BINDING, new byte[3]);
		assertThat(this.sealer.open(BINDING, text + "=")).isNull();
		assertThat(this.sealer.open(BINDING, " " + text)).isNull();
		assertThat(this.sealer.open(BINDING, text.substring(0, text.length() - 4))).isNull();
		String padded = this.sealer.seal(BINDING, new byte[1]);
		assertThat(padded).endsWith("=");
		assertThat(this.sealer.open(BINDING, padded.replace("=", ""))).isNull();
	}

	@Test
	void theFirstKeySealsAndEachOneOpens() {
		TokenKey next = TokenKey.of("08".repeat(32));
		Sealer both = new Sealer(List.of(next, this.key));
		assertThat(both.open(BINDING, this.sealer.seal(BINDING, new byte[3]))).hasSize(3);
		String text = both.seal(BINDING, new byte[3]);
		assertThat(both.open(BINDING, text)).hasSize(3);
		assertThat(this.sealer.open(BINDING, text)).isNull();
		assertThatIllegalArgumentException().isThrownBy(() -> new Sealer(List.of())).withMessageContaining("keys");
	}

	@Test
	void nobodyIsTheAnonymousCaller() {
		assertThat(Sealer.caller(null)).isEmpty();
		assertThat(Sealer.caller("")).isNotEmpty();
		assertThat(Sealer.caller("ann")).isEqualTo("=ann").isNotEqualTo(Sealer.caller("=ann"));
	}

}
