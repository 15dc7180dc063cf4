package dev.vgi.external.fetch;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * The fetched bytes do not match the digest of their pointer.
 */
public class ChecksumMismatchException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public ChecksumMismatchException(String message, @Nullable Throwable cause) {
		super(Kind.CHECKSUM_MISMATCH, message, cause);
	}

}
