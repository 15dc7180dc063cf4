package dev.vgi.external.web.client;

import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.CallTransport;
import dev.vgi.external.call.StreamTransport;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.ResolvedReader;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.client.CallAddress.Step;
import dev.vgi.external.web.client.MethodRouter.Reply;
import dev.vgi.external.web.client.ServiceResponse.AnswerReader;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpMethod;
import org.springframework.web.client.RestClient;

/**
 * Carries calls over HTTP: one request for a unary call or a turn of a stream, whose
 * input may travel through storage. Thread-safe.
 */
final class HttpTransport implements CallTransport {

	private final ServiceConnection service;

	private final UploadUrls uploadUrls;

	private final InputSender inputs;

	private final ReaderSender readers;

	private final MethodRouter router;

	private final LocationResolver resolver;

	private final BufferAllocator allocator;

	HttpTransport(VgiClient.Builder builder, RestClient restClient) {
		this.service = new ServiceConnection(builder, restClient);
		this.uploadUrls = new UploadUrls(this.service, builder.allocator);
		this.inputs = new InputSender(builder, this.service, this.uploadUrls);
		this.readers = new ReaderSender(builder, this.service, this.uploadUrls);
		this.router = new MethodRouter(this.service, builder.dialect);
		this.resolver = builder.resolver;
		this.allocator = builder.allocator;
	}

	@Override
	public String name() {
		return "http";
	}

	Capabilities capabilities() {
		return this.service.capabilities();
	}

	List<UploadUrl> requestUploadUrls(int count) {
		return this.uploadUrls.request(count);
	}

	/**
	 * Carry a unary call to a path.
	 * @param path the path below the prefix, in either dialect
	 * @param request the request batch; borrowed
	 * @param context the call
	 * @return the data batch of the answer, possibly a pointer; the caller closes it
	 */
	AnnotatedBatch call(String path, AnnotatedBatch request, CallContext context) {
		ServiceRequest target = ServiceRequest.call(path, Dialect.FLAT,
				request.metadata().get(MetadataKeys.REQUEST_ID));
		return this.inputs.send(target, request, context, Answer::one);
	}

	/**
	 * Read a path batch by batch.
	 * @param path the path below the prefix
	 * @param logs receives the log messages
	 * @return the reader; the caller closes it
	 */
	ArrowReader read(String path, LogSink logs) {
		return this.service.send(ServiceRequest.repeatable(HttpMethod.GET, path), (response) -> lazily(response, logs));
	}

	private ArrowReader lazily(ServiceResponse response, LogSink logs) throws IOException {
		return new ResolvedReader(resolver().ahead(response.readLazily(logs), this.allocator, logs, true),
				this.allocator);
	}

	/**
	 * Send everything that a reader yields to a path.
	 * @param path the path below the prefix
	 * @param input the reader; taken over, also on failure
	 * @param type the type of the result; a batch may be a pointer
	 * @param context the call
	 * @return the result, or {@code null} for none
	 */
	@Nullable Object send(String path, ArrowReader input, Class<?> type, CallContext context) {
		ServiceRequest request = ServiceRequest.call(path, Dialect.FLAT, null);
		ServiceRequest target = (type == AnnotatedBatch.class || type == ArrowReader.class) ? request
				: request.acceptingAnything();
		return this.readers
			.<Optional<Object>>send(input, context,
					(body) -> this.service.send(target.with(body), (response) -> result(response, type, context)))
			.orElse(null);
	}

	private @Nullable Optional<Object> result(ServiceResponse response, Class<?> type, CallContext context)
			throws IOException {
		if (response.status() == ServiceResponse.PAYLOAD_TOO_LARGE) {
			return null;
		}
		if (type == ArrowReader.class) {
			return Optional.of(lazily(response, context.logs()));
		}
		return Optional
			.ofNullable((type == AnnotatedBatch.class) ? response.read(context, Answer::one) : response.convert(type));
	}

	@Override
	public AnnotatedBatch call(AnnotatedBatch request, CallContext context) {
		return send(CallAddress.of(request.metadata(), Step.UNARY), request, context, Answer::one).value();
	}

	@Override
	public StreamTransport openProducer(AnnotatedBatch request, boolean header, CallContext context) {
		CallAddress address = CallAddress.of(request.metadata(), Step.INIT);
		Reply<TurnReply> opened = send(address, request, context,
				(answer) -> answer.opening(header, Answer::producerTurn));
		return new HttpProducerStream(this.inputs, turns(address, opened), opened.value(), this.allocator);
	}

	@Override
	public StreamTransport openExchange(AnnotatedBatch request, boolean header, CallContext context) {
		CallAddress address = CallAddress.of(request.metadata(), Step.INIT);
		Reply<TurnReply> opened = send(address, request, context,
				(answer) -> answer.opening(header, Answer::exchangeOpening));
		return new HttpExchangeStream(this.inputs, turns(address, opened), opened.value(), this.allocator);
	}

	private <T> Reply<T> send(CallAddress address, AnnotatedBatch request, CallContext context,
			AnswerReader<T> reader) {
		return this.inputs.send(request, context, (body) -> this.router.send(address, body, context, reader));
	}

	private static ServiceRequest turns(CallAddress opening, Reply<TurnReply> opened) {
		return opening.at(Step.EXCHANGE).request(opened.dialect());
	}

	@Override
	public LocationResolver resolver() {
		LocationResolver trusting = this.resolver.alsoAccepting(this.service.ownStore());
		URI called = this.service.called();
		return (called != null) ? trusting.renewing(new RenewedLinks(this.service, called, this.allocator)) : trusting;
	}

	@Override
	public BufferAllocator allocator() {
		return this.allocator;
	}

}
