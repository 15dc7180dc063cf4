package dev.vgi.external.url;

import java.net.URI;
import java.time.Instant;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class SignedUrlTests {

	private static SignedUrl url(String query) {
		return SignedUrl.of(URI.create("https://a.example/b?" + query));
	}

	@ParameterizedTest
	@ValueSource(strings = { "X-Amz-Credential=k&X-Amz-Signature=s", "X-Goog-Signature=s&X-Goog-Credential=k",
			"AWSAccessKeyId=k&Expires=1&Signature=s", "GoogleAccessId=k&Signature=s", "a&Signature=&GoogleAccessId=" })
	void theSignaturesOfBothClouds(String query) {
		assertThat(url(query).isSigned()).isTrue();
	}

	@ParameterizedTest
	@ValueSource(strings = { "X-Amz-Signature=s", "X-Amz-Credential=k", "X-Goog-Signature=s", "X-Goog-Credential=k",
			"Signature=s", "AWSAccessKeyId=k", "GoogleAccessId=k", "X-Amz-Signature&X-Amz-Credential",
			"X-Amz-Signature=s&X-Goog-Credential=k", "x-amz-signature=s&x-amz-credential=k", "=", "" })
	void halfASignatureIsNone(String query) {
		assertThat(url(query).isSigned()).isFalse();
	}

	@Test
	void aUrlWithoutAQueryIsNotSignedAndHasNoEnd() {
		SignedUrl plain = SignedUrl.of(URI.create("https://a.example/b"));
		assertThat(plain.isSigned()).isFalse();
		assertThat(plain.expiry()).isNull();
	}

	@ParameterizedTest
	@CsvSource({ "X-Amz-Date=20260101T000000Z&X-Amz-Expires=90, 2026-01-01T00:01:30Z",
			"X-Goog-Date=20260101T000000Z&X-Goog-Expires=1, 2026-01-01T00:00:01Z",
			"Expires=1767225600, 2026-01-01T00:00:00Z", "expires=1767225601, 2026-01-01T00:00:01Z",
			"Expires=5&expires=6, 1970-01-01T00:00:05Z", "Expires=5&Expires=6, 1970-01-01T00:00:05Z",
			"Expires=99999999999, 5138-11-16T09:46:39Z",
			"X-Amz-Date=20260101T000000Z&X-Amz-Expires=1&Expires=5, 2026-01-01T00:00:01Z",
			"X-Goog-Date=20260101T000000Z&X-Goog-Expires=1&Expires=5, 2026-01-01T00:00:01Z",
			"X-Amz-Date=20261301T000000Z&X-Amz-Expires=1&Expires=5, 1970-01-01T00:00:05Z" })
	void theEndIsThatOfTheSignature(String query, Instant end) {
		assertThat(url(query).expiry()).isEqualTo(end);
	}

	@ParameterizedTest
	@ValueSource(strings = { "X-Amz-Date=20260101T000000Z", "X-Amz-Expires=90", "X-Amz-Expires=90&X-Goog-Date=2026",
			"X-Amz-Date=2026-01-01&X-Amz-Expires=90", "X-Goog-Date=20260101T000000Z&X-Goog-Expires=soon", "Expires=",
			"Expires=-1", "Expires=100000000000", "Expires", "" })
	void anEndThatCannotBeReadIsUnknown(String query) {
		assertThat(url(query).expiry()).isNull();
	}

}
