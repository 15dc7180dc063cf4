package dev.vgi.external.transfer;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * What one successful transfer cost.
 *
 * @param storedBytes bytes as they are stored
 * @param decodedBytes bytes of the Arrow stream
 * @param contentCoding coding of the stored bytes, or {@code null}
 * @param requests requests with data that were sent, redirects and hedges included; 0 if
 * there was no HTTP
 * @param hedges speculative requests among them
 * @param elapsed time from the call to the verified bytes, or from the batch to its URL
 */
public record TransferStatistics(long storedBytes, long decodedBytes, @Nullable String contentCoding, int requests,
		int hedges, Duration elapsed) {

}
