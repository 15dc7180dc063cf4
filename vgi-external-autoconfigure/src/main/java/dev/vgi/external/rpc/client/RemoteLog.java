package dev.vgi.external.rpc.client;

import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.url.RedactedUrl;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Writes log messages of services to this application's log, at their levels, each on one
 * line and without the secrets of URLs.
 */
final class RemoteLog implements LogSink {

	private static final Log logger = LogFactory.getLog(RemoteLog.class);

	@Override
	public void log(LogMessage message) {
		switch (message.level()) {
			case "ERROR" -> logger.error(text(message));
			case "WARN" -> logger.warn(text(message));
			case "DEBUG" -> logger.debug(text(message));
			case "TRACE" -> logger.trace(text(message));
			default -> logger.info(text(message));
		}
	}

	private static String text(LogMessage message) {
		String text = message.extra().isEmpty() ? message.message() : message.message() + ' ' + message.extra();
		// Remote text must not be able to forge further lines of this log.
		return RedactedUrl.line(text);
	}

}
