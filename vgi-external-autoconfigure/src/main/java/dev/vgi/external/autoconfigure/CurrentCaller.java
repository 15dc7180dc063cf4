package dev.vgi.external.autoconfigure;

import java.util.function.Supplier;

import dev.vgi.external.web.server.Caller;

import org.springframework.util.ClassUtils;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

/**
 * Knows who sends the current request: its principal, else the address it comes from.
 */
final class CurrentCaller implements Supplier<String> {

	private static final boolean SERVLET = ClassUtils.isPresent("jakarta.servlet.http.HttpServletRequest",
			CurrentCaller.class.getClassLoader());

	/**
	 * Return who it is.
	 * @return a name, the same for the same caller; empty outside of a request
	 */
	@Override
	public String get() {
		return SERVLET ? CurrentRequest.caller() : "";
	}

	/**
	 * Keeps the Servlet API out of the way of applications without it.
	 */
	private static final class CurrentRequest {

		static String caller() {
			return (RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes attributes)
					? Caller.of(attributes.getRequest()) : "";
		}

	}

}
