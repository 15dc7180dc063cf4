package dev.vgi.external.storage;

import java.net.URI;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link VendedUrlMatcher}: what leads to an object of the bucket, however it
 * is spelled, is for its owner only.
 */
class VendedUrlMatcherTests {

	private static final String KEY = "vgi-rpc/" + "0a".repeat(16) + "1b".repeat(16) + ".arrow";

	private static final ObjectOwner OWNER = new Owner("1b".repeat(16));

	private static final ObjectOwner STRANGER = new Owner("2c".repeat(16));

	@ParameterizedTest
	@ValueSource(strings = { "https://s3.example/bucket/KEY", "https://s3.example./bucket/KEY",
			"https://S3.EXAMPLE./bucket/KEY", "https://bucket.s3.example./KEY", "https://s3.example//bucket/KEY",
			"https://s3.example/./bucket/KEY", "https://s3.example/x/../bucket/KEY", "https://s3.example/bucket//KEY",
			"https://s3.example/bucket/KEY/", "https://s3.example/bucket;x=y/KEY", "https://s3.example/bucket/KEY;x=y",
			"https://s3.example/%2e/bucket/KEY", "https://s3.example/bucket%2FKEY", "https://s3.example/../bucket/KEY",
			"http://s3.example:81/bucket/KEY", "https://user@s3.example/bucket/KEY#x" })
	void everySpellingIsForTheOwner(String spelled) {
		VendedUrlMatcher matcher = matcher("https://s3.example/bucket/");
		URI url = URI.create(spelled.replace("KEY", KEY));
		assertThat(matcher.admits(url, OWNER)).isTrue();
		assertThat(matcher.admits(url, STRANGER)).isFalse();
		assertThat(matcher.admits(url, ObjectOwner.nobody())).isFalse();
	}

	@ParameterizedTest
	@ValueSource(strings = { "https://other.example/bucket/KEY", "https://s3.example/other/KEY",
			"https://s3.example/bucket/other/KEY", "https://s3.example/bucket/../KEY",
			"https://s3.example..x/bucket/KEY", "https://s3.example/bucket/vgi-rpc/readme", "https://s3.example/",
			"https://s3.example", "mailto:someone" })
	void otherUrlsAreForEverybody(String other) {
		assertThat(matcher("https://s3.example/bucket/").admits(URI.create(other.replace("KEY", KEY)), STRANGER))
			.isTrue();
	}

	@Test
	void addressesHaveSeveralSpellings() {
		VendedUrlMatcher matcher = matcher("http://[::1]:9000/bucket/");
		for (String host : new String[] { "[::1]", "[0:0:0:0:0:0:0:1]", "[0::1]", "[::0.0.0.1]" }) {
			URI url = URI.create("http://" + host + ":9000/bucket/" + KEY);
			assertThat(matcher.admits(url, STRANGER)).as(host).isFalse();
		}
	}

	@Test
	void onlyTheUsualSpellingIsItsOwn() {
		VendedUrlMatcher matcher = matcher("https://s3.example/bucket/");
		assertThat(matcher.contains(URI.create("https://s3.example/bucket/" + KEY + "?X-Amz-Signature=0"))).isTrue();
		assertThat(matcher.contains(URI.create("https://s3.example./bucket/" + KEY + "?X-Amz-Signature=0"))).isFalse();
		assertThat(matcher.contains(URI.create("https://s3.example//bucket/" + KEY + "?X-Amz-Signature=0"))).isFalse();
	}

	private static VendedUrlMatcher matcher(String base) {
		return VendedUrlMatcher.like(URI.create(base + KEY + "?X-Amz-Signature=0"), "bucket", "vgi-rpc/", KEY,
				"X-Amz-Signature");
	}

	/**
	 * An owner whose mark is known.
	 *
	 * @param known the mark
	 */
	private record Owner(String known) implements ObjectOwner {

		@Override
		public String mark(String id) {
			return this.known;
		}

		@Override
		public boolean owns(String id, String mark) {
			return mark.equals(this.known);
		}

	}

}
