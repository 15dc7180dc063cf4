package dev.vgi.external.transport;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedTransport {

	private FuzzedTransport() {
	}

	public static @Nullable Duration retryAfter(@Nullable String value, @Nullable String date) {
		return RetryAfter.parse(value, date);
	}

	public static @Nullable String requestId(@Nullable String value) {
		return RequestWatch.identifier(value);
	}

}
