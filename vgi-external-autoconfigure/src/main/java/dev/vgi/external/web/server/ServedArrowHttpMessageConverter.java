package dev.vgi.external.web.server;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.Pointer;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.ArrowValues;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.ExternalLocationHttpMessageConverter;
import dev.vgi.external.web.ServedMessage;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.core.ResolvableType;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpInputMessage;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpOutputMessage;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.converter.HttpMessageNotWritableException;
import org.springframework.http.converter.SmartHttpMessageConverter;
import org.springframework.http.server.ServletServerHttpRequest;
import org.springframework.http.server.ServletServerHttpResponse;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;
import org.springframework.web.server.NotAcceptableStatusException;
import org.springframework.web.server.UnsupportedMediaTypeStatusException;

/**
 * The converter for everything that serves requests: handler methods, functional
 * endpoints, emitters. The request owns what is read. Pointers are written for callers
 * who announced that they resolve them. Any other caller would see an empty result, and
 * is redirected to the stored stream or gets everything inline.
 * <p>
 * Supports Arrow values in every media type and refuses all but Arrow's, since other
 * converters claim that they can read and write vectors. Register it before them.
 */
public final class ServedArrowHttpMessageConverter implements SmartHttpMessageConverter<Object> {

	private static final Log logger = LogFactory.getLog(ServedArrowHttpMessageConverter.class);

	/** The request headers that an Arrow answer depends on. */
	private static final String VARY = String.join(", ", HttpHeaders.ACCEPT, HttpHeaders.ACCEPT_ENCODING,
			"X-VGI-Accept-Encoding", Capabilities.ACCEPT_POINTERS);

	private final ExternalLocationHttpMessageConverter delegate;

	private final LocationResolver resolver;

	private final Externalizer externalizer;

	private final boolean redirect;

	private final Predicate<URI> here;

	private final @Nullable Long maxExternalizedSize;

	private final Function<@Nullable HttpServletRequest, CallerPointers> pointers;

	/**
	 * Create a converter that stores result sets of any size.
	 * @param arrow reads and writes the streams
	 * @param resolver resolves the pointers of requests
	 * @param externalizer stores large batches
	 * @param redirect whether callers who do not resolve pointers are redirected to large
	 * results, or get them inline
	 * @param here which stored objects this service itself serves, wherever it is reached
	 */
	public ServedArrowHttpMessageConverter(ArrowStreamHttpMessageConverter arrow, LocationResolver resolver,
			Externalizer externalizer, boolean redirect, Predicate<URI> here) {
		this(arrow, resolver, externalizer, redirect, here, null, (request) -> CallerPointers.unbound());
	}

	/**
	 * Create a converter.
	 * @param arrow reads and writes the streams
	 * @param resolver resolves the pointers of requests
	 * @param externalizer stores large batches
	 * @param redirect whether callers who do not resolve pointers are redirected to large
	 * results, or get them inline
	 * @param here which stored objects this service itself serves, wherever it is reached
	 * @param maxExternalizedSize most bytes, before compression, that are stored of one
	 * result set; {@code null} for no limit
	 * @param pointers returns what the sender of a request has to do with pointers;
	 * called by the thread that serves it, with {@code null} if the request is not known
	 */
	public ServedArrowHttpMessageConverter(ArrowStreamHttpMessageConverter arrow, LocationResolver resolver,
			Externalizer externalizer, boolean redirect, Predicate<URI> here, @Nullable Long maxExternalizedSize,
			Function<@Nullable HttpServletRequest, CallerPointers> pointers) {
		this.delegate = new ExternalLocationHttpMessageConverter(arrow, () -> resolver, externalizer,
				LogSink.discarding());
		this.resolver = resolver;
		this.externalizer = externalizer;
		this.redirect = redirect;
		this.here = here;
		this.maxExternalizedSize = maxExternalizedSize;
		this.pointers = pointers;
	}

	@Override
	public List<MediaType> getSupportedMediaTypes() {
		return this.delegate.getSupportedMediaTypes();
	}

	@Override
	public boolean canRead(ResolvableType type, @Nullable MediaType mediaType) {
		return this.delegate.canRead(type, null);
	}

	@Override
	public Object read(ResolvableType type, HttpInputMessage inputMessage, @Nullable Map<String, Object> hints)
			throws IOException {
		MediaType contentType = inputMessage.getHeaders().getContentType();
		if (contentType == null || !this.delegate.canRead(type, contentType)) {
			throw new UnsupportedMediaTypeStatusException(contentType, getSupportedMediaTypes());
		}
		HttpServletRequest request = (inputMessage instanceof ServletServerHttpRequest served)
				? served.getServletRequest() : currentRequest();
		Object value = this.delegate.read(type, inputMessage, this.pointers.apply(request).inbound(this.resolver));
		if (request != null) {
			BatchScope.own(request, value);
		}
		return value;
	}

	@Override
	public boolean canWrite(ResolvableType targetType, Class<?> valueClass, @Nullable MediaType mediaType) {
		return valueClass == Sequence.class || this.delegate.canWrite(targetType, valueClass, null);
	}

	@Override
	public void write(Object body, ResolvableType type, @Nullable MediaType contentType,
			HttpOutputMessage outputMessage, @Nullable Map<String, Object> hints) throws IOException {
		HttpServletRequest request = currentRequest();
		ServletServerHttpResponse response = (outputMessage instanceof ServletServerHttpResponse served) ? served
				: null;
		if (body instanceof ArrowReader reader) {
			BatchScope.disown(request, reader);
			try (ReaderBatches batches = this.delegate.open(reader)) {
				prepare(contentType, request, response);
				writeReader(batches, request, response, (response != null) ? new Response(response) : outputMessage);
			}
			return;
		}
		Object value = (body instanceof Sequence sequence) ? sequence.elements() : body;
		try {
			prepare(contentType, request, response);
			if (!ArrowValues.isArrow(value) && !(value instanceof Iterable<?>) && !(value instanceof Stream<?>)) {
				throw new HttpMessageNotWritableException(
						value.getClass().getName() + " has taken the place of an Arrow value");
			}
			write(value, request, response, (response != null) ? new Response(response) : outputMessage);
		}
		finally {
			ArrowValues.close(value);
		}
	}

	private void prepare(@Nullable MediaType contentType, @Nullable HttpServletRequest request,
			@Nullable ServletServerHttpResponse response) {
		if (contentType != null && !contentType.isCompatibleWith(ArrowStreamHttpMessageConverter.ARROW_STREAM)) {
			throw new NotAcceptableStatusException(getSupportedMediaTypes());
		}
		if (request != null && response != null) {
			arrowFollows(request, response.getServletResponse());
		}
	}

	/**
	 * Find out who sends a request, as long as that is known.
	 * @param request the request, whose handler may go on in another thread
	 */
	void identify(HttpServletRequest request) {
		try {
			this.pointers.apply(request);
		}
		catch (RuntimeException ex) {
			// It is asked again by what needs it, and fails that.
			logger.debug("The sender of a request is not known", ex);
		}
	}

	/**
	 * Set the headers of an Arrow answer for the caller and for caches.
	 * @param request the request
	 * @param response its response, not yet committed
	 */
	static void arrowFollows(HttpServletRequest request, HttpServletResponse response) {
		CapabilitiesFilter.arrowFollows(request);
		if (!response.getHeaders(HttpHeaders.VARY).contains(VARY)) {
			response.addHeader(HttpHeaders.VARY, VARY);
		}
	}

	private void write(Object value, @Nullable HttpServletRequest request, @Nullable ServletServerHttpResponse response,
			HttpOutputMessage message) throws IOException {
		List<AnnotatedBatch> batches = batchesOf(value);
		// A HEAD must not store anything.
		boolean head = request != null && HttpMethod.HEAD.matches(request.getMethod());
		if (!head && request != null && resolvesPointers(request)) {
			if (response != null && mayHavePointers(batches) && !isPrivate(response)) {
				forbidToKeep(response);
			}
			this.delegate.write(value, message, ResponseBudget.unlimited().forCaller(this.pointers.apply(request)));
			return;
		}
		// Some responses are committed before there is a value: emitters have sent the
		// status.
		URI location = (request != null && response != null && !isNeverRedirected(request))
				? locationOf(batches, request, head) : null;
		if (response != null && location != null) {
			redirect(response, location);
		}
		else {
			this.delegate.writeInline(value, message);
		}
	}

	private void writeReader(ReaderBatches batches, @Nullable HttpServletRequest request,
			@Nullable ServletServerHttpResponse response, HttpOutputMessage message) throws IOException {
		ResponseBudget budget = new ResponseBudget(null, this.maxExternalizedSize)
			.forCaller(this.pointers.apply(request));
		if (request != null && HttpMethod.HEAD.matches(request.getMethod())) {
			// Nothing is read for a body that is not sent.
			message.getHeaders().setContentType(ArrowStreamHttpMessageConverter.ARROW_STREAM);
			message.getBody();
		}
		else if (request != null && resolvesPointers(request)) {
			if (response != null && this.externalizer.isLarge(batches)) {
				if (!isPrivate(response)) {
					forbidToKeep(response);
				}
				// Each pointer is read as soon as it is there.
				CodedResponse.requirePlain(response.getServletResponse());
			}
			this.delegate.write(batches, message, budget);
		}
		else if (request != null && response != null && !isNeverRedirected(request) && this.redirect
				&& this.externalizer.storesWhileReading() && this.externalizer.isLarge(batches)) {
			redirect(response, this.externalizer.store(batches, AnswerCoding.isAccepted(request, "zstd"), budget));
		}
		else {
			this.delegate.writeInline(batches, message);
		}
	}

	private static boolean resolvesPointers(HttpServletRequest request) {
		return "true".equalsIgnoreCase(request.getHeader(Capabilities.ACCEPT_POINTERS)) || isNeverRedirected(request)
				&& ArrowStreamHttpMessageConverter.isNamedIn(Collections.list(request.getHeaders(HttpHeaders.ACCEPT)));
	}

	private static boolean isNeverRedirected(HttpServletRequest request) {
		return Capabilities.WHERE_NAMED.equalsIgnoreCase(request.getHeader(Capabilities.ACCEPT_POINTERS));
	}

	private boolean mayHavePointers(List<AnnotatedBatch> batches) {
		return batches.isEmpty()
				|| batches.stream().anyMatch((batch) -> batch.isPointer() || this.externalizer.exceedsThreshold(batch));
	}

	private static boolean isPrivate(ServletServerHttpResponse response) {
		String control = response.getHeaders().getCacheControl();
		return control != null && control.toLowerCase(Locale.ROOT).contains("private");
	}

	// A link is signed for one caller and expires.
	private static void forbidToKeep(ServletServerHttpResponse response) {
		response.getHeaders().remove(HttpHeaders.CACHE_CONTROL);
		response.getServletResponse().setHeader(HttpHeaders.CACHE_CONTROL, "no-store");
	}

	/**
	 * Return the batches of a body, as far as they exist already.
	 * @param body the handler's value; borrowed
	 * @return its batches; none for a lazy sequence, which stays inline
	 */
	private static List<AnnotatedBatch> batchesOf(Object body) {
		List<AnnotatedBatch> batches = new ArrayList<>();
		for (Object element : (body instanceof List<?> list) ? list : List.of(body)) {
			if (element instanceof AnnotatedBatch batch) {
				batches.add(batch);
			}
			else if (element instanceof OutputCycle cycle) {
				batches.add(cycle.data());
			}
			else if (element instanceof VectorSchemaRoot root) {
				batches.add(AnnotatedBatch.of(root));
			}
		}
		return batches;
	}

	private @Nullable URI locationOf(List<AnnotatedBatch> batches, HttpServletRequest request, boolean head) {
		if (batches.size() == 1 && batches.get(0).isPointer()) {
			// A published batch is already stored.
			return Pointer.from(batches.get(0).metadata()).location();
		}
		if (!this.redirect || head || batches.stream().noneMatch(this.externalizer::exceedsThreshold)
				|| batches.stream().anyMatch(AnnotatedBatch::isPointer)) {
			return null;
		}
		return this.externalizer.store(batches.get(0).schema(), batches, AnswerCoding.isAccepted(request, "zstd"));
	}

	private void redirect(ServletServerHttpResponse response, URI location) throws IOException {
		forbidToKeep(response);
		response.setStatusCode(HttpStatus.SEE_OTHER);
		// An object of this service gets a relative location: the caller may have reached
		// the service by a name that it does not know.
		response.getHeaders()
			.setLocation(this.here.test(location) ? URI.create(location.getRawPath() + "?" + location.getRawQuery())
					: location);
		response.getHeaders().setContentLength(0);
		response.getHeaders().remove(HttpHeaders.CONTENT_TYPE);
		response.flush();
	}

	private static @Nullable HttpServletRequest currentRequest() {
		return (RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes attributes)
				? attributes.getRequest() : null;
	}

	/**
	 * The response as the message to write.
	 *
	 * @param response the response
	 */
	private record Response(ServletServerHttpResponse response) implements ServedMessage {

		@Override
		public boolean isCommitted() {
			return this.response.getServletResponse().isCommitted();
		}

		@Override
		public void flush() throws IOException {
			this.response.flush();
		}

		@Override
		public OutputStream getBody() throws IOException {
			return this.response.getBody();
		}

		@Override
		public HttpHeaders getHeaders() {
			return this.response.getHeaders();
		}

	}

	/**
	 * Several batches under a declared type that does not say so.
	 *
	 * @param elements a collection of batches, cycles or roots
	 */
	record Sequence(Object elements) {

	}

}
