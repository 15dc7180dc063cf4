package dev.vgi.external.transfer;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * What one successful upload cost.
 *
 * @param storage name of the backend
 * @param rawBytes bytes of the Arrow stream
 * @param storedBytes bytes as they were stored
 * @param contentCoding coding of the stored bytes, or {@code null}
 * @param elapsed time from the batch to its URL
 */
public record UploadStatistics(String storage, long rawBytes, long storedBytes, @Nullable String contentCoding,
		Duration elapsed) {

}
