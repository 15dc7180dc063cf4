package dev.vgi.external.autoconfigure.security;

import java.util.function.BiPredicate;

import dev.vgi.external.rpc.server.RpcWebMvc;
import dev.vgi.external.web.server.ServedPaths;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.security.web.util.matcher.RequestMatcher;
import org.springframework.web.context.WebApplicationContext;
import org.springframework.web.context.support.WebApplicationContextUtils;

/**
 * Matches the routes of this library for Spring Security, as the application has
 * configured them. A path is read as Spring MVC reads it: decoded, without path
 * parameters.
 */
public final class VgiRequest {

	private VgiRequest() {
	}

	/**
	 * Match RPC methods, their streams, and what describes them. Neither upload URLs nor
	 * health are among them.
	 * @return the matcher
	 */
	public static RequestMatcher toRpc() {
		return new PathMatcher("toRpc()",
				(context, request) -> context.getBean(RpcWebMvc.class).isRoute(ServedPaths.of(request)));
	}

	/**
	 * Match the route that vends upload URLs: whoever may use it may write to the
	 * storage.
	 * @return the matcher
	 */
	public static RequestMatcher toUploadUrls() {
		return new PathMatcher("toUploadUrls()",
				(context, request) -> context.getBean(ServedPaths.class).isUploadUrls(request));
	}

	/**
	 * Match the health route, where peers look for capabilities before they have
	 * credentials. There is one beside RPC methods only.
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
	 * Asks the application's own beans.
	 *
	 * @param name how it shows
	 * @param condition what a request must fulfil
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
