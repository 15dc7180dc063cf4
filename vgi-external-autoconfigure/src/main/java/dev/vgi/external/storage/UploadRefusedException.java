package dev.vgi.external.storage;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * Storage refused an upload.
 */
public class UploadRefusedException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public UploadRefusedException(String message, @Nullable Throwable cause) {
		super(Kind.UPLOAD_REFUSED, message, cause);
	}

}
