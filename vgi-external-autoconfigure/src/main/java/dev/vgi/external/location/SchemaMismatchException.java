package dev.vgi.external.location;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * The stored batch and its pointer have different schemas.
 */
public class SchemaMismatchException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public SchemaMismatchException(String message, @Nullable Throwable cause) {
		super(Kind.SCHEMA_MISMATCH, message, cause);
	}

}
