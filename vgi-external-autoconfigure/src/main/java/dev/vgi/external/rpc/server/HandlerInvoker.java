package dev.vgi.external.rpc.server;

import java.util.List;

import org.jspecify.annotations.Nullable;

import org.springframework.core.DefaultParameterNameDiscoverer;
import org.springframework.core.ParameterNameDiscoverer;
import org.springframework.util.ClassUtils;
import org.springframework.validation.method.MethodValidator;
import org.springframework.web.bind.support.WebBindingInitializer;
import org.springframework.web.bind.support.WebDataBinderFactory;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.method.annotation.HandlerMethodValidator;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.method.support.HandlerMethodArgumentResolverComposite;
import org.springframework.web.method.support.InvocableHandlerMethod;
import org.springframework.web.method.support.ModelAndViewContainer;

/**
 * Calls methods of controllers as Spring MVC calls its handlers: with argument resolvers,
 * binding and validation, on the bean. Needs no servlet. Thread-safe.
 */
public final class HandlerInvoker {

	private static final boolean BEAN_VALIDATION = ClassUtils.isPresent("jakarta.validation.Validator",
			HandlerInvoker.class.getClassLoader());

	private final ParameterNameDiscoverer names = new DefaultParameterNameDiscoverer();

	private final HandlerMethodArgumentResolverComposite resolvers = new HandlerMethodArgumentResolverComposite();

	private final WebDataBinderFactory binders;

	private final @Nullable MethodValidator validator;

	/**
	 * Create an invoker.
	 * @param resolvers supply the arguments
	 * @param binders bind arguments that need it
	 * @param initializer has the validator, or {@code null} if nothing is validated
	 */
	public HandlerInvoker(List<HandlerMethodArgumentResolver> resolvers, WebDataBinderFactory binders,
			@Nullable WebBindingInitializer initializer) {
		this.resolvers.addResolvers(resolvers);
		this.binders = binders;
		this.validator = (BEAN_VALIDATION && initializer != null)
				? HandlerMethodValidator.from(initializer, this.names, (parameter) -> false, (parameter) -> false)
				: null;
	}

	/**
	 * Call a method.
	 * @param handler the method
	 * @param request the request it serves
	 * @param provided arguments by type; the others are resolved
	 * @return the method's result
	 * @throws Exception the exception that the method threw
	 */
	public @Nullable Object invoke(HandlerMethod handler, NativeWebRequest request, Object... provided)
			throws Exception {
		InvocableHandlerMethod invocable = new InvocableHandlerMethod(handler.createWithResolvedBean());
		invocable.setHandlerMethodArgumentResolvers(this.resolvers);
		invocable.setParameterNameDiscoverer(this.names);
		invocable.setDataBinderFactory(this.binders);
		if (this.validator != null) {
			invocable.setMethodValidator(this.validator);
		}
		return invocable.invokeForRequest(request, new ModelAndViewContainer(), provided);
	}

}
