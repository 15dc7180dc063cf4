package dev.vgi.external.rpc.pipe.server;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.StreamParts;
import dev.vgi.external.rpc.StreamStart;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.StreamShape;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.rpc.pipe.server.PipeCalls.Answering;
import dev.vgi.external.rpc.server.RequestReader;
import dev.vgi.external.rpc.server.RpcRequest;
import dev.vgi.external.rpc.server.ServedCall;
import dev.vgi.external.rpc.server.StreamTurns;
import dev.vgi.external.rpc.server.TurnOutput;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.util.AutoCloseables;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * One stream that has been opened: its turns, in step with the input that the peer sends.
 * Used by one thread.
 */
final class ServedStream implements AutoCloseable {

	/**
	 * What every pipe holds, in bytes. More must not be written before the peer has
	 * written: both would wait for each other if it writes as much.
	 */
	static final int PIPE_HOLDS = 4096;

	private static final Schema NO_COLUMNS = new Schema(List.of());

	private final PipeCalls calls;

	private final Pipe pipe;

	private final String transport;

	private final String caller;

	private final RpcMethodDescriptor method;

	private final StreamTurns turns;

	private final @Nullable Schema input;

	private final AnnotatedBatch shape;

	private final StreamParts output;

	private final HeldState state;

	/** The beginning of the output, until it is sent. */
	private @Nullable GatheredStream opening;

	/**
	 * Create a stream.
	 * @param calls serves the calls
	 * @param pipe the connection; borrowed
	 * @param caller name of the peer
	 * @param opened the call that has opened it; borrowed
	 * @param start what the method returned
	 * @param state its state; taken over
	 */
	ServedStream(PipeCalls calls, Pipe pipe, String caller, Answering opened, StreamStart<?> start, HeldState state) {
		this.calls = calls;
		this.pipe = pipe;
		this.transport = opened.call().transport();
		this.caller = caller;
		this.method = opened.call().descriptor();
		this.turns = calls.turns(this.method);
		this.input = start.input();
		this.state = state;
		this.shape = StreamShape.empty(start.output(), calls.allocator());
		this.output = new StreamParts(this.shape, calls.allocator());
	}

	/**
	 * Encode the beginning of the output.
	 * @param logs the messages of the opening
	 */
	void opens(List<LogMessage> logs) {
		this.opening = this.output.next(metadata(logs), null, false);
	}

	private static List<BatchMetadata> metadata(List<LogMessage> logs) {
		return logs.stream().map(LogMessage::toMetadata).toList();
	}

	/**
	 * Run the turns, until either side ends the stream and the peer has ended its input.
	 * @return whether there may be another call
	 * @throws IOException if the connection breaks
	 */
	boolean run() throws IOException {
		IpcStreamReader reader = null;
		try {
			while (true) {
				try (CallScope scope = this.calls.scope(this.caller)) {
					boolean first = reader == null;
					if (reader == null) {
						reader = this.calls.reader(this.pipe, scope);
					}
					reader.newAccount(scope.allocator());
					try {
						if (!turn(reader, scope, first)) {
							return endInput(reader);
						}
					}
					finally {
						reader.endAccount();
					}
				}
			}
		}
		finally {
			if (reader != null) {
				reader.close();
			}
			close();
		}
	}

	private boolean turn(IpcStreamReader reader, CallScope scope, boolean first) throws IOException {
		AnnotatedBatch sent = null;
		try {
			if (first) {
				if (!reader.nextStream()) {
					return false;
				}
				// The peer writes first.
				if (this.opening != null && this.opening.length() <= PIPE_HOLDS) {
					sendOpening();
				}
			}
			sent = reader.next();
		}
		catch (VgiExternalException | OutOfMemoryException ex) {
			unreadable(reader, ex);
			return false;
		}
		if (sent == null) {
			if (!reader.isBrokenOff()) {
				send(List.of(), null, true);
			}
			return false;
		}
		try (AnnotatedBatch owned = sent;
				Answering call = this.calls.begin(this.transport, this.method, Endpoint.EXCHANGE, owned.metadata())) {
			if (owned.metadata().contains(MetadataKeys.CANCEL)) {
				cancel(call, scope, owned);
				return false;
			}
			return turn(call, scope, owned);
		}
	}

	private void unreadable(IpcStreamReader reader, RuntimeException failure) throws IOException {
		BatchMetadata known = reader.latestMetadata();
		BatchMetadata metadata = (known != null) ? known : BatchMetadata.empty();
		try (Answering call = this.calls.begin(this.transport, this.method, Endpoint.EXCHANGE, metadata)) {
			send(List.of(call.failed(failure)), null, true);
		}
	}

	private void cancel(Answering call, CallScope scope, AnnotatedBatch sent) throws IOException {
		List<BatchMetadata> last = new ArrayList<>();
		try {
			ServedCall served = call.serve(RpcRequest.ofTurn(sent.metadata()));
			this.turns.cancel(served, this.state.get(), this.calls.invoker(scope, served));
			last.addAll(metadata(call.logs()));
		}
		catch (Exception | Error ex) {
			last.addAll(metadata(call.logs()));
			last.add(call.failed(ex));
		}
		call.call().answered(send(last, null, true));
	}

	private boolean turn(Answering call, CallScope scope, AnnotatedBatch sent) throws IOException {
		AtomicReference<@Nullable Turn> returned = new AtomicReference<>();
		AnnotatedBatch given = null;
		try {
			GatheredStream part;
			boolean goesOn;
			try {
				RequestReader requests = this.calls.requests();
				Schema declared = (this.input != null) ? this.input : NO_COLUMNS;
				AnnotatedBatch batch = sent.isPointer()
						? requests.resolve(call.call(), sent, () -> requests.checkInput(call.call(), declared, sent))
						: sent;
				BatchMetadata metadata = sent.metadata().with(batch.metadata()).withoutPointerKeys();
				given = requests.input(call.call(), declared, batch);
				ServedCall served = call.serve(RpcRequest.ofTurn(metadata));
				StreamTurns.Invoker invoker = this.calls.invoker(scope, served);
				Turn turn = this.turns.run(served, this.state.get(), (this.input != null) ? given : null,
						(handler, provided) -> {
							Object result = invoker.invoke(handler, provided);
							// Also if the stream may not return it.
							returned.set((result instanceof Turn next) ? next : null);
							return result;
						});
				goesOn = turn.nextState() != null;
				try (TurnOutput out = served.output(turn, this.shape, BatchMetadata.empty())) {
					part = this.output.next(metadata(out.logs()), out.batch(), !goesOn);
				}
			}
			catch (Exception | Error ex) {
				List<BatchMetadata> last = new ArrayList<>(metadata(call.logs()));
				last.add(call.failed(ex));
				part = this.output.next(last, null, true);
				goesOn = false;
			}
			call.call().answered(part.length());
			send(part);
			return goesOn;
		}
		finally {
			Turn turn = returned.get();
			if (turn != null) {
				this.state.replace(turn.nextState(), given, call.call());
			}
		}
	}

	private long send(List<BatchMetadata> before, @Nullable AnnotatedBatch data, boolean last) throws IOException {
		GatheredStream part = this.output.next(before, data, last);
		long length = part.length();
		send(part);
		return length;
	}

	private void send(GatheredStream part) throws IOException {
		try (part) {
			sendOpening();
			this.pipe.send(part);
		}
	}

	private void sendOpening() throws IOException {
		if (this.opening != null) {
			try (GatheredStream sent = this.opening) {
				this.opening = null;
				this.pipe.send(sent);
			}
		}
	}

	/**
	 * Read an input to its end: only then the next request begins.
	 * @param reader reads the input
	 * @return whether it has an end
	 */
	static boolean endInput(IpcStreamReader reader) {
		try {
			reader.endStream();
			return !reader.isBrokenOff();
		}
		catch (VgiExternalException | OutOfMemoryException ex) {
			return reader.skipBrokenStream();
		}
	}

	/**
	 * Free what the stream has. Idempotent.
	 */
	@Override
	public void close() {
		List<AutoCloseable> closing = new ArrayList<>(List.of(this.state, this.output, this.shape));
		if (this.opening != null) {
			closing.add(this.opening);
		}
		AutoCloseables.closeNoChecked(() -> AutoCloseables.close(closing));
	}

}
