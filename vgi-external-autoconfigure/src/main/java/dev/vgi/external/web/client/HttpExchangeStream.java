package dev.vgi.external.web.client;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.CallContext;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * An exchange over HTTP. The next cursor may come in the answer itself, with the pointer
 * to it or beside it; without one the stream continues at the same cursor. Used by one
 * thread at a time.
 */
final class HttpExchangeStream extends HttpStream {

	/** Where to continue if the answer itself has no cursor. */
	private @Nullable String next;

	HttpExchangeStream(InputSender inputs, ServiceRequest turns, TurnReply opening, BufferAllocator allocator) {
		super(inputs, turns, opening, allocator);
	}

	@Override
	public boolean isLive() {
		return cursor() != null;
	}

	@Override
	public AnnotatedBatch turn(@Nullable AnnotatedBatch input, CallContext context) {
		Assert.state(input != null, "a turn of an exchange has an input");
		TurnReply reply = send(input, context, Answer::exchangeTurn);
		AnnotatedBatch answer = reply.poll();
		Assert.state(answer != null, "a turn of an exchange has one batch");
		String onAnswer = answer.metadata().get(MetadataKeys.STREAM_STATE);
		this.next = (onAnswer != null) ? onAnswer : reply.cursor();
		return answer;
	}

	@Override
	public BatchMetadata accept(BatchMetadata metadata) {
		String inside = metadata.get(MetadataKeys.STREAM_STATE);
		String next = (inside != null) ? inside : this.next;
		if (next != null) {
			continueAt(next);
		}
		return super.accept(metadata);
	}

}
