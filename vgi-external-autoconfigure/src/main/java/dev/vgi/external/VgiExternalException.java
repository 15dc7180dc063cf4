package dev.vgi.external;

import java.util.Locale;

import org.jspecify.annotations.Nullable;

/**
 * Parent of every error this library raises. A message, a cause or a suppressed exception
 * never holds the query, the user info or the fragment of a URL: a signed URL is a bearer
 * credential.
 */
public abstract class VgiExternalException extends RuntimeException {

	private final Kind kind;

	/**
	 * Create an error.
	 * @param kind what went wrong, as a caller may tell it apart
	 * @param message a complete sentence without secrets
	 * @param cause what led to it, also free of secrets, or {@code null}
	 */
	protected VgiExternalException(Kind kind, String message, @Nullable Throwable cause) {
		super(message, cause);
		this.kind = kind;
	}

	/**
	 * Return what went wrong, from a closed set that is suitable for a metric's tag.
	 * @return the kind of this error
	 */
	public final Kind kind() {
		return this.kind;
	}

	/**
	 * What a caller can tell apart.
	 */
	public enum Kind {

		/** The URL policy refuses the URL or one of its redirects. */
		URL_REJECTED,

		/** The overall deadline of a transfer passed. */
		TIMED_OUT,

		/** A cap on encoded, decoded, request or response bytes was passed. */
		TOO_LARGE,

		/** Something exceeds a limit on log messages, metadata or fields. */
		LIMIT_EXCEEDED,

		/** The process-wide transfer budget has no room. */
		BUDGET_EXHAUSTED,

		/** The bytes do not match the digest the pointer carries. */
		CHECKSUM_MISMATCH,

		/** The bytes are not what their format or content coding promises. */
		CORRUPT_STREAM,

		/** The bytes are sound, but of a kind that cannot be read here. */
		UNSUPPORTED,

		/** The stored batch has another schema than its pointer. */
		SCHEMA_MISMATCH,

		/** Too many redirects, or a stored batch that is itself a pointer. */
		REDIRECT_LOOP,

		/** Storage refused a link that has expired. */
		LINK_EXPIRED,

		/** The object of a link was removed from storage. */
		OBJECT_GONE,

		/** The caller interrupted or cancelled the transfer. */
		CANCELLED,

		/** Storage cannot be reached or failed. */
		STORAGE_UNAVAILABLE,

		/** The called service cannot be reached or broke the connection off. */
		SERVICE_UNAVAILABLE,

		/** Storage refused an upload. */
		UPLOAD_REFUSED,

		/** The other side answered with an error of its own. */
		REMOTE_ERROR,

		/** The request does not follow the protocol. */
		BAD_REQUEST;

		private final String code = name().toLowerCase(Locale.ROOT).replace('_', '-');

		/**
		 * Return how this is written in responses, tags and health details.
		 * @return the name in lower case, with hyphens
		 */
		public String code() {
			return this.code;
		}

	}

}
