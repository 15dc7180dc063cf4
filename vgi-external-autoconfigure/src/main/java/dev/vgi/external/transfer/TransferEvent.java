package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.Locale;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.RequestWatch;
import org.jspecify.annotations.Nullable;

/**
 * Something that happens to a transfer. Whoever receives it records the time.
 */
public sealed interface TransferEvent {

	/**
	 * A phase begins. Phases overlap, except for a phase with itself.
	 *
	 * @param phase which one
	 */
	record PhaseBegan(Phase phase) implements TransferEvent {

	}

	/**
	 * A phase is over, whatever came of it.
	 *
	 * @param phase which one
	 */
	record PhaseEnded(Phase phase) implements TransferEvent {

	}

	/**
	 * The size of the stored object has become known, or its coding.
	 *
	 * @param storedBytes its bytes as stored, or -1 if that is not known yet
	 * @param contentCoding its coding, or {@code null}
	 */
	record Sized(long storedBytes, @Nullable String contentCoding) implements TransferEvent {

	}

	/**
	 * A request waits for its turn.
	 *
	 * @param request number of the request in its transfer, from 1
	 * @param purpose what it is for
	 * @param index which range or part, from 0; 0 if it is for none
	 * @param offset where its bytes begin
	 * @param length how many bytes it is for, or -1 if unknown
	 * @param hedge whether it is the second copy of a late one
	 */
	record RequestQueued(int request, Purpose purpose, int index, long offset, long length,
			boolean hedge) implements TransferEvent {

	}

	/**
	 * It is a request's turn.
	 *
	 * @param request its number
	 */
	record RequestSent(int request) implements TransferEvent {

	}

	/**
	 * The head of a response has arrived.
	 *
	 * @param request number of the request
	 * @param status the status
	 * @param requestId the storage's own identifier, or {@code null}
	 */
	record RequestAnswered(int request, int status, @Nullable String requestId) implements TransferEvent {

	}

	/**
	 * A request has ended.
	 *
	 * @param request its number
	 * @param end how
	 * @param bytes bytes received or sent
	 * @param reason why it failed, without a query; or {@code null}
	 */
	record RequestEnded(int request, RequestWatch.End end, long bytes,
			@Nullable String reason) implements TransferEvent {

	}

	/**
	 * A range or part is complete, or an object that is not cut into any.
	 *
	 * @param index which one, from 0
	 * @param hedge whether the second copy of its request was faster
	 */
	record RangeCompleted(int index, boolean hedge) implements TransferEvent {

	}

	/**
	 * An attempt has failed and is made again after a pause.
	 *
	 * @param index the range or part, {@link #WHOLE} or {@link #STEP}
	 * @param kind what went wrong
	 * @param reason the same in words, without a query
	 * @param pause time until the next attempt
	 */
	record Retried(int index, VgiExternalException.Kind kind, String reason, Duration pause) implements TransferEvent {

		/** The transfer starts over. */
		public static final int WHOLE = -1;

		/**
		 * A step is made again that everything else waits for, such as opening or
		 * completing an upload in parts, or asking for the rest of a body. What was
		 * transferred stays.
		 */
		public static final int STEP = -2;

	}

	/**
	 * What a transfer does or waits for.
	 */
	enum Phase {

		/** It waits for room in the budget. */
		MEMORY,

		/** It waits before another attempt. */
		PAUSE,

		/** It waits for a new link. */
		RENEWAL,

		/** Bytes come from storage: from the first request to the last byte. */
		DOWNLOAD,

		/** Bytes go to storage: from the first request to its confirmation. */
		UPLOAD,

		/** The content coding is applied or removed. */
		CODING,

		/** The digest is computed. */
		DIGEST,

		/** The Arrow stream is read. */
		PARSING;

		private final String code = name().toLowerCase(Locale.ROOT);

		/**
		 * Return how this is written in answers.
		 * @return the name in lower case
		 */
		public String code() {
			return this.code;
		}

	}

	/**
	 * What a request is for.
	 */
	enum Purpose {

		/** To learn about the object before it is fetched. */
		HEAD,

		/** A range of the object. */
		RANGE,

		/** The whole object. */
		OBJECT,

		/** A part of the object that is uploaded. */
		PART,

		/** To open or complete an upload in parts, or to ask how far it is. */
		SESSION,

		/** To make sure that the object is stored. */
		CONFIRMATION,

		/** To remove what an upload that has failed may have stored. */
		REMOVAL;

		private final String code = name().toLowerCase(Locale.ROOT);

		/**
		 * Return how this is written in answers.
		 * @return the name in lower case
		 */
		public String code() {
			return this.code;
		}

	}

}
