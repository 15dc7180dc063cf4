package dev.vgi.external.transfer;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * Writes one line for each transfer that fails, with keys and values for a structured
 * log. Warns, unless the transfer was cancelled or the application itself has failed.
 */
final class TransferFailureLog {

	/** Named after the type that applications know. */
	private static final Logger logger = LoggerFactory.getLogger(Transfer.class);

	private TransferFailureLog() {
	}

	/**
	 * Write the line of a transfer.
	 * @param transfer has failed
	 * @param cause why
	 * @param ended whether an operator has ended it
	 */
	static void write(TransferTrace transfer, Throwable cause, boolean ended) {
		boolean cancelled = cause instanceof VgiExternalException known && known.kind() == Kind.CANCELLED;
		LoggingEventBuilder event = logger.atLevel(level(cause, cancelled, ended))
			.addKeyValue("vgi.transfer.id", transfer.id())
			.addKeyValue("vgi.direction", transfer.direction().code())
			.addKeyValue("vgi.storage", transfer.storage())
			.addKeyValue("vgi.kind", transfer.outcome())
			.addKeyValue("vgi.attempt", transfer.retries() + 1)
			.addKeyValue("vgi.bytes", transfer.storedBytes())
			.addKeyValue("vgi.elapsed.ms", transfer.elapsed().toMillis());
		String location = transfer.location();
		if (location != null) {
			event = event.addKeyValue("vgi.origin", origin(location));
		}
		String requestId = transfer.requestId();
		if (requestId != null) {
			event = event.addKeyValue("vgi.request.id", requestId);
		}
		event.log("{} {} in attempt {} after {} ms: {}", what(transfer), cancelled ? "was cancelled" : "failed",
				transfer.retries() + 1, transfer.elapsed().toMillis(), reason(cause));
	}

	private static Level level(Throwable cause, boolean cancelled, boolean ended) {
		if (cancelled) {
			return ended ? Level.INFO : Level.DEBUG;
		}
		return (cause instanceof VgiExternalException) ? Level.WARN : Level.DEBUG;
	}

	private static String what(TransferTrace transfer) {
		return (transfer.direction() == Direction.FETCH) ? "Fetch of " + transfer.location()
				: "Upload to " + transfer.storage();
	}

	// A message may name columns of the stored object, and a reader of the application
	// may
	// have failed with a message of its own.
	private static @Nullable String reason(Throwable cause) {
		return (cause instanceof VgiExternalException) ? RedactedUrl.scrub(cause.getMessage())
				: cause.getClass().getName();
	}

	private static String origin(String location) {
		int path = location.indexOf('/', location.indexOf("://") + 3);
		return (path > 0) ? location.substring(0, path) : location;
	}

}
