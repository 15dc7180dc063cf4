package dev.vgi.external.rpc.server;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.web.OutputStreamChannel;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

/**
 * The body of one response: the stream of a header, if there is one, and the stream of
 * the data. Complete before its first byte is written. Not thread-safe.
 */
final class ResponseBody implements AutoCloseable {

	private final CycleExternalizer externalizer;

	private final ResponseBudget budget;

	private @Nullable GatheredStream header;

	private @Nullable GatheredStream data;

	private long length;

	/**
	 * Start a body.
	 * @param externalizer sends large batches through storage
	 * @param budget the budget of the response
	 */
	ResponseBody(CycleExternalizer externalizer, ResponseBudget budget) {
		this.externalizer = externalizer;
		this.budget = budget;
	}

	/**
	 * Add the header of a stream.
	 * @param cycle the header after its logs; taken over
	 */
	void header(OutputCycle cycle) {
		try (OutputCycle outgoing = this.externalizer.dataOnly(cycle, this.budget)) {
			this.header = IpcStreamWriter.gather(outgoing);
		}
	}

	/**
	 * Add the result of a unary call.
	 * @param cycle the result after its logs; taken over
	 */
	void result(OutputCycle cycle) {
		try (OutputCycle outgoing = this.externalizer.dataOnly(cycle, this.budget)) {
			this.data = IpcStreamWriter.gather(outgoing);
		}
	}

	/**
	 * Add one turn of a stream.
	 * @param shape a batch of the stream's columns; borrowed
	 * @param cycle logs and data; taken over
	 * @param token metadata of a batch that follows, or {@code null}
	 */
	void turn(AnnotatedBatch shape, OutputCycle cycle, @Nullable BatchMetadata token) {
		try (OutputCycle outgoing = this.externalizer.wholeCycle(cycle, this.budget)) {
			stream(shape, outgoing.logs(), outgoing.data(), token);
		}
	}

	/**
	 * Add a turn without data.
	 * @param shape a batch of the stream's columns; borrowed
	 * @param logs messages that come first
	 * @param token metadata of a batch that follows, or {@code null}
	 */
	void turn(AnnotatedBatch shape, List<LogMessage> logs, @Nullable BatchMetadata token) {
		stream(shape, logs, null, token);
	}

	private void stream(AnnotatedBatch shape, List<LogMessage> logs, @Nullable AnnotatedBatch batch,
			@Nullable BatchMetadata token) {
		this.data = IpcStreamWriter.gather(shape, logs.stream().map(LogMessage::toMetadata).toList(), batch,
				(token != null) ? List.of(token) : List.of());
	}

	/**
	 * Replace the data by an error. A header is kept: its stream was complete.
	 * @param cycle the error batch after its logs; taken over
	 */
	void error(OutputCycle cycle) {
		try (cycle) {
			if (this.data != null) {
				this.data.close();
			}
			this.data = IpcStreamWriter.gather(cycle);
		}
	}

	/**
	 * Require that the body is not too large.
	 * @throws dev.vgi.external.location.ResponseTooLargeException if it is
	 */
	void checkLength() {
		this.budget.requireInline(streams().stream().mapToLong(GatheredStream::length).sum());
	}

	/**
	 * Write the body.
	 * @param response its status and headers are set, except for the length
	 * @throws IOException if the caller has disconnected
	 */
	void writeTo(HttpServletResponse response) throws IOException {
		this.length = streams().stream().mapToLong(GatheredStream::length).sum();
		if (response.getStatus() < HttpServletResponse.SC_BAD_REQUEST) {
			// Not for a refusal: a response counts as committed once its full length is
			// written, but a filter may still have to replace it.
			response.setContentLengthLong(this.length);
		}
		OutputStreamChannel channel = new OutputStreamChannel(response.getOutputStream());
		for (GatheredStream stream : streams()) {
			stream.writeTo(channel);
		}
		channel.flush();
	}

	private List<GatheredStream> streams() {
		List<GatheredStream> streams = new ArrayList<>();
		if (this.header != null) {
			streams.add(this.header);
		}
		if (this.data != null) {
			streams.add(this.data);
		}
		return streams;
	}

	/**
	 * Return how much was written.
	 * @return bytes before any content coding
	 */
	long length() {
		return this.length;
	}

	/**
	 * Release the batches. Idempotent.
	 */
	@Override
	public void close() {
		streams().forEach(GatheredStream::close);
	}

}
