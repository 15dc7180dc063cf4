package dev.vgi.external.storage.s3;

import java.net.URI;
import java.util.HashMap;
import java.util.Map;

import dev.vgi.external.url.RedactedUrl;
import software.amazon.awssdk.awscore.presigner.PresignedRequest;

/**
 * A signed request as the transport sends it.
 *
 * @param url the signed URL
 * @param headers the headers that the signature covers, without the host
 */
record SignedRequest(URI url, Map<String, String> headers) {

	static SignedRequest of(PresignedRequest signed) {
		Map<String, String> headers = new HashMap<>();
		signed.signedHeaders().forEach((name, values) -> {
			if (!name.equalsIgnoreCase("host")) {
				headers.put(name, String.join(",", values));
			}
		});
		return new SignedRequest(S3Signer.url(signed), headers);
	}

	@Override
	public String toString() {
		return RedactedUrl.of(this.url);
	}

}
