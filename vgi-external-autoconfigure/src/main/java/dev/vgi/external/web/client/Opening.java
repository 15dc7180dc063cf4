package dev.vgi.external.web.client;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.web.client.ServiceResponse.AnswerReader;
import org.jspecify.annotations.Nullable;

/**
 * What a service returns when a stream is opened.
 *
 * @param header the batch with the header, or {@code null} if none is declared
 * @param turn the first turn
 */
record Opening(@Nullable AnnotatedBatch header, TurnReply turn) {

	/**
	 * Return a reader of openings.
	 * @param header whether the method is declared with a header
	 * @param turn reads the part of the answer that follows the header
	 * @return the reader
	 */
	static AnswerReader<Opening> reader(boolean header, AnswerReader<TurnReply> turn) {
		return (answer) -> {
			AnnotatedBatch first = header ? answer.header() : null;
			boolean complete = false;
			try {
				Opening opening = new Opening(first, turn.read(answer));
				complete = true;
				return opening;
			}
			finally {
				if (!complete && first != null) {
					first.close();
				}
			}
		};
	}

}
