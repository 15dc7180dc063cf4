package dev.vgi.external.network;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * The storage as one process sees it: requests over its pooled connections.
 */
public interface Origin {

	/**
	 * Send a request.
	 * @param bytes length of the body
	 * @param answer is told what happens, later
	 * @return the request
	 */
	Sent send(long bytes, Answer answer);

	/**
	 * A request that was sent.
	 */
	interface Sent {

		/**
		 * Return how much of the body has arrived.
		 * @return bytes
		 */
		long received();

		/**
		 * Give up. Nothing more is reported.
		 */
		void cancel();

	}

	/**
	 * Is told what happens to a request.
	 */
	interface Answer {

		/**
		 * The head of the response is here.
		 */
		void firstByte();

		/**
		 * All of the body is here.
		 */
		void arrived();

		/**
		 * Storage is busy.
		 * @param retryAfter what it asks for, or {@code null}
		 */
		void busy(@Nullable Duration retryAfter);

	}

}
