package dev.vgi.external.storage.local;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * A request to an object of the local store is refused. Its {@link #reason()} says which
 * status to answer with; its message may be shown to the caller.
 */
public class LocalAccessException extends VgiExternalException {

	private final Reason reason;

	/**
	 * Create a refusal.
	 * @param reason why
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public LocalAccessException(Reason reason, String message, @Nullable Throwable cause) {
		super(reason.kind, message, cause);
		this.reason = reason;
	}

	/**
	 * Return why the request is refused.
	 * @return the reason
	 */
	public Reason reason() {
		return this.reason;
	}

	/**
	 * Why a request is refused, and the HTTP status that says so.
	 */
	public enum Reason {

		/** The key or signature is wrong, or it was signed for another method. */
		BAD_SIGNATURE(403, Kind.URL_REJECTED),

		/** The time of the URL is over. */
		EXPIRED(403, Kind.LINK_EXPIRED),

		/** There is no such object, or no longer. */
		NOT_FOUND(404, Kind.STORAGE_UNAVAILABLE),

		/** The body came too slowly. */
		TOO_SLOW(408, Kind.BAD_REQUEST),

		/** The upload does not say how long it is. */
		LENGTH_REQUIRED(411, Kind.BAD_REQUEST),

		/** The upload is larger than one object may be. */
		TOO_LARGE(413, Kind.TOO_LARGE),

		/** The content coding of the upload cannot be kept. */
		UNSUPPORTED_CODING(415, Kind.BAD_REQUEST),

		/** The body broke off or has another length than announced. */
		INCOMPLETE(400, Kind.BAD_REQUEST),

		/** The object is there already. */
		ALREADY_STORED(409, Kind.UPLOAD_REFUSED),

		/** The folder has no room left. */
		FULL(507, Kind.UPLOAD_REFUSED);

		private final int status;

		private final Kind kind;

		Reason(int status, Kind kind) {
			this.status = status;
			this.kind = kind;
		}

		/**
		 * Return the HTTP status to answer with.
		 * @return three digits
		 */
		public int status() {
			return this.status;
		}

	}

}
