package dev.vgi.external.url;

import java.net.URI;
import java.nio.charset.StandardCharsets;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class RedactedUrlTests {

	@ParameterizedTest
	@CsvSource({ "https://a.example/b/c?X-Amz-Signature=s3cret#s3cret, https://a.example/b/c",
			"https://user:s3cret@a.example:8443/b, https://a.example:8443/b",
			"https://[::1]:9000/b?s3cret, https://[::1]:9000/b", "https://a.example, https://a.example",
			"https://a.example:0/b, https://a.example:0/b", "https://a.example/a%20b?s3cret, https://a.example/a%20b",
			"mailto:s3cret, <invalid-url>", "/b?s3cret, <invalid-url>", "https://a b/?s3cret, <invalid-url>",
			"https:///x?s3cret, <invalid-url>" })
	void onlySchemeHostPortAndPathAreShown(String url, String shown) {
		assertThat(RedactedUrl.of(url)).isEqualTo(shown);
	}

	@Test
	void nothingIsInvalid() {
		assertThat(RedactedUrl.of((URI) null)).isEqualTo("<invalid-url>");
		assertThat(RedactedUrl.of((String) null)).isEqualTo("<invalid-url>");
	}

	@Test
	void urlsInsideATextAreRedacted() {
		assertThat(RedactedUrl.scrub("GET https://u:s3cret@a.example/b?X=s3cret failed (see 'http://c/d?s3cret')"))
			.isEqualTo("GET https://a.example/b failed (see 'http://c/d')");
		assertThat(RedactedUrl.scrub("for \"https://a.example/b c?s3cret\"")).doesNotContain("https://a.example/b?");
		assertThat(RedactedUrl.scrub("GET /b?X-Amz-Credential=s3cret&X-Goog-Signature=s3cret&a=b HTTP/1.1"))
			.isEqualTo("GET /b?X-Amz-Credential=<redacted>&X-Goog-Signature=<redacted>&a=b HTTP/1.1");
		assertThat(RedactedUrl.scrub("PUT /upload?name=x&upload_id=s3cret HTTP/1.1"))
			.isEqualTo("PUT /upload?name=x&upload_id=<redacted> HTTP/1.1");
		assertThat(RedactedUrl.scrub("Illegal character in query at index 3: https://a/?x=|s3cret"))
			.isEqualTo("Illegal character in query at index 3: <invalid-url>");
		assertThat(RedactedUrl.scrub("$1 \\ nothing")).isEqualTo("$1 \\ nothing");
		assertThat(RedactedUrl.scrub(null)).isEmpty();
	}

	@Test
	void whatStandsBeforeASchemeIsKept() {
		assertThat(RedactedUrl.scrub("1.https://u:s3cret@a/b?s3cret and -+http://a?s3cret 1://a"))
			.isEqualTo("1.https://a/b and -+http://a 1://a");
		assertThat(RedactedUrl.scrub("?sig?Signature=s3cret&sig&X-Amz-a=s3cret"))
			.isEqualTo("?sig?Signature=<redacted>&sig&X-Amz-a=<redacted>");
	}

	@ParameterizedTest
	@ValueSource(strings = { "x", "?Signature", "&sig=", "x://", "://x", "x:/", "\uD83D\uDE00", "some words " })
	@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void aTextWithoutEndIsCutBeforeItIsLookedAt(String piece) {
		String text = piece.repeat(1_000_000);
		String shown = RedactedUrl.scrub(text);
		assertThat(shown).endsWith("... [truncated]").hasSizeLessThanOrEqualTo(16_015);
		assertThat(StandardCharsets.UTF_8.newEncoder().canEncode(shown)).isTrue();
	}

	@Test
	void aTextOfTheGreatestLengthIsNotCut() {
		String text = " ".repeat(15_999) + "\uD83D";
		assertThat(RedactedUrl.scrub(text)).isEqualTo(text);
		assertThat(RedactedUrl.scrub(text + "\uDE00")).isEqualTo(" ".repeat(15_999) + "... [truncated]");
	}

	@Test
	void aUrlThatIsCutIsNotShown() {
		String shown = RedactedUrl.scrub(" ".repeat(15_980) + "https://user:12345@a.example/b");
		assertThat(shown.strip()).isEqualTo("<invalid-url>... [truncated]");
		String query = RedactedUrl.scrub(" ".repeat(15_980) + "/b?Signature=12345678");
		assertThat(query.strip()).isEqualTo("/b?Signature=<redact... [truncated]");
		assertThat(RedactedUrl.scrub(" ".repeat(15_989) + "https://a/b")).endsWith("https://a/b");
	}

	@Test
	void refusalNeverQuotesAUrl() {
		UrlRejectedException refusal = new UrlRejectedException(URI.create("https://a/b?s3cret"),
				"no https://a/b?s3cret please");
		assertThat(refusal).hasMessage("ExternalLocation URL rejected: https://a/b: no https://a/b please");
		assertThat(refusal.redactedUrl()).isEqualTo("https://a/b");
	}

}
