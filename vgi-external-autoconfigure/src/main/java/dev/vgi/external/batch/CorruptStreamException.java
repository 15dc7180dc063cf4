package dev.vgi.external.batch;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Bytes do not conform to their format or content coding.
 */
public class CorruptStreamException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what is wrong with the bytes
	 * @param cause the exception that reported it, or {@code null}
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
