package dev.vgi.external.storage.local;

import java.net.URI;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.UrlRejectedException;
import org.jspecify.annotations.Nullable;

/**
 * A request for an object of the local store is refused. Its {@link #reason()} determines
 * the status of the response; its message may be shown to the caller.
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
	 * Return the same refusal for a fetch that sends no request.
	 * @param url the URL of the object
	 * @return what a fetch over HTTP would have failed with
	 */
	VgiExternalException ofFetch(URI url) {
		String message = String.valueOf(getMessage());
		return switch (this.reason) {
			case EXPIRED -> new LinkExpiredException(message, null);
			case NOT_FOUND -> new StorageUnavailableException(message, this.reason.status(), null);
			default -> new UrlRejectedException(url, message);
		};
	}

	/**
	 * Why a request is refused, and the HTTP status for it.
	 */
	public enum Reason {

		/** The key or signature is wrong, or it was signed for another method. */
		BAD_SIGNATURE(403, Kind.URL_REJECTED),

		/** The URL has expired. */
		EXPIRED(403, Kind.LINK_EXPIRED),

		/** The object does not exist, or no longer exists. */
		NOT_FOUND(404, Kind.STORAGE_UNAVAILABLE),

		/** The body arrived too slowly. */
		TOO_SLOW(408, Kind.BAD_REQUEST),

		/** The upload does not state its length. */
		LENGTH_REQUIRED(411, Kind.BAD_REQUEST),

		/** The upload is larger than one object may be. */
		TOO_LARGE(413, Kind.TOO_LARGE),

		/** The content coding of the upload is not supported. */
		UNSUPPORTED_CODING(415, Kind.BAD_REQUEST),

		/** The body broke off or does not have the announced length. */
		INCOMPLETE(400, Kind.BAD_REQUEST),

		/** The object already exists. */
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
		 * Return the HTTP status of the response.
		 * @return three digits
		 */
		public int status() {
			return this.status;
		}

	}

}
