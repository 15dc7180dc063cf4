package dev.vgi.external.storage.s3;

import java.time.Instant;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.StorageResponse;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedS3 {

	private FuzzedS3() {
	}

	public static VgiExternalException failure(StorageResponse response, boolean missing) {
		return missing ? S3Failures.missing("sign an object again", response, Instant.EPOCH)
				: S3Failures.of("upload an object", response, Instant.EPOCH);
	}

}
