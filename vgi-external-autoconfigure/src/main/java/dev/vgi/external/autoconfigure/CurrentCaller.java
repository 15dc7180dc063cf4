package dev.vgi.external.autoconfigure;

import java.util.function.Supplier;

import dev.vgi.external.web.server.Caller;

import org.springframework.util.ClassUtils;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

/**
 * Supplies the sender of the current request: its principal, or else its address.
 */
final class CurrentCaller implements Supplier<String> {

	private static final boolean SERVLET = ClassUtils.isPresent("jakarta.servlet.http.HttpServletRequest",
			CurrentCaller.class.getClassLoader());

	/**
	 * Return the name of the caller.
	 * @return a name, the same for the same caller; empty outside of a request
	 */
	@Override
	public String get() {
		return SERVLET ? CurrentRequest.caller() : "";
	}

	/**
	 * Keeps the Servlet API away from applications without it.
	 */
	private static final class CurrentRequest {

		static String caller() {
			return (RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes attributes)
					? Caller.of(attributes.getRequest()) : "";
		}

	}

}
