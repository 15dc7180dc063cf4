package dev.vgi.external.rpc.client;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.ServiceClient;
import dev.vgi.external.call.StreamCall;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcResult;
import dev.vgi.external.rpc.method.MethodKind;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.jspecify.annotations.Nullable;

import org.springframework.core.MethodParameter;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.util.Assert;
import org.springframework.web.service.invoker.HttpExchangeAdapter;
import org.springframework.web.service.invoker.HttpExchangeAdapterDecorator;
import org.springframework.web.service.invoker.HttpRequestValues;
import org.springframework.web.service.invoker.HttpServiceArgumentResolver;
import org.springframework.web.service.invoker.HttpServiceProxyFactory;

/**
 * Creates clients of interfaces with {@link RpcMethod} methods: extends Spring's HTTP
 * interface clients by the arguments and results of such methods. Thread-safe, and so are
 * the clients.
 * <p>
 * A client throws {@link dev.vgi.external.batch.ErrorBatchException} for an error of the
 * service and other {@link dev.vgi.external.VgiExternalException}s for failures on the
 * way; an argument that does not fit its Arrow type is an
 * {@link IllegalArgumentException}. Arguments are borrowed. The caller owns batches in a
 * result, and streams. Errors of void methods are thrown like all others.
 */
public final class RpcClients {

	private static final String CALL = RpcClients.class.getName() + ".call";

	private final RpcMethods methods = new RpcMethods();

	private final Supplier<? extends ServiceClient> service;

	private final BufferAllocator allocator;

	private final LogSink logs;

	private final RpcClientListener listener;

	private RpcClients(Supplier<? extends ServiceClient> service, BufferAllocator allocator, LogSink logs,
			RpcClientListener listener) {
		Assert.notNull(service, "'service' must not be null");
		Assert.notNull(allocator, "'allocator' must not be null");
		Assert.notNull(logs, "'logs' must not be null");
		Assert.notNull(listener, "'listener' must not be null");
		this.service = service;
		this.allocator = allocator;
		this.logs = logs;
		this.listener = listener;
	}

	/**
	 * Create clients of one service. Log messages of the service go to this application's
	 * log.
	 * @param service the service
	 * @param allocator the owner of the memory of requests and results
	 */
	public RpcClients(ServiceClient service, BufferAllocator allocator) {
		this(service, allocator, new RemoteLog());
	}

	/**
	 * Create clients of one service.
	 * @param service the service
	 * @param allocator the owner of the memory of requests and results
	 * @param logs receives the log messages of the service, on the calling thread
	 */
	public RpcClients(ServiceClient service, BufferAllocator allocator, LogSink logs) {
		this(() -> service, allocator, logs, RpcClientListener.none());
	}

	/**
	 * Create clients of one service that is looked up with the first call.
	 * @param service supplies the service, the same every time
	 * @param allocator the owner of the memory of requests and results
	 * @param logs receives the log messages of the service, on the calling thread;
	 * {@code null} for this application's log
	 * @return the clients
	 */
	public static RpcClients lazily(Supplier<? extends ServiceClient> service, BufferAllocator allocator,
			@Nullable LogSink logs) {
		return new RpcClients(service, allocator, (logs != null) ? logs : new RemoteLog(), RpcClientListener.none());
	}

	/**
	 * Return clients whose calls are observed.
	 * @param listener is told about every call, and supplies the trace that the service
	 * continues
	 * @return clients that share everything else
	 */
	public RpcClients watchedBy(RpcClientListener listener) {
		return new RpcClients(this.service, this.allocator, this.logs, listener);
	}

	/**
	 * Create a client.
	 * @param <T> the interface
	 * @param type an interface whose methods are all RPC methods
	 * @return the client
	 */
	public <T> T createClient(Class<T> type) {
		HttpServiceProxyFactory.Builder builder = HttpServiceProxyFactory.builderFor(new NoOtherExchange());
		configure(builder);
		return builder.build().createClient(type);
	}

	/**
	 * Add RPC methods to the methods that a factory's clients support. Other methods of
	 * their interfaces are not affected.
	 * @param builder the factory's builder
	 */
	public void configure(HttpServiceProxyFactory.Builder builder) {
		builder.customArgumentResolver(new ArgumentResolver())
			.httpRequestValuesProcessor(this::attachCall)
			.exchangeAdapterDecorator(RpcExchangeAdapter::new);
	}

	private void attachCall(Method method, MethodParameter[] parameters, @Nullable Object[] arguments,
			HttpRequestValues.Builder request) {
		RpcMethodDescriptor descriptor = this.methods.find(method);
		if (descriptor != null) {
			request.addAttribute(CALL, new Call(descriptor, columns(descriptor, arguments)));
		}
	}

	private static @Nullable Object[] columns(RpcMethodDescriptor descriptor, @Nullable Object[] arguments) {
		@Nullable Object[] columns = new @Nullable Object[descriptor.parameters().schema().getFields().size()];
		for (int i = 0; i < arguments.length; i++) {
			if (descriptor.column(i) >= 0) {
				columns[descriptor.column(i)] = arguments[i];
			}
		}
		return columns;
	}

	private @Nullable Object call(Call call) {
		RpcMethodDescriptor method = call.method();
		ServiceClient client = this.service.get();
		WatchedCall watched = new WatchedCall(method, client.transport(), CallContext.of(this.logs), this.listener);
		Object result = watched.within(() -> {
			try (AnnotatedBatch request = method.parameters()
				.write(call.arguments(), watched.traced(metadata(method)), this.allocator, (embedded) -> {
				})) {
				return method.kind().isStream() ? open(client, method, request, watched)
						: call(client, method, request, watched.context());
			}
		});
		if (!method.kind().isStream()) {
			watched.end();
		}
		return result;
	}

	private static BatchMetadata metadata(RpcMethodDescriptor method) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, method.name())
			.with(MetadataKeys.REQUEST_VERSION, "1")
			.with(MetadataKeys.PROTOCOL, method.protocol());
		if (method.protocolVersion() != null) {
			metadata = metadata.with(MetadataKeys.PROTOCOL_VERSION, method.protocolVersion());
		}
		return metadata.with(MetadataKeys.REQUEST_ID,
				HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong()));
	}

	private @Nullable Object call(ServiceClient client, RpcMethodDescriptor method, AnnotatedBatch request,
			CallContext traffic) {
		try (AnnotatedBatch answer = client.call(request, traffic)) {
			Object value = method.isVoid() ? null : read(method, answer);
			return method.isReferring() ? RpcResult.of(value) : value;
		}
	}

	private ClientStream open(ServiceClient client, RpcMethodDescriptor method, AnnotatedBatch request,
			WatchedCall watched) {
		boolean header = method.header() != null;
		StreamCall stream = (method.kind() == MethodKind.PRODUCER)
				? client.openProducer(request, header, watched.context())
				: client.openExchange(request, header, watched.context());
		return ClientStream.of(stream, method.header(), this.allocator, watched);
	}

	private @Nullable Object read(RpcMethodDescriptor method, AnnotatedBatch answer) {
		List<AutoCloseable> embedded = new ArrayList<>();
		try {
			return method.result().read(answer, this.allocator, embedded::add)[0];
		}
		catch (RuntimeException | Error ex) {
			AutoCloseables.close(ex, embedded);
			throw ex;
		}
	}

	/**
	 * A call that is being prepared.
	 *
	 * @param method the called method
	 * @param arguments one value per column
	 */
	private record Call(RpcMethodDescriptor method, @Nullable Object[] arguments) {

	}

	/**
	 * Handles the arguments of RPC methods, which are sent with the call.
	 */
	private final class ArgumentResolver implements HttpServiceArgumentResolver {

		@Override
		public boolean resolve(@Nullable Object argument, MethodParameter parameter,
				HttpRequestValues.Builder request) {
			return parameter.getMethod() != null && RpcClients.this.methods.find(parameter.getMethod()) != null;
		}

	}

	/**
	 * Executes RPC methods.
	 */
	private final class RpcExchangeAdapter extends HttpExchangeAdapterDecorator {

		RpcExchangeAdapter(HttpExchangeAdapter delegate) {
			super(delegate);
		}

		@Override
		public void exchange(HttpRequestValues request) {
			if (request.getAttributes().get(CALL) instanceof Call call) {
				call(call);
				return;
			}
			super.exchange(request);
		}

		@Override
		@SuppressWarnings("unchecked")
		public <T> @Nullable T exchangeForBody(HttpRequestValues request, ParameterizedTypeReference<T> bodyType) {
			if (request.getAttributes().get(CALL) instanceof Call call) {
				Object result = call(call);
				// Spring wraps the body of a method that returns an Optional.
				return (T) ((result instanceof Optional<?> optional) ? optional.orElse(null) : result);
			}
			return super.exchangeForBody(request, bodyType);
		}

	}

	/**
	 * Takes the place of an HTTP client for methods that are not RPC methods.
	 */
	private static final class NoOtherExchange implements HttpExchangeAdapter {

		@Override
		public boolean supportsRequestAttributes() {
			return true;
		}

		@Override
		public void exchange(HttpRequestValues request) {
			throw refusal();
		}

		@Override
		public HttpHeaders exchangeForHeaders(HttpRequestValues request) {
			throw refusal();
		}

		@Override
		public <T> @Nullable T exchangeForBody(HttpRequestValues request, ParameterizedTypeReference<T> bodyType) {
			throw refusal();
		}

		@Override
		public ResponseEntity<Void> exchangeForBodilessEntity(HttpRequestValues request) {
			throw refusal();
		}

		@Override
		public <T> ResponseEntity<T> exchangeForEntity(HttpRequestValues request,
				ParameterizedTypeReference<T> bodyType) {
			throw refusal();
		}

		private static UnsupportedOperationException refusal() {
			return new UnsupportedOperationException("The method has no @RpcMethod");
		}

	}

}
