package dev.vgi.external.transfer;

import dev.vgi.external.Internal;
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
 * Writes one line for each transfer that fails or takes long, with keys and values for a
 * structured log.
 */
@Internal
public final class TransferLog {

	/** Named after the type that applications know. */
	private static final Logger logger = LoggerFactory.getLogger(Transfer.class);

	private TransferLog() {
	}

	/**
	 * Write the line of a transfer that has failed. Warns, unless it was cancelled or the
	 * application itself has failed.
	 * @param transfer has failed
	 * @param cause why
	 * @param ended whether an operator has ended it
	 */
	static void failed(TransferTrace transfer, Throwable cause, boolean ended) {
		boolean cancelled = cause instanceof VgiExternalException known && known.kind() == Kind.CANCELLED;
		event(level(cause, cancelled, ended), transfer, transfer.storedBytes(), transfer.requestId()).log(
				"{} {} in attempt {} after {} ms: {}", what(transfer), cancelled ? "was cancelled" : "failed",
				transfer.retries() + 1, transfer.elapsed().toMillis(), reason(cause));
	}

	/**
	 * Write the line of a transfer that took long.
	 * @param transfer has ended
	 * @param bytes bytes so far, as they are stored
	 * @param requestId the storage's own identifier of the last answer, or {@code null}
	 * @param explanation what held it up, without a full stop; or {@code null}
	 */
	public static void slow(Transfer transfer, long bytes, @Nullable String requestId, @Nullable String explanation) {
		event(Level.INFO, transfer, bytes, requestId).log("{} took {} ms{}", what(transfer),
				transfer.elapsed().toMillis(), (explanation != null) ? ". " + explanation : "");
	}

	private static LoggingEventBuilder event(Level level, Transfer transfer, long bytes, @Nullable String requestId) {
		LoggingEventBuilder event = logger.atLevel(level)
			.addKeyValue("vgi.transfer.id", transfer.id())
			.addKeyValue("vgi.direction", transfer.direction().code())
			.addKeyValue("vgi.storage", transfer.storage())
			.addKeyValue("vgi.kind", transfer.outcome())
			.addKeyValue("vgi.attempt", transfer.retries() + 1)
			.addKeyValue("vgi.bytes", bytes)
			.addKeyValue("vgi.elapsed.ms", transfer.elapsed().toMillis());
		String location = transfer.location();
		if (location != null) {
			event = event.addKeyValue("vgi.origin", origin(location));
		}
		return (requestId != null) ? event.addKeyValue("vgi.request.id", requestId) : event;
	}

	private static Level level(Throwable cause, boolean cancelled, boolean ended) {
		if (cancelled) {
			return ended ? Level.INFO : Level.DEBUG;
		}
		return (cause instanceof VgiExternalException) ? Level.WARN : Level.DEBUG;
	}

	private static String what(Transfer transfer) {
		return (transfer.direction() == Direction.FETCH) ? "Fetch of " + transfer.location()
				: "Upload to " + transfer.storage();
	}

	/**
	 * Return a failure in words that may be shown. A message may name columns of the
	 * stored object, and a reader of the application may have failed with a message of
	 * its own.
	 * @param cause why a transfer failed
	 * @return its message without queries; the name of its class if it is not ours
	 */
	public static String reason(Throwable cause) {
		return (cause instanceof VgiExternalException) ? RedactedUrl.scrub(cause.getMessage())
				: cause.getClass().getName();
	}

	private static String origin(String location) {
		int path = location.indexOf('/', location.indexOf("://") + 3);
		return (path > 0) ? location.substring(0, path) : location;
	}

}
