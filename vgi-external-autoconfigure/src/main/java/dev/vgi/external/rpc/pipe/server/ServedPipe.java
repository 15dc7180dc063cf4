package dev.vgi.external.rpc.pipe.server;

import java.io.IOException;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.StreamStart;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.rpc.pipe.server.PipeCalls.Answering;
import dev.vgi.external.rpc.server.HostedMethods.Hosted;
import dev.vgi.external.rpc.server.MethodTable;
import dev.vgi.external.rpc.server.RequestReader;
import dev.vgi.external.rpc.server.RpcRequest;
import dev.vgi.external.rpc.server.ServedCall;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.util.AutoCloseables;
import org.jspecify.annotations.Nullable;

/**
 * Serves the calls of one connection, one after the other. Used by one thread.
 */
final class ServedPipe {

	private final PipeCalls calls;

	private final Pipe pipe;

	private final String transport;

	private final String caller;

	private final PipeServer.Activity activity;

	private boolean active;

	/**
	 * Whether a stream that names no method may be the input of a call that was refused:
	 * its caller perhaps sends it before it knows.
	 */
	private boolean expectsInput;

	/**
	 * Create the service of one connection.
	 * @param calls serves the calls
	 * @param pipe the connection; borrowed
	 * @param transport what it is
	 * @param caller name of the peer
	 * @param activity is told when a call begins and ends
	 */
	ServedPipe(PipeCalls calls, Pipe pipe, String transport, String caller, PipeServer.Activity activity) {
		this.calls = calls;
		this.pipe = pipe;
		this.transport = transport;
		this.caller = caller;
		this.activity = activity;
	}

	/**
	 * Serve calls until the peer ends the connection, or says what is not Arrow.
	 * @throws IOException if the connection breaks
	 */
	void serve() throws IOException {
		boolean goesOn = true;
		while (goesOn) {
			try {
				goesOn = request().run();
			}
			finally {
				if (this.active) {
					this.active = false;
					this.activity.ends();
				}
			}
		}
	}

	private void begins() {
		if (!this.active) {
			this.active = true;
			this.activity.begins();
		}
	}

	private Rest request() throws IOException {
		AnnotatedBatch sent = null;
		try (CallScope scope = this.calls.scope(this.caller)) {
			try (IpcStreamReader reader = this.calls.reader(this.pipe, scope)) {
				try {
					if (!reader.nextStream()) {
						return Rest.END;
					}
					sent = reader.next();
					reader.endStream();
					if (reader.isBrokenOff()) {
						throw new CorruptStreamException("The stream has no end");
					}
					// Not earlier: a peer that stalls holds memory.
					begins();
				}
				catch (VgiExternalException | OutOfMemoryException ex) {
					begins();
					return unreadable(reader, ex);
				}
			}
			return dispatch(scope, sent);
		}
		finally {
			if (sent != null) {
				// Perhaps nobody has taken it over. Idempotent.
				sent.close();
			}
		}
	}

	private Rest unreadable(IpcStreamReader reader, RuntimeException failure) throws IOException {
		BatchMetadata known = reader.latestMetadata();
		boolean complete = reader.skipBrokenStream();
		boolean input = known != null && !known.contains(MetadataKeys.METHOD);
		if (complete && input && this.expectsInput) {
			this.expectsInput = false;
			return Rest.NEXT;
		}
		// Whether this is the input of the refused call is unknown: it must not be
		// answered if it is, and must be if it is not.
		boolean ambiguous = this.expectsInput && known == null;
		refuse(failure, known, mayStream(known));
		return (complete && !ambiguous) ? Rest.NEXT : Rest.END;
	}

	private boolean mayStream(@Nullable BatchMetadata metadata) {
		String method = (metadata != null) ? metadata.get(MetadataKeys.METHOD) : null;
		try {
			return metadata == null || method == null
					|| this.calls.find(metadata, method).descriptor().kind().isStream();
		}
		catch (RpcBadRequestException ex) {
			return true;
		}
	}

	private void refuse(Throwable refusal, @Nullable BatchMetadata metadata, boolean mayStream) throws IOException {
		this.expectsInput = mayStream;
		send(this.calls.refusal(refusal, PipeCalls.requestId(metadata)));
	}

	private Rest dispatch(CallScope scope, @Nullable AnnotatedBatch sent) throws IOException {
		BatchMetadata metadata = (sent != null) ? sent.metadata() : BatchMetadata.empty();
		String method = metadata.get(MetadataKeys.METHOD);
		if (sent == null || method == null) {
			if (this.expectsInput) {
				this.expectsInput = false;
			}
			else {
				refuse(RequestReader.methodMissing(), metadata, true);
			}
			return Rest.NEXT;
		}
		this.expectsInput = false;
		Hosted hosted;
		try {
			RequestReader.checkVersion(metadata);
			if (method.equals(Pipe.TRANSPORT_OPTIONS)) {
				send(this.calls.transportOptions());
				return Rest.NEXT;
			}
			if (method.equals(MethodTable.METHOD)) {
				send(this.calls.methodTable());
				return Rest.NEXT;
			}
			hosted = this.calls.find(metadata, method);
		}
		catch (RpcBadRequestException ex) {
			refuse(ex, metadata, mayStream(metadata));
			return Rest.NEXT;
		}
		if (hosted.descriptor().kind().isStream()) {
			return open(scope, hosted, sent);
		}
		call(scope, hosted, sent);
		return Rest.NEXT;
	}

	private void call(CallScope scope, Hosted hosted, AnnotatedBatch sent) throws IOException {
		try (Answering call = this.calls.begin(this.transport, hosted.descriptor(), Endpoint.CALL, sent.metadata())) {
			GatheredStream answer;
			try {
				ServedCall served = call.serve(call.arguments(sent));
				Object returned = this.calls.invoker(scope, served).invoke(hosted.handler());
				try (OutputCycle cycle = served.result(returned)) {
					answer = IpcStreamWriter.gather(cycle);
				}
			}
			catch (Exception | Error ex) {
				answer = call.error(ex);
			}
			call.call().answered(answer.length());
			send(answer);
		}
	}

	private Rest open(CallScope scope, Hosted hosted, AnnotatedBatch sent) throws IOException {
		RpcMethodDescriptor method = hosted.descriptor();
		try (Answering call = this.calls.begin(this.transport, method, Endpoint.INIT, sent.metadata())) {
			RpcRequest request;
			try {
				request = call.arguments(sent);
			}
			catch (Exception | Error ex) {
				this.expectsInput = true;
				send(call.error(ex));
				return Rest.NEXT;
			}
			ServedStream stream = null;
			GatheredStream header = null;
			try {
				ServedCall served = call.serve(request);
				Object returned = this.calls.invoker(scope, served).invoke(hosted.handler());
				StreamStart<?> start = served.start(returned);
				stream = opened(call, start);
				OutputCycle cycle = served.header(start);
				header = (cycle != null) ? PipeCalls.gather(cycle) : null;
				stream.opens(call.logs());
			}
			catch (Exception | Error ex) {
				close(header, stream);
				return failedOpening(call.error(ex), method.header() != null);
			}
			try {
				if (header != null) {
					call.call().answered(header.length());
					this.pipe.send(header);
				}
				ServedStream opened = stream;
				stream = null;
				return opened::run;
			}
			finally {
				close(header, stream);
			}
		}
	}

	private static void close(@Nullable AutoCloseable... closing) {
		AutoCloseables.closeNoChecked(() -> AutoCloseables.close(closing));
	}

	private ServedStream opened(Answering call, StreamStart<?> start) {
		HeldState state = new HeldState();
		state.replace(start.state(), null, call.call());
		try {
			// The turn of this state, which must exist, is looked for now.
			this.calls.turns(call.call().descriptor()).turn(start.state());
			return new ServedStream(this.calls, this.pipe, this.caller, call, start, state);
		}
		catch (RuntimeException ex) {
			state.close();
			throw ex;
		}
	}

	// The peer sends the input of the stream all the same. It writes first, unless it
	// waits for a header.
	private Rest failedOpening(GatheredStream error, boolean awaited) throws IOException {
		if (awaited || error.length() <= ServedStream.PIPE_HOLDS) {
			send(error);
			return () -> skipInput(null);
		}
		return () -> skipInput(error);
	}

	private boolean skipInput(@Nullable GatheredStream late) throws IOException {
		try (late;
				CallScope scope = this.calls.scope(this.caller);
				IpcStreamReader reader = this.calls.reader(this.pipe, scope)) {
			boolean arrives = true;
			try {
				arrives = reader.nextStream();
				if (arrives && late != null) {
					close(reader.next());
				}
			}
			catch (VgiExternalException | OutOfMemoryException ex) {
				// Its end may be found all the same.
			}
			if (arrives && late != null) {
				this.pipe.send(late);
			}
			return arrives && ServedStream.endInput(reader);
		}
	}

	private void send(GatheredStream answer) throws IOException {
		try (answer) {
			this.pipe.send(answer);
		}
	}

	/**
	 * What is left of a call once its request has been dealt with.
	 */
	@FunctionalInterface
	interface Rest {

		/** The connection ends. */
		Rest END = () -> false;

		/** There may be another call. */
		Rest NEXT = () -> true;

		/**
		 * Do the rest.
		 * @return whether there may be another call
		 * @throws IOException if the connection breaks
		 */
		boolean run() throws IOException;

	}

}
