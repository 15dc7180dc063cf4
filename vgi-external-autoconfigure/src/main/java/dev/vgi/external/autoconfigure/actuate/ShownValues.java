package dev.vgi.external.autoconfigure.actuate;

import dev.vgi.external.history.TransferTimeline;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.SanitizableData;
import org.springframework.boot.actuate.endpoint.Sanitizer;

/**
 * Texts that name objects or requests, shown as Boot shows values. Each has a key for the
 * application's sanitizing functions.
 *
 * @param sanitizer applies the functions
 * @param shown whether values are shown at all
 */
record ShownValues(Sanitizer sanitizer, boolean shown) implements TransferTimeline.Values {

	private static final String PREFIX = "vgi.external.transfer.";

	@Override
	public @Nullable String location(@Nullable String location) {
		return show("location", location);
	}

	@Override
	public @Nullable String message(@Nullable String message) {
		return show("message", message);
	}

	@Override
	public @Nullable String requestId(@Nullable String requestId) {
		return show("request-id", requestId);
	}

	@Nullable String origin(String origin) {
		return show("origin", origin);
	}

	private @Nullable String show(String name, @Nullable String value) {
		if (value == null) {
			return null;
		}
		Object sanitized = this.sanitizer.sanitize(new SanitizableData(null, PREFIX + name, value), this.shown);
		return (sanitized != null) ? sanitized.toString() : null;
	}

}
