package dev.vgi.external.batch;

import java.util.Map;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * One log message of a peer: travels as a zero-row batch before the data of its turn.
 *
 * @param level one of {@code ERROR WARN INFO DEBUG TRACE}, or {@link #EXCEPTION} for an
 * error batch
 * @param message the text
 * @param extra further fields, sent as a flat JSON object; may be empty
 */
public record LogMessage(String level, String message, Map<String, Object> extra) {

	/** The level that makes a batch an error batch. */
	public static final String EXCEPTION = "EXCEPTION";

	public LogMessage {
		Assert.hasText(level, "'level' must not be empty");
		Assert.notNull(message, "'message' must not be null");
		extra = Map.copyOf(extra);
	}

	/**
	 * Return the metadata of the batch that carries this message.
	 * @return level, message and, if there are any, the further fields
	 */
	public BatchMetadata toMetadata() {
		throw new UnsupportedOperationException();
	}

	/**
	 * Read a message from a batch's metadata.
	 * @param metadata metadata of a log or error batch
	 * @return the message, without further fields if these are not a JSON object; or
	 * {@code null} if the metadata has no level or no message
	 */
	public static @Nullable LogMessage from(BatchMetadata metadata) {
		throw new UnsupportedOperationException();
	}

}
