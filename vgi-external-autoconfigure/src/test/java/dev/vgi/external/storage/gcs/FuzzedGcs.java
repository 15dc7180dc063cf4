package dev.vgi.external.storage.gcs;

import java.time.Instant;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.StorageResponse;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedGcs {

	private FuzzedGcs() {
	}

	public static VgiExternalException failure(StorageResponse response) {
		return GcsFailures.of("upload an object", response, Instant.EPOCH);
	}

}
