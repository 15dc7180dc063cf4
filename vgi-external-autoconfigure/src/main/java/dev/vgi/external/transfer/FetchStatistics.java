package dev.vgi.external.transfer;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * What one successful fetch cost.
 *
 * @param encodedBytes bytes as they are stored
 * @param decodedBytes bytes of the Arrow stream
 * @param contentCoding coding of the stored bytes, or {@code null}
 * @param requests requests sent, redirects and hedges included; 0 if read without HTTP
 * @param hedges speculative requests among them
 * @param elapsed time from the call to the verified bytes
 * @param segment place of the batch in its stream or list, from 1; 0 for a batch of its
 * own
 */
public record FetchStatistics(long encodedBytes, long decodedBytes, @Nullable String contentCoding, int requests,
		int hedges, Duration elapsed, int segment) {

}
