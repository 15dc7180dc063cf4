package dev.vgi.external.rpc.server.http;

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
import dev.vgi.external.memory.OutputStreamChannel;
import dev.vgi.external.rpc.mapping.RowMapping;
import dev.vgi.external.rpc.method.StreamShape;
import dev.vgi.external.rpc.server.TurnOutput;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The body of one response: the stream of a header, if there is one, and the stream of
 * the data. Complete before its first byte is written. Not thread-safe.
 */
final class ResponseBody implements AutoCloseable {

	private final RowMapping result;

	private final BufferAllocator allocator;

	private final ResponseBudget budget;

	private @Nullable Schema output;

	private @Nullable GatheredStream header;

	private @Nullable GatheredStream data;

	/**
	 * Start a body.
	 * @param result the columns that an error has before a stream opens
	 * @param allocator the owner of the memory of an error
	 * @param budget the budget of the response
	 */
	ResponseBody(RowMapping result, BufferAllocator allocator, ResponseBudget budget) {
		this.result = result;
		this.allocator = allocator;
		this.budget = budget;
	}

	/**
	 * Add the header of a stream.
	 * @param cycle the header after its logs; taken over
	 */
	void header(OutputCycle cycle) {
		try (cycle) {
			this.header = IpcStreamWriter.gather(cycle);
		}
	}

	/**
	 * Add the result of a unary call.
	 * @param cycle the result after its logs; taken over
	 */
	void result(OutputCycle cycle) {
		try (cycle) {
			this.data = IpcStreamWriter.gather(cycle);
		}
	}

	/**
	 * Record that batches of a stream follow, so that an error takes the same form.
	 * @param output schema of the batches, in message format
	 */
	void opens(Schema output) {
		this.output = output;
	}

	/**
	 * Add one turn of a stream.
	 * @param shape a batch of the stream's columns; borrowed
	 * @param turn what it sends; borrowed
	 * @param token metadata of a batch that follows, or {@code null}
	 */
	void turn(AnnotatedBatch shape, TurnOutput turn, @Nullable BatchMetadata token) {
		this.data = IpcStreamWriter.gather(shape, turn.logs().stream().map(LogMessage::toMetadata).toList(),
				turn.batch(), (token != null) ? List.of(token) : List.of());
	}

	/**
	 * Replace the data by an error. A header is kept: its stream was complete.
	 * @param metadata describes the error
	 * @param logs the messages that come first
	 */
	void error(BatchMetadata metadata, List<LogMessage> logs) {
		if (this.data != null) {
			this.data.close();
		}
		AnnotatedBatch error = (this.output != null)
				? StreamShape.empty(this.output, this.allocator).withMetadata(metadata)
				: this.result.empty(metadata, this.allocator);
		try (OutputCycle cycle = new OutputCycle(logs, error)) {
			this.data = IpcStreamWriter.gather(cycle);
		}
	}

	/**
	 * Require that the body is not too large.
	 * @throws dev.vgi.external.location.ResponseTooLargeException if it is
	 */
	void checkLength() {
		this.budget.requireInline(length());
	}

	/**
	 * Write the body.
	 * @param response its status and headers are set, except for the length
	 * @throws IOException if the caller has disconnected
	 */
	void writeTo(HttpServletResponse response) throws IOException {
		if (response.getStatus() < HttpServletResponse.SC_BAD_REQUEST) {
			// Not for a refusal: a response counts as committed once its full length is
			// written, but a filter may still have to replace it.
			response.setContentLengthLong(length());
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
	 * Return how long the body is.
	 * @return bytes before any content coding
	 */
	long length() {
		return streams().stream().mapToLong(GatheredStream::length).sum();
	}

	/**
	 * Release the batches. Idempotent.
	 */
	@Override
	public void close() {
		streams().forEach(GatheredStream::close);
	}

}
