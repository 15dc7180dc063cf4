package dev.vgi.external.web.client;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.StreamTransport;
import dev.vgi.external.web.client.ServiceResponse.AnswerReader;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A stream over HTTP. It keeps no connection between its turns: the service's state
 * travels in tokens. Used by one thread at a time.
 */
abstract class HttpStream implements StreamTransport {

	private static final Schema NO_COLUMNS = new Schema(List.of());

	private final InputSender inputs;

	private final ServiceRequest turns;

	private final BufferAllocator allocator;

	private final @Nullable String callToken;

	private @Nullable String cursor;

	private @Nullable AnnotatedBatch header;

	/**
	 * Create a stream.
	 * @param inputs sends the requests
	 * @param turns the request of each turn, without its body
	 * @param opening the first turn with the header; taken over
	 * @param allocator the owner of the requests' memory
	 */
	HttpStream(InputSender inputs, ServiceRequest turns, TurnReply opening, BufferAllocator allocator) {
		this.inputs = inputs;
		this.turns = turns;
		this.allocator = allocator;
		this.callToken = opening.callToken();
		this.cursor = opening.cursor();
		this.header = opening.takeHeader();
	}

	@Override
	public final @Nullable AnnotatedBatch takeHeader() {
		AnnotatedBatch taken = this.header;
		this.header = null;
		return taken;
	}

	final @Nullable String cursor() {
		return this.cursor;
	}

	final void continueAt(@Nullable String cursor) {
		this.cursor = cursor;
	}

	/**
	 * Send a turn.
	 * @param input the input; borrowed
	 * @param context the call
	 * @param reader reads the answer
	 * @return the answer
	 */
	final TurnReply send(AnnotatedBatch input, CallContext context, AnswerReader<TurnReply> reader) {
		// A view of the same vectors, which stay the caller's.
		return this.inputs.send(this.turns,
				new AnnotatedBatch(input.root(), input.dictionaries(), input.metadata().with(tokens())), context,
				reader);
	}

	/**
	 * Send a turn without an input.
	 * @param metadata what is sent besides the tokens
	 * @param context the call
	 * @param reader reads the answer
	 * @return the answer
	 */
	final TurnReply send(BatchMetadata metadata, CallContext context, AnswerReader<TurnReply> reader) {
		try (AnnotatedBatch empty = AnnotatedBatch.empty(NO_COLUMNS, tokens().with(metadata), this.allocator)) {
			return this.inputs.send(this.turns, empty, context, reader);
		}
	}

	private BatchMetadata tokens() {
		Assert.state(this.cursor != null, "The stream is over");
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.STREAM_STATE, this.cursor);
		return (this.callToken != null) ? metadata.with(MetadataKeys.CALL_STATE, this.callToken) : metadata;
	}

	@Override
	public BatchMetadata accept(BatchMetadata metadata) {
		return metadata.without(MetadataKeys.STREAM_STATE, MetadataKeys.CALL_STATE);
	}

	@Override
	public final void cancel(CallContext context) {
		if (this.cursor == null) {
			return;
		}
		try {
			send(BatchMetadata.of(MetadataKeys.CANCEL, "1"), context, Answer::skipped);
		}
		finally {
			this.cursor = null;
		}
	}

	@Override
	public void close() {
		AnnotatedBatch untaken = takeHeader();
		if (untaken != null) {
			untaken.close();
		}
	}

}
