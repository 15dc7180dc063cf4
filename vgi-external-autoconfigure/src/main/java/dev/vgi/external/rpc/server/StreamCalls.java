package dev.vgi.external.rpc.server;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.StreamStart;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.mapping.RecordRow;
import dev.vgi.external.rpc.method.StreamShape;
import dev.vgi.external.rpc.server.StreamTurns.TurnMethod;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.web.context.request.NativeWebRequest;

/**
 * Starts streams, runs their turns and ends them. Keeps nothing between turns: the fixed
 * part of a stream is in its call token, and its state in its cursor. Thread-safe.
 */
final class StreamCalls {

	private static final Log logger = LogFactory.getLog(StreamCalls.class);

	private final StreamTokens tokens;

	private final HandlerInvoker invoker;

	StreamCalls(StreamTokens tokens, HandlerInvoker invoker) {
		this.tokens = tokens;
		this.invoker = invoker;
	}

	/**
	 * Start a stream: its header, and the first turn of a producer.
	 * @param call the call; its body receives the output
	 * @param turns the methods that run the turns
	 * @param returned the method's result
	 * @param request the request
	 * @throws Exception the exception that the turn threw
	 */
	void start(RpcCall call, StreamTurns turns, @Nullable Object returned, NativeWebRequest request) throws Exception {
		Assert.state(returned instanceof StreamStart<?>, () -> call.descriptor()
				+ " must return ProducerStream.of(…) or ExchangeStream.of(…), but returned " + returned);
		StreamStart<?> start = (StreamStart<?>) returned;
		RecordRow header = call.descriptor().header();
		if (header != null) {
			Object value = start.headerOrNull();
			Assert.state(value != null, () -> call.descriptor() + " declares a header but its stream has none");
			AnnotatedBatch batch = header.write(value, BatchMetadata.empty(), call.allocator(), call::own);
			call.body().header(new OutputCycle(call.takeLogs(), batch));
		}
		OpenStream stream = OpenStream.start(start, call.acceptedResponseBytes());
		call.streaming(stream.output());
		String callToken = this.tokens.seal(StreamTokens.Use.CALL, call.binding(), stream.toBytes());
		if (start.input() == null) {
			turn(call, turns, stream, start.state(), null, callToken, request);
			return;
		}
		BatchMetadata token = cursor(call, turns, stream, start.state()).with(MetadataKeys.CALL_STATE, callToken);
		try (AnnotatedBatch shape = StreamShape.empty(stream.output(), call.allocator())) {
			call.body().turn(shape, call.takeLogs(), token);
		}
	}

	/**
	 * Run the next turn of a stream, or end it.
	 * @param call the call, whose request was read
	 * @param turns the methods that run the turns
	 * @param request the request
	 * @throws Exception the exception that the turn threw
	 */
	void resume(RpcCall call, StreamTurns turns, NativeWebRequest request) throws Exception {
		TurnRequest asked = call.turn();
		Assert.state(asked != null, "The request of a stream was not read");
		if (!asked.cancelled()) {
			turn(call, turns, asked.stream(), asked.state(), asked.input(), null, request);
			return;
		}
		TurnMethod cancel = turns.cancel(asked.state());
		if (cancel != null) {
			this.invoker.invoke(cancel.handler(), request, asked.state(), call);
		}
		try (AnnotatedBatch shape = StreamShape.empty(asked.stream().output(), call.allocator())) {
			call.body().turn(shape, call.takeLogs(), null);
		}
	}

	private void turn(RpcCall call, StreamTurns turns, OpenStream stream, Record state, @Nullable AnnotatedBatch input,
			@Nullable String callToken, NativeWebRequest request) throws Exception {
		List<Object> provided = new ArrayList<>(List.of(state, call));
		if (input != null) {
			provided.addAll(List.of(input, input.root()));
		}
		Object returned = this.invoker.invoke(turns.turn(state).handler(), request, provided.toArray());
		Assert.state(returned instanceof Turn, () -> call.descriptor() + ": a turn returned no Turn");
		Turn turn = (Turn) returned;
		if (turn.batch() != null) {
			call.own(turn.batch());
		}
		Record next = turn.nextState();
		boolean exchange = stream.input() != null;
		Assert.state(turn.ref() == null || (!exchange && call.descriptor().isExternalizing()),
				() -> call.descriptor() + ": a reference is for a producer that may externalise");
		Assert.state(!exchange || (turn.batch() != null && next != null),
				() -> call.descriptor() + ": a turn of an exchange must emit a batch and a next state");
		BatchMetadata cursor = (next != null) ? cursor(call, turns, stream, next) : null;
		List<LogMessage> logs = new ArrayList<>(call.takeLogs());
		logs.addAll(turn.logs());
		try (AnnotatedBatch shape = StreamShape.empty(stream.output(), call.allocator())) {
			BatchMetadata token = (cursor != null && callToken != null)
					? cursor.with(MetadataKeys.CALL_STATE, callToken) : cursor;
			if (turn.ref() != null) {
				AnnotatedBatch pointer = turn.ref().pointerBatch(shape, call.allocator());
				call.body().turn(shape, new OutputCycle(logs, pointer), token);
			}
			else {
				put(call.body(), turn.batch(), logs, shape, cursor, exchange, token);
			}
		}
	}

	private static void put(ResponseBody body, @Nullable AnnotatedBatch batch, List<LogMessage> logs,
			AnnotatedBatch shape, @Nullable BatchMetadata cursor, boolean exchange, @Nullable BatchMetadata token) {
		if (batch == null) {
			body.turn(shape, logs, null);
			return;
		}
		BatchMetadata metadata = batch.metadata().withoutProtocolKeys();
		if (exchange && cursor != null) {
			// Peers read the cursor from the metadata of the answer itself, even if it is
			// stored.
			body.turn(shape, new OutputCycle(logs, StreamShape.conform(batch, shape, metadata.with(cursor))), null);
			return;
		}
		body.turn(shape, new OutputCycle(logs, StreamShape.conform(batch, shape, metadata)), token);
	}

	private BatchMetadata cursor(RpcCall call, StreamTurns turns, OpenStream stream, Record state) {
		RecordRow row = turns.turn(state).state();
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (AnnotatedBatch batch = row.write(state, BatchMetadata.empty(), call.allocator(), call::own);
				GatheredStream gathered = IpcStreamWriter.gather(OutputCycle.of(batch))) {
			gathered.writeTo(Channels.newChannel(bytes));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		byte[] content = stream.cursor(row.type().getName(), bytes.toByteArray());
		return BatchMetadata.of(MetadataKeys.STREAM_STATE,
				this.tokens.seal(StreamTokens.Use.CURSOR, call.binding(), content));
	}

	/**
	 * Open the tokens of a request.
	 * @param call the call
	 * @param turns the methods that run the turns
	 * @param metadata contains the tokens
	 * @return the stream and its state, without any input
	 * @throws RpcBadRequestException if a token is invalid
	 */
	TurnRequest open(RpcCall call, StreamTurns turns, BatchMetadata metadata) {
		byte[] cursorContent = this.tokens.open(StreamTokens.Use.CURSOR, call.binding(),
				metadata.get(MetadataKeys.STREAM_STATE));
		byte[] callContent = this.tokens.open(StreamTokens.Use.CALL, call.binding(),
				metadata.get(MetadataKeys.CALL_STATE));
		try {
			OpenStream.Cursor cursor = OpenStream.Cursor.from(cursorContent);
			OpenStream stream = OpenStream.from(callContent);
			TurnMethod turn = turns.turn(cursor.type());
			if (turn == null || !stream.id().equals(cursor.stream())) {
				throw StreamTokens.invalid();
			}
			boolean cancelled = metadata.contains(MetadataKeys.CANCEL);
			return new TurnRequest(stream, state(call, turn.state(), cursor.row()), null, cancelled);
		}
		catch (RpcBadRequestException ex) {
			throw ex;
		}
		catch (RuntimeException ex) {
			// Another version of the service may have sealed the content. It then counts
			// as invalid.
			logger.debug("The content of a token cannot be read", ex);
			throw StreamTokens.invalid();
		}
	}

	private static Record state(RpcCall call, RecordRow row, byte[] bytes) {
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, call.inbound());
				AnnotatedBatch batch = reader.nextStream() ? reader.next() : null) {
			if (batch == null) {
				throw StreamTokens.invalid();
			}
			row.row().check(batch);
			return (Record) row.read(batch, call.inbound(), call::own);
		}
	}

	/**
	 * The request of a stream's turn.
	 *
	 * @param stream the stream
	 * @param state the stream's state
	 * @param input the input batch, owned by the call; {@code null} for a producer
	 * @param cancelled whether the stream is cancelled
	 */
	record TurnRequest(OpenStream stream, Record state, @Nullable AnnotatedBatch input, boolean cancelled) {

		TurnRequest withInput(@Nullable AnnotatedBatch input) {
			return new TurnRequest(this.stream, this.state, input, this.cancelled);
		}

	}

}
