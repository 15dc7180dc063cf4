package dev.vgi.external.storage;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ErrorDocument}.
 */
class ErrorDocumentTests {

	@ParameterizedTest
	@CsvSource({ "404, NoSuchKey, true", "404, '', true", "404, NoSuchBucket, false", "403, AccessDenied, true",
			"403, '', false", "403, SignatureDoesNotMatch, false", "403, RequestTimeTooSkewed, false",
			"400, ExpiredToken, false", "503, SlowDown, false" })
	void bucketSaysThatAnObjectIsGone(int status, String code, boolean gone) {
		assertThat(ErrorDocument.meansGone(status, code)).isEqualTo(gone);
	}

}
