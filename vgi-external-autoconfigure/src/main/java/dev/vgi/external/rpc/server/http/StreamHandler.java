package dev.vgi.external.rpc.server.http;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.StreamStart;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.mapping.RecordRow;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.StreamShape;
import dev.vgi.external.rpc.server.HandlerInvoker;
import dev.vgi.external.rpc.server.RequestReader;
import dev.vgi.external.rpc.server.RpcCall;
import dev.vgi.external.rpc.server.RpcRequest;
import dev.vgi.external.rpc.server.ServedCall;
import dev.vgi.external.rpc.server.StreamTurns;
import dev.vgi.external.rpc.server.TurnOutput;
import dev.vgi.external.rpc.server.http.StreamTokens.Binding;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.web.bind.annotation.ResponseBody;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.context.request.ServletWebRequest;

/**
 * Carries the streams of one method over requests that know nothing of each other: the
 * fixed part of a stream is in its call token, and its state in its cursor, and the
 * caller keeps both. Spring MVC calls it for the turns, {@code POST {method}/exchange}.
 * Thread-safe.
 */
@ResponseBody
final class StreamHandler {

	private static final Log logger = LogFactory.getLog(StreamHandler.class);

	private final RpcMethodDescriptor method;

	private final StreamTurns turns;

	private final StateRows states;

	private final RequestReader reader;

	private final StreamTokens tokens;

	private final HandlerInvoker invoker;

	/**
	 * Create a handler.
	 * @param method the method that starts the streams
	 * @param turns runs the turns
	 * @param reader reads their inputs
	 * @param tokens seals the state
	 * @param invoker calls the methods that run the turns
	 * @throws IllegalStateException if a state has no mapping
	 */
	StreamHandler(RpcMethodDescriptor method, StreamTurns turns, RequestReader reader, StreamTokens tokens,
			HandlerInvoker invoker) {
		this.method = method;
		this.turns = turns;
		this.states = new StateRows(turns);
		this.reader = reader;
		this.tokens = tokens;
		this.invoker = invoker;
	}

	RpcMethodDescriptor method() {
		return this.method;
	}

	/**
	 * Read the request of a turn.
	 * @param call the call
	 * @param binding the method and the caller, which tokens are bound to
	 * @param sent the batch of its request; taken over
	 * @return the request
	 * @throws RpcBadRequestException if it is not a request of an open stream
	 */
	TurnRequest read(RpcCall call, Binding binding, AnnotatedBatch sent) {
		BatchMetadata metadata = sent.metadata();
		AnnotatedBatch batch = sent;
		if (sent.isPointer() && !metadata.contains(MetadataKeys.CANCEL)) {
			// Checked before the fetch: the caller must hold a stream, and the columns
			// must fit.
			batch = this.reader.resolve(call, sent, () -> {
				OpenStream stream = open(call, binding, metadata).stream();
				if (stream.input() != null) {
					this.reader.checkInput(call, stream.input(), sent);
				}
			});
		}
		call.own(batch);
		// The cursor inside the stored batch takes precedence over that of the pointer.
		BatchMetadata merged = metadata.with(batch.metadata());
		RequestReader.checkProtocol(call.descriptor(), merged);
		Position position = open(call, binding, merged);
		boolean cancelled = merged.contains(MetadataKeys.CANCEL);
		OpenStream stream = position.stream();
		AnnotatedBatch input = (stream.input() != null && !cancelled) ? this.reader.input(call, stream.input(), batch)
				: null;
		RpcRequest request = RpcRequest
			.ofTurn(merged.without(MetadataKeys.STREAM_STATE, MetadataKeys.CALL_STATE).withoutPointerKeys());
		return new TurnRequest(request, stream, position.state(), input, cancelled);
	}

	private Position open(RpcCall call, Binding binding, BatchMetadata metadata) {
		byte[] cursorContent = this.tokens.open(StreamTokens.Use.CURSOR, binding,
				metadata.get(MetadataKeys.STREAM_STATE));
		byte[] callContent = this.tokens.open(StreamTokens.Use.CALL, binding, metadata.get(MetadataKeys.CALL_STATE));
		try {
			OpenStream.Cursor cursor = OpenStream.Cursor.from(cursorContent);
			OpenStream stream = OpenStream.from(callContent);
			RecordRow row = this.states.named(cursor.type());
			if (row == null || !stream.id().equals(cursor.stream())) {
				throw StreamTokens.invalid();
			}
			return new Position(stream, state(call, row, cursor.row()));
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
	 * Start a stream: its header, and the first turn of a producer.
	 * @param served the request; its body receives the output
	 * @param returned the method's result
	 * @param request the request
	 * @throws Exception the exception that the turn threw
	 */
	void start(ServedRequest served, @Nullable Object returned, NativeWebRequest request) throws Exception {
		ServedCall call = served.call();
		StreamStart<?> start = call.start(returned);
		OutputCycle header = call.header(start);
		if (header != null) {
			served.body().header(header);
		}
		OpenStream stream = OpenStream.start(start, served.acceptedResponseBytes());
		served.body().opens(stream.output());
		String callToken = this.tokens.seal(StreamTokens.Use.CALL, served.binding(), stream.toBytes());
		if (start.input() == null) {
			turn(served, new Position(stream, start.state()), null, callToken, request);
			return;
		}
		emitNothing(served, stream, cursor(served, stream, start.state()).with(MetadataKeys.CALL_STATE, callToken));
	}

	/**
	 * Run the next turn of a stream, or end it.
	 * @param request the request, which was read already
	 * @param response the response
	 * @throws Exception the exception that the turn threw
	 */
	void exchange(HttpServletRequest request, HttpServletResponse response) throws Exception {
		NativeWebRequest webRequest = new ServletWebRequest(request, response);
		ServedRequest served = ServedRequest.of(request);
		TurnRequest asked = served.turn();
		Assert.state(asked != null, "The request of a stream was not read");
		if (asked.cancelled()) {
			this.turns.cancel(served.call(), asked.state(), invoker(webRequest));
			emitNothing(served, asked.stream(), null);
		}
		else {
			turn(served, new Position(asked.stream(), asked.state()), asked.input(), null, webRequest);
		}
		served.write(response);
	}

	private void turn(ServedRequest served, Position position, @Nullable AnnotatedBatch input,
			@Nullable String callToken, NativeWebRequest request) throws Exception {
		ServedCall call = served.call();
		OpenStream stream = position.stream();
		Turn turn = this.turns.run(call, position.state(), input, invoker(request));
		Record next = turn.nextState();
		BatchMetadata cursor = (next != null) ? cursor(served, stream, next) : null;
		BatchMetadata token = (cursor != null && callToken != null) ? cursor.with(MetadataKeys.CALL_STATE, callToken)
				: cursor;
		// Peers read the cursor of an exchange from the metadata of the answer itself,
		// even if it is stored.
		BatchMetadata inside = (stream.input() != null && cursor != null) ? cursor : BatchMetadata.empty();
		try (AnnotatedBatch shape = StreamShape.empty(stream.output(), call.allocator());
				TurnOutput output = call.output(turn, shape, inside)) {
			served.body().turn(shape, output, inside.isEmpty() ? token : null);
		}
	}

	private static void emitNothing(ServedRequest served, OpenStream stream, @Nullable BatchMetadata token) {
		ServedCall call = served.call();
		try (AnnotatedBatch shape = StreamShape.empty(stream.output(), call.allocator())) {
			served.body().turn(shape, new TurnOutput(call.takeLogs(), null), token);
		}
	}

	private StreamTurns.Invoker invoker(NativeWebRequest request) {
		return (handler, provided) -> this.invoker.invoke(handler, request, provided);
	}

	private BatchMetadata cursor(ServedRequest served, OpenStream stream, Record state) {
		RpcCall call = served.call().call();
		RecordRow row = this.states.of(state);
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
				this.tokens.seal(StreamTokens.Use.CURSOR, served.binding(), content));
	}

	/**
	 * Where a stream is.
	 *
	 * @param stream the stream
	 * @param state its state
	 */
	private record Position(OpenStream stream, Record state) {

	}

	/**
	 * The request of a stream's turn.
	 *
	 * @param request what the caller sent
	 * @param stream the stream
	 * @param state the stream's state
	 * @param input the input batch, owned by the call; {@code null} for a producer
	 * @param cancelled whether the stream is cancelled
	 */
	record TurnRequest(RpcRequest request, OpenStream stream, Record state, @Nullable AnnotatedBatch input,
			boolean cancelled) {

	}

}
