package dev.vgi.external.web.server;

import java.util.Set;

import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.ArrowValues;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.core.MethodParameter;
import org.springframework.core.ResolvableType;
import org.springframework.http.HttpEntity;
import org.springframework.util.Assert;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.method.support.HandlerMethodReturnValueHandler;
import org.springframework.web.method.support.ModelAndViewContainer;
import org.springframework.web.servlet.HandlerMapping;

/**
 * Takes over the Arrow values that handlers return, before content negotiation can go
 * wrong, and lets Spring write them. Offers Arrow alone: another converter that believes
 * it can write vectors must not get them.
 */
public final class ArrowReturnValueHandler implements HandlerMethodReturnValueHandler {

	private final HandlerMethodReturnValueHandler delegate;

	/**
	 * Create a handler.
	 * @param delegate the framework's own handler, that knows what a method's annotations
	 * mean
	 */
	public ArrowReturnValueHandler(HandlerMethodReturnValueHandler delegate) {
		this.delegate = delegate;
	}

	@Override
	public boolean supportsReturnType(MethodParameter returnType) {
		ResolvableType type = ResolvableType.forMethodParameter(returnType);
		if (HttpEntity.class.isAssignableFrom(type.toClass())) {
			type = type.as(HttpEntity.class).getGeneric(0);
		}
		return ArrowValues.isArrow(type) && this.delegate.supportsReturnType(returnType);
	}

	@Override
	public void handleReturnValue(@Nullable Object returnValue, MethodParameter returnType,
			ModelAndViewContainer mavContainer, NativeWebRequest webRequest) throws Exception {
		HttpServletRequest request = webRequest.getNativeRequest(HttpServletRequest.class);
		Assert.state(request != null, "there is a servlet request");
		BatchScope.own(request, (returnValue instanceof HttpEntity<?> entity) ? entity.getBody() : returnValue);
		request.setAttribute(HandlerMapping.PRODUCIBLE_MEDIA_TYPES_ATTRIBUTE,
				Set.of(ArrowStreamHttpMessageConverter.ARROW_STREAM));
		this.delegate.handleReturnValue(returnValue, returnType, mavContainer, webRequest);
	}

}
