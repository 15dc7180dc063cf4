package dev.vgi.external.autoconfigure.security;

import dev.vgi.external.autoconfigure.VgiRpcProperties;
import dev.vgi.external.rpc.RpcWebMvc;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.web.server.UploadUrlController;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.http.server.PathContainer;
import org.springframework.security.web.util.matcher.RequestMatcher;
import org.springframework.web.context.WebApplicationContext;
import org.springframework.web.context.support.WebApplicationContextUtils;
import org.springframework.web.util.ServletRequestPathUtils;

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
		return new PathMatcher("toRpc()", (path, context) -> context.getBean(RpcWebMvc.class).isRoute(path));
	}

	/**
	 * Match the route that vends upload URLs: whoever may use it may write to the
	 * storage.
	 * @return the matcher
	 */
	public static RequestMatcher toUploadUrls() {
		return new PathMatcher("toUploadUrls()",
				(path, context) -> text(path).equals(prefix(context) + "/" + UploadUrlController.METHOD + "/init"));
	}

	/**
	 * Match the health route, where peers look for capabilities before they have
	 * credentials.
	 * @return the matcher
	 */
	public static RequestMatcher toHealth() {
		return new PathMatcher("toHealth()", (path, context) -> text(path).equals(prefix(context) + "/health"));
	}

	/**
	 * Match the objects of the local store, whose URLs are signed: the signature is the
	 * credential.
	 * @return the matcher
	 */
	public static RequestMatcher toLocalStore() {
		return new PathMatcher("toLocalStore()", (path, context) -> text(path).startsWith(LocalStorage.PATH + "/"));
	}

	private static String prefix(WebApplicationContext context) {
		return context.getBean(VgiRpcProperties.class).prefix();
	}

	private static String text(PathContainer path) {
		StringBuilder decoded = new StringBuilder();
		for (PathContainer.Element element : path.elements()) {
			decoded.append(
					(element instanceof PathContainer.PathSegment segment) ? segment.valueToMatch() : element.value());
		}
		return decoded.toString();
	}

	/**
	 * Asks the application's own beans.
	 *
	 * @param name how it shows
	 * @param condition what a path must fulfil
	 */
	private record PathMatcher(String name, PathCondition condition) implements RequestMatcher {

		@Override
		public boolean matches(HttpServletRequest request) {
			WebApplicationContext context = WebApplicationContextUtils
				.getRequiredWebApplicationContext(request.getServletContext());
			PathContainer path = ServletRequestPathUtils.hasParsedRequestPath(request)
					? ServletRequestPathUtils.getParsedRequestPath(request).pathWithinApplication()
					: ServletRequestPathUtils.parse(request).pathWithinApplication();
			return this.condition.matches(path, context);
		}

		@Override
		public String toString() {
			return "VgiRequest." + this.name;
		}

	}

	/**
	 * Looks at a path.
	 */
	@FunctionalInterface
	private interface PathCondition {

		boolean matches(PathContainer path, WebApplicationContext context);

	}

}
