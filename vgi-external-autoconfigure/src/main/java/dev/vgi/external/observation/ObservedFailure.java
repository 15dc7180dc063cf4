package dev.vgi.external.observation;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.stream.Stream;

import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;

/**
 * Stands for a failure that cannot be shown as it is, because it is the application's and
 * may say anything, or because only its reason is known. Is never thrown.
 */
final class ObservedFailure extends Exception {

	private static final long serialVersionUID = 1L;

	/**
	 * Create a failure.
	 * @param message what may be shown, without a query
	 */
	ObservedFailure(String message) {
		super(message, null, false, false);
	}

	/**
	 * Return what may be shown of a failure, with its stack trace.
	 * @param failure the failure
	 * @return the same; if it quotes a URL with its query, also in what led to it, only
	 * its redacted message
	 */
	static Throwable of(Throwable failure) {
		return hasQuery(failure, Collections.newSetFromMap(new IdentityHashMap<>()))
				? new ObservedFailure(RedactedUrl.scrub(failure.getMessage())) : failure;
	}

	private static boolean hasQuery(@Nullable Throwable failure, Set<Throwable> seen) {
		if (failure == null || !seen.add(failure)) {
			return false;
		}
		String message = failure.getMessage();
		return (message != null && !message.equals(RedactedUrl.scrub(message))) || hasQuery(failure.getCause(), seen)
				|| Stream.of(failure.getSuppressed()).anyMatch((suppressed) -> hasQuery(suppressed, seen));
	}

}
