package dev.vgi.external.web.server;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.stream.Stream;

import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.ArrowValues;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.core.MethodParameter;
import org.springframework.core.ResolvableType;
import org.springframework.http.HttpEntity;
import org.springframework.http.ResponseEntity;
import org.springframework.util.Assert;
import org.springframework.web.HttpMediaTypeNotAcceptableException;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.method.support.HandlerMethodReturnValueHandler;
import org.springframework.web.method.support.ModelAndViewContainer;
import org.springframework.web.servlet.HandlerMapping;

/**
 * Takes over the Arrow values that handlers return, before content negotiation can fail,
 * and lets Spring write them. The value decides, whatever type is declared. Offers Arrow
 * as the only media type, so that no other converter that claims to write vectors gets
 * them.
 */
final class ArrowReturnValueHandler implements HandlerMethodReturnValueHandler {

	private final HandlerMethodReturnValueHandler delegate;

	private final boolean ofErrors;

	private ArrowReturnValueHandler(HandlerMethodReturnValueHandler delegate, boolean ofErrors) {
		this.delegate = delegate;
		this.ofErrors = ofErrors;
	}

	/**
	 * Put handlers of this kind in front of others.
	 * @param handlers handlers of the framework and the application, which interpret a
	 * method's annotations
	 * @param ofErrors whether they belong to methods that handle exceptions
	 * @return all handlers, a new list
	 */
	static List<HandlerMethodReturnValueHandler> before(@Nullable List<HandlerMethodReturnValueHandler> handlers,
			boolean ofErrors) {
		List<HandlerMethodReturnValueHandler> known = (handlers != null) ? handlers : List.of();
		return Stream
			.concat(known.stream().map((handler) -> new ArrowReturnValueHandler(handler, ofErrors)), known.stream())
			.toList();
	}

	@Override
	public boolean supportsReturnType(MethodParameter returnType) {
		return this.delegate.supportsReturnType(returnType);
	}

	@Override
	public void handleReturnValue(@Nullable Object returnValue, MethodParameter returnType,
			ModelAndViewContainer mavContainer, NativeWebRequest webRequest) throws Exception {
		HttpServletRequest request = webRequest.getNativeRequest(HttpServletRequest.class);
		Assert.state(request != null, "there is a servlet request");
		BatchScope.handled(request);
		Object body = bodyOf(returnValue);
		boolean declared = isDeclared(returnType);
		if (!declared && !ArrowValues.isArrow(body)) {
			handleOther(returnValue, returnType, mavContainer, webRequest, request);
			return;
		}
		BatchScope.own(request, body);
		HttpServletResponse response = webRequest.getNativeResponse(HttpServletResponse.class);
		if (response != null) {
			ServedArrowHttpMessageConverter.arrowFollows(request, response);
		}
		request.setAttribute(HandlerMapping.PRODUCIBLE_MEDIA_TYPES_ATTRIBUTE,
				Set.of(ArrowStreamHttpMessageConverter.ARROW_STREAM));
		Object visible = (body instanceof Collection<?> && !declared)
				? new ServedArrowHttpMessageConverter.Sequence(body) : body;
		try {
			this.delegate.handleReturnValue(withBody(returnValue, visible), returnType, mavContainer, webRequest);
		}
		catch (HttpMediaTypeNotAcceptableException ex) {
			if (!this.ofErrors || response == null) {
				throw ex;
			}
			// Otherwise Spring would answer with the error that was handled.
			response.sendError(HttpServletResponse.SC_NOT_ACCEPTABLE);
		}
	}

	private void handleOther(@Nullable Object returnValue, MethodParameter returnType,
			ModelAndViewContainer mavContainer, NativeWebRequest webRequest, HttpServletRequest request)
			throws Exception {
		Object handed = (returnValue instanceof CompletionStage<?> stage && mayComeWithArrow(returnType))
				? BatchScope.expect(request, stage) : returnValue;
		try {
			this.delegate.handleReturnValue(handed, returnType, mavContainer, webRequest);
		}
		catch (Exception ex) {
			// The refused value may contain Arrow values.
			BatchScope.own(request, returnValue);
			throw ex;
		}
	}

	private static boolean mayComeWithArrow(MethodParameter returnType) {
		ResolvableType type = bodyOf(
				ResolvableType.forMethodParameter(returnType).as(CompletionStage.class).getGeneric(0));
		return ArrowValues.isArrow(type) || type.toClass() == Object.class;
	}

	private static boolean isDeclared(MethodParameter returnType) {
		return ArrowValues.isArrow(bodyOf(ResolvableType.forMethodParameter(returnType)));
	}

	private static ResolvableType bodyOf(ResolvableType type) {
		return HttpEntity.class.isAssignableFrom(type.toClass()) ? type.as(HttpEntity.class).getGeneric(0) : type;
	}

	private static @Nullable Object bodyOf(@Nullable Object returnValue) {
		Object body = (returnValue instanceof HttpEntity<?> entity) ? entity.getBody() : returnValue;
		return (body instanceof Optional<?> optional) ? optional.orElse(null) : body;
	}

	private static @Nullable Object withBody(@Nullable Object returnValue, @Nullable Object body) {
		if (returnValue instanceof ResponseEntity<?> entity) {
			return (entity.getBody() == body) ? entity
					: new ResponseEntity<>(body, entity.getHeaders(), entity.getStatusCode());
		}
		if (returnValue instanceof HttpEntity<?> entity) {
			return (entity.getBody() == body) ? entity : new HttpEntity<>(body, entity.getHeaders());
		}
		return body;
	}

}
