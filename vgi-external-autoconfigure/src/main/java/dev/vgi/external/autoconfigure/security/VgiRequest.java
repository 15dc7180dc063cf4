package dev.vgi.external.autoconfigure.security;

import java.util.function.BiPredicate;

import dev.vgi.external.rpc.server.http.RpcWebMvc;
import dev.vgi.external.web.server.ServedPaths;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.security.web.util.matcher.RequestMatcher;
import org.springframework.web.context.WebApplicationContext;
import org.springframework.web.context.support.WebApplicationContextUtils;

/**
 * Matches the routes of this library for Spring Security, as configured in the
 * application. A path is interpreted as in Spring MVC: decoded, without path parameters.
 */
public final class VgiRequest {

	private VgiRequest() {
	}

	/**
	 * Match RPC methods, their streams, the endpoints that describe them, and the route
	 * on which callers renew the links they were given. Includes neither upload URLs nor
	 * health.
	 * @return the matcher
	 */
	public static RequestMatcher toRpc() {
		return new PathMatcher("toRpc()",
				(context, request) -> context.getBean(RpcWebMvc.class).isRoute(ServedPaths.of(request))
						|| context.getBean(ServedPaths.class).isRenewals(request));
	}

	/**
	 * Match the route that vends upload URLs. Callers who may use it can write to the
	 * storage.
	 * @return the matcher
	 */
	public static RequestMatcher toUploadUrls() {
		return new PathMatcher("toUploadUrls()",
				(context, request) -> context.getBean(ServedPaths.class).isUploadUrls(request));
	}

	/**
	 * Match the health route, where peers read the capabilities before they have
	 * credentials. It exists only if there are RPC methods.
	 * @return the matcher
	 */
	public static RequestMatcher toHealth() {
		return new PathMatcher("toHealth()", (context, request) -> context.getBean(RpcWebMvc.class).servesMethods()
				&& context.getBean(ServedPaths.class).isHealth(request));
	}

	/**
	 * Match the objects of the local store, whose URLs are signed: the signature is the
	 * credential.
	 * @return the matcher
	 */
	public static RequestMatcher toLocalStore() {
		return new PathMatcher("toLocalStore()",
				(context, request) -> context.getBean(ServedPaths.class).isLocalStore(request));
	}

	/**
	 * Uses the application's own beans.
	 *
	 * @param name the text form of the matcher
	 * @param condition the condition for a request
	 */
	private record PathMatcher(String name,
			BiPredicate<WebApplicationContext, HttpServletRequest> condition) implements RequestMatcher {

		@Override
		public boolean matches(HttpServletRequest request) {
			WebApplicationContext context = WebApplicationContextUtils
				.getRequiredWebApplicationContext(request.getServletContext());
			return this.condition.test(context, request);
		}

		@Override
		public String toString() {
			return "VgiRequest." + this.name;
		}

	}

}
