package dev.vgi.external.rpc;

import java.io.IOException;
import java.util.function.UnaryOperator;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.web.OutputStreamChannel;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

/**
 * Writes the outcome of a call as the body of its response. Whatever can fail fails
 * before the first byte, so that an error can still be sent instead.
 */
@FunctionalInterface
public interface OutputCycleWriter {

	/**
	 * Write a cycle.
	 * @param cycle taken over, also on failure; an error is a cycle whose data batch is
	 * an error batch
	 * @param request the request it answers
	 * @param response the response; status and headers are set, but for the body's length
	 * @throws IOException if the caller is gone
	 */
	void write(OutputCycle cycle, HttpServletRequest request, HttpServletResponse response) throws IOException;

	/**
	 * Write everything inline.
	 * @return the writer
	 */
	static OutputCycleWriter inline() {
		return externalizing(UnaryOperator.identity());
	}

	/**
	 * Write what is left after large batches went to storage.
	 * @param externalizer takes a cycle over and returns what to write, which may be the
	 * same
	 * @return the writer
	 */
	static OutputCycleWriter externalizing(UnaryOperator<OutputCycle> externalizer) {
		return (cycle, request, response) -> {
			try (OutputCycle outgoing = externalizer.apply(cycle);
					GatheredStream body = IpcStreamWriter.gather(outgoing)) {
				response.setContentLengthLong(body.length());
				body.writeTo(new OutputStreamChannel(response.getOutputStream()));
			}
		};
	}

}
