package dev.vgi.external.url;

import java.net.URI;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNoException;

class UrlValidatorTests {

	private static final URI A = URI.create("https://a.example/x?s3cret");

	private static final URI B = URI.create("https://b.example/x?s3cret");

	private static final URI C = URI.create("https://c.example/x?s3cret");

	private static UrlValidator only(URI allowed, boolean privateAddresses) {
		return new UrlValidator() {

			@Override
			public void validate(URI url) {
				if (!url.equals(allowed)) {
					throw new UrlRejectedException(url, "only " + allowed.getHost());
				}
			}

			@Override
			public boolean admitsPrivateAddresses(URI url) {
				return privateAddresses;
			}

		};
	}

	@Test
	void eitherPolicyCanAccept() {
		UrlValidator either = only(A, false).or(only(B, false));
		assertThatNoException().isThrownBy(() -> either.validate(A));
		assertThatNoException().isThrownBy(() -> either.validate(B));
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> either.validate(C))
			.withMessageContaining("only b.example")
			.withMessageNotContaining("s3cret");
	}

	@Test
	void privateAddressesAreUpToThePolicyThatAccepts() {
		UrlValidator either = only(A, true).or(only(B, false));
		assertThat(either.admitsPrivateAddresses(A)).isTrue();
		assertThat(either.admitsPrivateAddresses(B)).isFalse();
		UrlValidator other = only(A, false).or(only(B, true));
		assertThat(other.admitsPrivateAddresses(A)).isFalse();
		assertThat(other.admitsPrivateAddresses(B)).isTrue();
		assertThat(other.admitsPrivateAddresses(C)).isFalse();
	}

	@Test
	@SuppressWarnings("NullAway")
	void aPolicyIsNotCombinedWithNothing() {
		assertThatIllegalArgumentException().isThrownBy(() -> only(A, true).or(null));
	}

	@Test
	void whateverAPolicyThrowsIsARefusal() {
		UrlValidator broken = (url) -> {
			throw new IllegalStateException("cannot look at " + url);
		};
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> broken.requireAccepted(A))
			.withMessageContaining("cannot look at https://a.example/x")
			.withMessageNotContaining("s3cret");
		UrlRejectedException refusal = new UrlRejectedException(A, "no");
		UrlValidator strict = (url) -> {
			throw refusal;
		};
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> strict.requireAccepted(A))
			.isSameAs(refusal);
		assertThatNoException().isThrownBy(() -> only(A, true).requireAccepted(A));
	}

	@Test
	void aCustomPolicyTakesFullResponsibility() {
		UrlValidator custom = (url) -> {
		};
		assertThat(custom.admitsPrivateAddresses(A)).isTrue();
	}

	@Test
	void nothingIsRefusedWhereEverythingIsAccepted() {
		assertThatNoException().isThrownBy(() -> UrlValidator.acceptAll().validate(URI.create("file:/etc/passwd")));
	}

	@ParameterizedTest
	@ValueSource(strings = { "https://a.example/x", "HTTPS://127.0.0.1/" })
	void httpsIsAccepted(String url) {
		assertThatNoException().isThrownBy(() -> UrlValidator.httpsOnly().validate(URI.create(url)));
	}

	@ParameterizedTest
	@ValueSource(strings = { "http://a.example/x?s3cret", "file:/x", "/x", "httpss://a.example/x" })
	void anythingButHttpsIsRefused(String url) {
		assertThatExceptionOfType(UrlRejectedException.class)
			.isThrownBy(() -> UrlValidator.httpsOnly().validate(URI.create(url)))
			.withMessageContaining("only https is allowed")
			.withMessageNotContaining("s3cret");
	}

	@ParameterizedTest
	@CsvSource({ "https://a.example/x, true", "local://[::1], true", "https://under_score.example/x, false",
			"//a.example/x, false", "https://a.example:65535/x, true", "https://a.example:65536/x, false",
			"mailto:a, false", "/x, false", ", false" })
	void anAbsoluteUrlNamesAHost(URI url, boolean absolute) {
		assertThat(AbsoluteUrl.matches(url)).isEqualTo(absolute);
	}

}
