package dev.vgi.external.seal;

import java.util.Arrays;
import java.util.Base64;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class TokenKeyTests {

	private static final byte[] SALT = { 1, 2, 3 };

	@Test
	void aKeyIsHexOrEitherBase64() {
		byte[] bytes = new byte[32];
		Arrays.fill(bytes, (byte) 0xFB);
		TokenKey key = TokenKey.of("fb".repeat(32));
		String standard = Base64.getEncoder().encodeToString(bytes);
		String url = Base64.getUrlEncoder().encodeToString(bytes);
		assertThat(standard).contains("+").isNotEqualTo(url);
		bytes[1] = (byte) 0xFF;
		bytes[2] = (byte) 0xFF;
		String slashes = Base64.getUrlEncoder().encodeToString(bytes);
		assertThat(slashes).contains("_");
		for (String same : new String[] { "FB".repeat(32), standard, url, url.replace("=", ""),
				" \t" + standard + "\n" }) {
			assertThat(TokenKey.of(same).derive(SALT)).as(same).isEqualTo(key.derive(SALT));
		}
		assertThat(TokenKey.of(slashes).derive(SALT))
			.isEqualTo(TokenKey.of(Base64.getEncoder().encodeToString(bytes)).derive(SALT))
			.isNotEqualTo(key.derive(SALT));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "s3cret-but-short", "zz", "s3cret s3cret s3cret s3cret s3cret s3cret s3cret s3cret s",
			"fbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfb",
			"fbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfb!!",
			"+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+w==", "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7" })
	void aKeyOfAnotherLengthIsRefusedWithoutBeingShown(String text) {
		assertThatIllegalArgumentException().isThrownBy(() -> TokenKey.of(text))
			.withMessage("A token key must be 32 bytes, as 64 hexadecimal digits or as Base64")
			.withNoCause();
	}

	@Test
	void everySaltHasItsKey() {
		TokenKey key = TokenKey.random();
		assertThat(key.derive(SALT)).isEqualTo(key.derive(SALT)).isNotEqualTo(key.derive(new byte[3]));
		assertThat(key.derive(SALT).getAlgorithm()).isEqualTo("AES");
		assertThat(key.derive(SALT).getEncoded()).hasSize(32);
	}

	@Test
	void randomKeysDiffer() {
		assertThat(TokenKey.random().derive(SALT)).isNotEqualTo(TokenKey.random().derive(SALT));
	}

	@Test
	void aKeyShowsNothing() {
		assertThat(TokenKey.of("fb".repeat(32))).hasToString("TokenKey[******]");
	}

}
