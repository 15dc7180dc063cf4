package dev.vgi.external.rpc.server;

import java.lang.reflect.Method;

import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import org.jspecify.annotations.Nullable;

import org.springframework.core.MethodParameter;
import org.springframework.util.Assert;
import org.springframework.web.bind.support.WebDataBinderFactory;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.method.support.ModelAndViewContainer;

/**
 * Supplies the arguments of RPC methods: what the caller sent, and the context. The call
 * is an attribute of the request, where {@link RpcContext#current()} finds it too.
 * Immutable.
 */
public final class CallArguments implements HandlerMethodArgumentResolver {

	private static final String ATTRIBUTE = RpcContext.class.getName();

	private final RpcMethods methods;

	/**
	 * Create a resolver.
	 * @param methods describes the methods
	 */
	public CallArguments(RpcMethods methods) {
		this.methods = methods;
	}

	/**
	 * Let a request be served as a call.
	 * @param call the call
	 * @param request the request
	 */
	public static void bind(ServedCall call, RequestAttributes request) {
		request.setAttribute(ATTRIBUTE, call, RequestAttributes.SCOPE_REQUEST);
	}

	@Override
	public boolean supportsParameter(MethodParameter parameter) {
		Method declaring = parameter.getMethod();
		RpcMethodDescriptor method = (declaring != null) ? this.methods.find(declaring) : null;
		return method != null && (method.column(parameter.getParameterIndex()) >= 0
				|| parameter.getParameterType() == RpcContext.class);
	}

	@Override
	public @Nullable Object resolveArgument(MethodParameter parameter, @Nullable ModelAndViewContainer mavContainer,
			NativeWebRequest webRequest, @Nullable WebDataBinderFactory binderFactory) {
		Object call = webRequest.getAttribute(ATTRIBUTE, RequestAttributes.SCOPE_REQUEST);
		Assert.state(call instanceof ServedCall, "The request of an RPC method was not read");
		return (parameter.getParameterType() == RpcContext.class) ? call
				: ((ServedCall) call).argument(parameter.getParameterIndex());
	}

}
