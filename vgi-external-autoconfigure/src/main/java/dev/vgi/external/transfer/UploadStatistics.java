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
 * @param segment number of the segment of a result set, from 1; 0 for anything else
 */
public record UploadStatistics(String storage, long rawBytes, long storedBytes, @Nullable String contentCoding,
		Duration elapsed, int segment) {

}
