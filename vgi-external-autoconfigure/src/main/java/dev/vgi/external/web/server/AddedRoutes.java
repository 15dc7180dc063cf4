package dev.vgi.external.web.server;

import java.lang.reflect.Method;
import java.util.Map;
import java.util.Set;

import org.springframework.core.MethodIntrospector;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/**
 * Adds the routes of this library to Spring MVC, once all mappings of the application are
 * known. A route that the application maps itself remains the application's.
 */
public final class AddedRoutes {

	private final RequestMappingHandlerMapping mapping;

	/**
	 * Create an instance for one application.
	 * @param mapping receives the routes
	 */
	public AddedRoutes(RequestMappingHandlerMapping mapping) {
		this.mapping = mapping;
	}

	/**
	 * Add the routes that the methods of a controller declare.
	 * @param prefix the path in front of the declared ones; may be empty
	 * @param controller the controller, which Spring MVC does not detect itself
	 */
	public void add(String prefix, Object controller) {
		Map<Method, RequestMapping> routes = MethodIntrospector.selectMethods(controller.getClass(),
				(MethodIntrospector.MetadataLookup<RequestMapping>) (method) -> AnnotatedElementUtils
					.findMergedAnnotation(method, RequestMapping.class));
		routes.forEach((method, route) -> {
			for (String path : route.path()) {
				add(RequestMappingInfo.paths(prefix + path).methods(route.method()), controller, method);
			}
		});
	}

	/**
	 * Add one route.
	 * @param route the requests that it is for
	 * @param handler the object, or the name of the bean, that handles them
	 * @param method its method
	 */
	public void add(RequestMappingInfo.Builder route, Object handler, Method method) {
		RequestMappingInfo info = route.options(this.mapping.getBuilderConfiguration()).build();
		if (this.mapping.getHandlerMethods().keySet().stream().noneMatch((known) -> covers(known, info))) {
			this.mapping.registerMapping(info, handler, method);
		}
	}

	private static boolean covers(RequestMappingInfo known, RequestMappingInfo info) {
		Set<RequestMethod> methods = known.getMethodsCondition().getMethods();
		return known.getPatternValues().containsAll(info.getPatternValues())
				&& (methods.isEmpty() || methods.containsAll(info.getMethodsCondition().getMethods()));
	}

}
