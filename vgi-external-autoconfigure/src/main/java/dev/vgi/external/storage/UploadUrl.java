package dev.vgi.external.storage;

import java.net.URI;
import java.time.Instant;

import dev.vgi.external.url.RedactedUrl;

import org.springframework.util.Assert;

/**
 * A pair of URLs for one new object. Storage signs URLs per method, so neither URL works
 * for the other's method.
 *
 * @param uploadUrl accepts a PUT
 * @param downloadUrl accepts a GET once the object exists
 * @param expiresAt when both stop working
 */
public record UploadUrl(URI uploadUrl, URI downloadUrl, Instant expiresAt) {

	public UploadUrl {
		Assert.notNull(uploadUrl, "'uploadUrl' must not be null");
		Assert.notNull(downloadUrl, "'downloadUrl' must not be null");
		Assert.notNull(expiresAt, "'expiresAt' must not be null");
	}

	/**
	 * Show the pair without its signatures.
	 * @return the redacted URLs
	 */
	@Override
	public String toString() {
		return "UploadUrl[uploadUrl=" + RedactedUrl.of(this.uploadUrl) + ", downloadUrl="
				+ RedactedUrl.of(this.downloadUrl) + ", expiresAt=" + this.expiresAt + "]";
	}

}
