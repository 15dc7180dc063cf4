package dev.vgi.external.sample;

import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.ResponseStatus;

/**
 * The flights cannot be read or changed at the moment; the same request may succeed
 * later.
 */
@ResponseStatus(HttpStatus.SERVICE_UNAVAILABLE)
public class FlightsUnavailableException extends RuntimeException {

	FlightsUnavailableException(String message, @Nullable Throwable cause) {
		super(message, cause);
	}

}
