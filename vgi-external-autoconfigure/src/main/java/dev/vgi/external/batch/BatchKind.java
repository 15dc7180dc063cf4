package dev.vgi.external.batch;

import dev.vgi.external.Internal;

/**
 * The kind of an incoming batch. The first match in the protocol's list applies: a batch
 * with rows or without metadata is data, whatever keys it carries.
 */
@Internal
public enum BatchKind {

	/** Values for the handler or the caller; may have zero rows. */
	DATA,

	/** A log message for the sink. */
	LOG,

	/** The end of the call with an error. */
	ERROR,

	/** A zero-row stand-in for a batch in storage. */
	POINTER,

	/** The continuation token of a stream. */
	TOKEN;

	/**
	 * Classify a batch outside a stream's response: a zero-row batch with a location is a
	 * pointer even if it carries a token, as an exchange request does.
	 * @param rowCount number of rows of the batch
	 * @param metadata its metadata
	 * @return its kind, never {@link #TOKEN}
	 */
	public static BatchKind of(int rowCount, BatchMetadata metadata) {
		if (rowCount > 0 || metadata.isEmpty()) {
			return DATA;
		}
		if (metadata.contains(MetadataKeys.LOG_LEVEL) && metadata.contains(MetadataKeys.LOG_MESSAGE)) {
			return LogMessage.EXCEPTION.equals(metadata.get(MetadataKeys.LOG_LEVEL)) ? ERROR : LOG;
		}
		if (metadata.contains(MetadataKeys.LOCATION) && !metadata.contains(MetadataKeys.LOG_LEVEL)) {
			return POINTER;
		}
		return DATA;
	}

	/**
	 * Classify a batch of a stream's response: a zero-row batch with a cursor is a token,
	 * unless it is a log or an error.
	 * @param rowCount number of rows of the batch
	 * @param metadata its metadata
	 * @return its kind
	 */
	public static BatchKind ofStreamResponse(int rowCount, BatchMetadata metadata) {
		BatchKind kind = of(rowCount, metadata);
		boolean mayBeToken = rowCount == 0 && (kind == DATA || kind == POINTER);
		return (mayBeToken && metadata.contains(MetadataKeys.STREAM_STATE)) ? TOKEN : kind;
	}

}
