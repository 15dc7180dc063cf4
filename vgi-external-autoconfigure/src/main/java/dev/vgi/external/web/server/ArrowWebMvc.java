package dev.vgi.external.web.server;

import java.util.List;

import dev.vgi.external.memory.TransferBudget;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.converter.HttpMessageConverters;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.HandlerInterceptor;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.servlet.mvc.method.annotation.ExceptionHandlerExceptionResolver;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.resource.ResourceHttpRequestHandler;

/**
 * Adds Arrow bodies to the handlers of Spring MVC: what they read and return, what one
 * request may hold, and the answers to errors of this library. Comes before other
 * configurers, whose converters would accept Arrow values, too.
 * <p>
 * A configurer is not enough, because Spring's own return value handlers would not take
 * Arrow values over: call {@link #install} once the adapter exists.
 */
@Order(Ordered.HIGHEST_PRECEDENCE)
public final class ArrowWebMvc implements WebMvcConfigurer {

	private final ServedArrowHttpMessageConverter converter;

	private final BatchScope.Interceptor scopes;

	/**
	 * Create the support for one application.
	 * @param converter reads and writes Arrow bodies
	 * @param budget memory of all transfers of the process
	 * @param allocator the owner of the memory of requests
	 */
	public ArrowWebMvc(ServedArrowHttpMessageConverter converter, TransferBudget budget, BufferAllocator allocator) {
		this.converter = converter;
		this.scopes = new BatchScope.Interceptor(budget, allocator);
	}

	@Override
	public void addInterceptors(InterceptorRegistry registry) {
		registry.addInterceptor(this.scopes).order(Ordered.HIGHEST_PRECEDENCE);
		registry.addInterceptor(new HandlerInterceptor() {

			@Override
			public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler) {
				// Other threads, which a handler may give the request to or which will
				// write the response, do not know the sender.
				if (!(handler instanceof ResourceHttpRequestHandler)) {
					ArrowWebMvc.this.converter.identify(request);
				}
				return true;
			}

		}).order(Ordered.LOWEST_PRECEDENCE);
	}

	@Override
	public void configureMessageConverters(HttpMessageConverters.ServerBuilder builder) {
		builder.addCustomConverter(this.converter);
	}

	@Override
	public void extendHandlerExceptionResolvers(List<HandlerExceptionResolver> resolvers) {
		// The application's own @ExceptionHandler methods come first.
		boolean ownFirst = !resolvers.isEmpty() && resolvers.get(0) instanceof ExceptionHandlerExceptionResolver;
		resolvers.add(ownFirst ? 1 : 0, new ExternalErrorResolver());
		resolvers.forEach((resolver) -> {
			if (resolver instanceof ExceptionHandlerExceptionResolver methods
					&& methods.getReturnValueHandlers() != null) {
				methods.setReturnValueHandlers(
						ArrowReturnValueHandler.before(methods.getReturnValueHandlers().getHandlers(), true));
			}
		});
	}

	/**
	 * Take over the Arrow values that handlers return.
	 * @param adapter calls the handlers
	 */
	public void install(RequestMappingHandlerAdapter adapter) {
		adapter.setReturnValueHandlers(ArrowReturnValueHandler.before(adapter.getReturnValueHandlers(), false));
	}

}
