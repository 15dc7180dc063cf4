package dev.vgi.external.transport;

import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * Is told what becomes of one request, which is one hop. Called by the threads of the
 * transport and of the transfer, so implementations are quick, thread-safe and do not
 * throw.
 */
public interface RequestWatch {

	/** Does nothing. */
	RequestWatch NONE = new RequestWatch() {
	};

	/** What an identifier of a request may look like. */
	Pattern IDENTIFIER = Pattern.compile("[A-Za-z0-9._:=+/-]{1,128}");

	/**
	 * Return a storage's identifier of a request as it may be shown. It comes from a
	 * foreign server, and goes to logs and spans.
	 * @param value what the server calls the request, or {@code null}
	 * @return the same; {@code null} if it does not look like an identifier
	 */
	static @Nullable String identifier(@Nullable String value) {
		return (value != null && IDENTIFIER.matcher(value).matches()) ? value : null;
	}

	/**
	 * It is the request's turn: the connection is taken or opened next.
	 */
	default void sent() {
	}

	/**
	 * The head of the response has arrived.
	 * @param status the status
	 * @param requestId the storage's own identifier of the request, or {@code null}
	 */
	default void answered(int status, @Nullable String requestId) {
	}

	/**
	 * The request has ended. Called once, also if it was never sent.
	 * @param end how
	 * @param bytes bytes of the body that were received, or of the request's body if it
	 * has one and was answered
	 * @param reason why it failed, without a query; {@code null} if that is clear or it
	 * did not fail
	 */
	default void ended(End end, long bytes, @Nullable String reason) {
	}

	/**
	 * Is asked for a watch when a request is about to wait for its turn.
	 */
	@FunctionalInterface
	interface Source {

		/** Watches nothing. */
		Source NONE = (hedge) -> RequestWatch.NONE;

		/**
		 * Begin to watch a request. A redirect is a request of its own.
		 * @param hedge whether it is the second copy of a late one
		 * @return the watch of this request
		 */
		RequestWatch begin(boolean hedge);

	}

	/**
	 * How a request ended.
	 */
	enum End {

		/** It was answered, with whatever status, and the answer was read to its end. */
		COMPLETE,

		/** Its deadline passed. */
		TIMED_OUT,

		/** It could not be sent, was not answered, or broke off. */
		FAILED,

		/** This side ended it: it was not needed any more. */
		CANCELLED

	}

}
