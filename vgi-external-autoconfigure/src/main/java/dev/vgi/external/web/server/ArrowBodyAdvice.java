package dev.vgi.external.web.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Type;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.Pointer;
import dev.vgi.external.web.ArrowValues;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.ExternalLocationHttpMessageConverter;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

import org.springframework.core.MethodParameter;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpInputMessage;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.converter.HttpMessageConverter;
import org.springframework.http.server.ServerHttpRequest;
import org.springframework.http.server.ServerHttpResponse;
import org.springframework.http.server.ServletServerHttpRequest;
import org.springframework.web.bind.annotation.ControllerAdvice;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;
import org.springframework.web.servlet.mvc.method.annotation.RequestBodyAdviceAdapter;
import org.springframework.web.servlet.mvc.method.annotation.ResponseBodyAdvice;

/**
 * Sees what a converter cannot: the request. Puts batches that handlers are given under
 * its ownership, and spares callers of ordinary handlers who did not announce that they
 * resolve pointers a silent empty result: they are redirected to the stored stream or get
 * everything inline.
 */
@ControllerAdvice
public final class ArrowBodyAdvice extends RequestBodyAdviceAdapter implements ResponseBodyAdvice<Object> {

	private final Externalizer externalizer;

	private final boolean redirect;

	/**
	 * Create the advice.
	 * @param externalizer stores what a caller is redirected to
	 * @param redirect whether to redirect, or else to answer inline
	 */
	public ArrowBodyAdvice(Externalizer externalizer, boolean redirect) {
		this.externalizer = externalizer;
		this.redirect = redirect;
	}

	@Override
	public boolean supports(MethodParameter methodParameter, Type targetType,
			Class<? extends HttpMessageConverter<?>> converterType) {
		return isOurs(converterType);
	}

	@Override
	public boolean supports(MethodParameter returnType, Class<? extends HttpMessageConverter<?>> converterType) {
		return isOurs(converterType);
	}

	private static boolean isOurs(Class<? extends HttpMessageConverter<?>> converterType) {
		return ExternalLocationHttpMessageConverter.class.isAssignableFrom(converterType);
	}

	@Override
	public Object afterBodyRead(Object body, HttpInputMessage inputMessage, MethodParameter parameter, Type targetType,
			Class<? extends HttpMessageConverter<?>> converterType) {
		RequestAttributes attributes = RequestContextHolder.getRequestAttributes();
		if (inputMessage instanceof ServletServerHttpRequest request) {
			BatchScope.own(request.getServletRequest(), body);
		}
		else if (attributes instanceof ServletRequestAttributes servlet) {
			BatchScope.own(servlet.getRequest(), body);
		}
		return body;
	}

	@Override
	public @Nullable Object beforeBodyWrite(@Nullable Object body, MethodParameter returnType,
			MediaType selectedContentType, Class<? extends HttpMessageConverter<?>> selectedConverterType,
			ServerHttpRequest request, ServerHttpResponse response) {
		if (body == null || "true".equalsIgnoreCase(request.getHeaders().getFirst(Capabilities.ACCEPT_POINTERS))) {
			return body;
		}
		List<AnnotatedBatch> batches = batchesOf(body);
		if (batches.size() == 1 && isPointer(batches.get(0))) {
			// What was published is there already and cannot be inlined.
			try {
				redirectTo(Pointer.from(batches.get(0).metadata()).location(), response);
			}
			finally {
				ArrowValues.close(body);
			}
			return null;
		}
		if (this.redirect && exceedsThreshold(batches)) {
			URI location = this.externalizer.store(batches.get(0).schema(), batches, acceptsZstd(request));
			ArrowValues.close(body);
			redirectTo(location, response);
			return null;
		}
		return new ExternalLocationHttpMessageConverter.Inline(body);
	}

	/**
	 * Return the batches of a body as far as they are already here.
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

	private static boolean isPointer(AnnotatedBatch batch) {
		return BatchKind.of(batch.rowCount(), batch.metadata()) == BatchKind.POINTER;
	}

	private boolean exceedsThreshold(List<AnnotatedBatch> batches) {
		return batches.stream().anyMatch(this.externalizer::exceedsThreshold);
	}

	private static boolean acceptsZstd(ServerHttpRequest request) {
		return request.getHeaders()
			.getOrEmpty(HttpHeaders.ACCEPT_ENCODING)
			.stream()
			.anyMatch((value) -> value.toLowerCase(Locale.ROOT).contains("zstd"));
	}

	private static void redirectTo(URI location, ServerHttpResponse response) {
		response.setStatusCode(HttpStatus.SEE_OTHER);
		response.getHeaders().setLocation(location);
		// The link is signed for one caller and ends: nobody may keep it.
		response.getHeaders().setCacheControl("no-store");
		response.getHeaders().setContentLength(0);
		response.getHeaders().remove(HttpHeaders.CONTENT_TYPE);
		try {
			response.flush();
		}
		catch (IOException ex) {
			throw new UncheckedIOException("The redirect could not be written", ex);
		}
	}

}
