package dev.vgi.external.rpc.pipe.server;

import java.util.List;
import java.util.function.Supplier;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.mapping.RowMapping;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.rpc.server.CallFailures;
import dev.vgi.external.rpc.server.HandlerInvoker;
import dev.vgi.external.rpc.server.HostedMethods.Hosted;
import dev.vgi.external.rpc.server.MethodTable;
import dev.vgi.external.rpc.server.RequestReader;
import dev.vgi.external.rpc.server.RpcCall;
import dev.vgi.external.rpc.server.RpcErrors;
import dev.vgi.external.rpc.server.RpcRequest;
import dev.vgi.external.rpc.server.ServedCall;
import dev.vgi.external.rpc.server.StreamTurns;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.StringUtils;
import org.springframework.web.ErrorResponse;
import org.springframework.web.bind.support.DefaultDataBinderFactory;
import org.springframework.web.bind.support.WebBindingInitializer;

/**
 * What the calls of all connections need: who is called, with which limits, and how
 * failures are answered. Thread-safe.
 */
final class PipeCalls {

	private static final Log logger = LogFactory.getLog(PipeCalls.class);

	private final PipeMethods methods;

	private final PipeSettings settings;

	private final TransferBudget budget;

	private final BufferAllocator allocator;

	private final ReadOptions options;

	private final RequestReader reader;

	private final Externalizer externalizer;

	private final RpcCallListener listener;

	private final Supplier<CallerPointers> pointers;

	private final HandlerInvoker invoker;

	private final MethodTable table;

	private final RpcErrors errors;

	/**
	 * Create the calls of one server.
	 * @param methods the methods
	 * @param settings how methods are served
	 * @param budget the budget that requests are charged to
	 * @param allocator the owner of the memory of requests and results
	 * @param resolver resolves requests that are pointers
	 * @param externalizer sends large results through storage
	 * @param listener observes calls
	 * @param pointers supplies what the peer has to do with pointers, in the thread that
	 * serves a call
	 * @param binding has the validator, or {@code null} if nothing is validated
	 */
	PipeCalls(PipeMethods methods, PipeSettings settings, TransferBudget budget, BufferAllocator allocator,
			LocationResolver resolver, Externalizer externalizer, RpcCallListener listener,
			Supplier<CallerPointers> pointers, @Nullable WebBindingInitializer binding) {
		this.methods = methods;
		this.settings = settings;
		this.budget = budget;
		this.allocator = allocator;
		this.options = ReadOptions.of(settings.readLimits());
		this.reader = new RequestReader(resolver, settings.readLimits());
		this.externalizer = externalizer;
		this.listener = listener;
		this.pointers = pointers;
		this.invoker = new HandlerInvoker(List.of(methods.arguments()), new DefaultDataBinderFactory(binding), binding);
		this.table = new MethodTable(settings.serverId(), methods.hosted().protocols());
		this.errors = new RpcErrors(settings.serverId(), settings.includeStackTrace());
	}

	/**
	 * Return the owner of the memory of answers.
	 * @return the allocator
	 */
	BufferAllocator allocator() {
		return this.allocator;
	}

	/**
	 * Return what reads requests.
	 * @return the reader
	 */
	RequestReader requests() {
		return this.reader;
	}

	/**
	 * Open the scope of a request or a turn.
	 * @param caller whose requests count together
	 * @return the scope; the caller closes it
	 */
	CallScope scope(String caller) {
		return new CallScope(this.budget, caller, this.allocator);
	}

	/**
	 * Read what arrives next.
	 * @param pipe the connection
	 * @param scope has the memory
	 * @return the reader; the caller closes it
	 */
	IpcStreamReader reader(Pipe pipe, CallScope scope) {
		// The budget is the limit.
		return pipe.reader(Long.MAX_VALUE, scope.allocator(), this.options);
	}

	/**
	 * Find the method that a request is for.
	 * @param metadata the metadata of the request
	 * @param method the name of the method
	 * @return the method
	 * @throws RpcBadRequestException if it is not hosted, or the protocol is missing
	 */
	Hosted find(BatchMetadata metadata, String method) {
		String protocol = metadata.get(MetadataKeys.PROTOCOL);
		if (!StringUtils.hasLength(protocol)) {
			protocol = this.settings.protocolOptional() ? this.methods.hosted().onlyProtocol() : null;
		}
		return this.methods.hosted().require(protocol, method);
	}

	/**
	 * Return what runs the turns of a stream.
	 * @param descriptor the method that starts it
	 * @return the turns of its controller
	 */
	StreamTurns turns(RpcMethodDescriptor descriptor) {
		return this.methods.turns(descriptor);
	}

	/**
	 * Begin a call.
	 * @param transport what carries it
	 * @param method the called method
	 * @param endpoint which part of a call it is
	 * @param metadata the metadata of its request
	 * @return the call; the caller closes it
	 */
	Answering begin(String transport, RpcMethodDescriptor method, Endpoint endpoint, BatchMetadata metadata) {
		ResponseBudget response = new ResponseBudget(null, this.settings.maxExternalizedResponseBytes())
			.forCaller(this.pointers.get());
		return new Answering(new RpcCall(transport, method, endpoint, requestId(metadata), metadata, this.allocator,
				response, this.listener), response);
	}

	static String requestId(@Nullable BatchMetadata metadata) {
		String id = (metadata != null) ? metadata.get(MetadataKeys.REQUEST_ID) : null;
		return (id != null) ? id : "";
	}

	/**
	 * Answer which means of transport this process shares with its peer: none but the
	 * connection.
	 * @return the complete answer; the caller closes it
	 */
	GatheredStream transportOptions() {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.TRANSPORT_SHM, "false")
			.with(MetadataKeys.REQUEST_VERSION, RequestReader.REQUEST_VERSION)
			.with(MetadataKeys.SERVER_ID, this.settings.serverId());
		return gather(new OutputCycle(List.of(), RowMapping.none().empty(metadata, this.allocator)));
	}

	/**
	 * Answer which methods there are.
	 * @return the complete answer; the caller closes it
	 */
	GatheredStream methodTable() {
		return gather(OutputCycle.of(this.table.batch(this.allocator)));
	}

	/**
	 * Answer a request that was refused before its method was known.
	 * @param refusal why
	 * @param requestId identifier of the request, may be empty
	 * @return the complete answer; the caller closes it
	 */
	GatheredStream refusal(Throwable refusal, String requestId) {
		Throwable reason = (refusal instanceof CorruptStreamException corrupt) ? RequestReader.corrupt(corrupt)
				: refusal;
		return gather(new OutputCycle(List.of(),
				RowMapping.none().empty(this.errors.metadata(reason, requestId), this.allocator)));
	}

	/**
	 * Encode a complete stream.
	 * @param cycle what it holds; taken over
	 * @return the stream; the caller closes it
	 */
	static GatheredStream gather(OutputCycle cycle) {
		try (cycle) {
			return IpcStreamWriter.gather(cycle);
		}
	}

	// The same that has a status from 400 to 499 over HTTP.
	private static boolean isRefused(Throwable failure) {
		return failure instanceof RpcBadRequestException || CallFailures.isSecurityFailure(failure)
				|| (failure instanceof ErrorResponse response && response.getStatusCode().is4xxClientError());
	}

	/**
	 * Call a method of a controller.
	 * @param scope the scope of its call
	 * @param served the call
	 * @return calls the methods
	 */
	StreamTurns.Invoker invoker(CallScope scope, ServedCall served) {
		PipeRequest request = scope.serve(served);
		return (handler, provided) -> {
			try {
				return this.invoker.invoke(handler, request, provided);
			}
			finally {
				// An interrupt that the handler leaves would close the connection.
				Thread.interrupted();
			}
		};
	}

	/**
	 * A call that is being answered. Used by one thread.
	 */
	final class Answering implements AutoCloseable {

		private final RpcCall call;

		private final ResponseBudget response;

		private @Nullable ServedCall served;

		private Answering(RpcCall call, ResponseBudget response) {
			this.call = call;
			this.response = response;
		}

		RpcCall call() {
			return this.call;
		}

		/**
		 * Read the arguments of a method.
		 * @param sent the batch of the request; taken over
		 * @return the request
		 */
		RpcRequest arguments(AnnotatedBatch sent) {
			return PipeCalls.this.reader.arguments(this.call, sent);
		}

		/**
		 * Let the call be served: its request has been read.
		 * @param request the request
		 * @return the call as its method sees it
		 */
		ServedCall serve(RpcRequest request) {
			this.served = new ServedCall(this.call, request, PipeCalls.this.externalizer, this.response);
			return this.served;
		}

		/**
		 * Record a failure.
		 * @param failure the failure
		 * @return the metadata of its error batch
		 */
		BatchMetadata failed(Throwable failure) {
			Throwable reason = (failure instanceof CorruptStreamException corrupt) ? RequestReader.corrupt(corrupt)
					: failure;
			this.call.failed(reason, isRefused(reason));
			CallFailures.log(this.call.descriptor(), reason);
			return PipeCalls.this.errors.metadata(reason, this.call.requestId());
		}

		/**
		 * Return the messages that were logged and not yet sent.
		 * @return the messages
		 */
		List<LogMessage> logs() {
			return (this.served != null) ? this.served.takeLogs() : List.of();
		}

		/**
		 * Answer with an error after the messages that were logged.
		 * @param failure the failure
		 * @return the complete answer; the caller closes it
		 */
		GatheredStream error(Throwable failure) {
			BatchMetadata metadata = failed(failure);
			return gather(
					new OutputCycle(logs(), this.call.descriptor().result().empty(metadata, PipeCalls.this.allocator)));
		}

		@Override
		public void close() {
			try {
				this.call.close();
			}
			catch (RuntimeException ex) {
				// The answer is complete all the same, and the next call has its own.
				logger.warn("What a call of " + this.call.descriptor() + " has cannot be closed", ex);
			}
		}

	}

}
