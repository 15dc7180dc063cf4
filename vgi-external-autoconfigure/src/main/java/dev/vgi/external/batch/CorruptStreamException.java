package dev.vgi.external.batch;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Bytes that are not what their format or content coding promises.
 */
public class CorruptStreamException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what is wrong with the bytes
	 * @param cause what noticed it, or {@code null}
	 */
	public CorruptStreamException(String message, @Nullable Throwable cause) {
		super(Kind.CORRUPT_STREAM, message, cause);
	}

	CorruptStreamException(Kind kind, String message) {
		super(kind, message, null);
	}

	/**
	 * Create an error.
	 * @param message what is wrong with the bytes
	 */
	public CorruptStreamException(String message) {
		this(message, null);
	}

}
