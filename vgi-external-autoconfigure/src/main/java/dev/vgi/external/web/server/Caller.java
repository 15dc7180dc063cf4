package dev.vgi.external.web.server;

import java.security.Principal;

import dev.vgi.external.Internal;
import jakarta.servlet.http.HttpServletRequest;

/**
 * The identity of a caller for fair sharing: memory and storage are divided by this name.
 */
@Internal
public final class Caller {

	private Caller() {
	}

	/**
	 * Return the caller of a request: its principal, or else its address.
	 * @param request the request
	 * @return a name, the same for the same caller; an address never equals the name of a
	 * principal
	 */
	public static String of(HttpServletRequest request) {
		Principal principal = request.getUserPrincipal();
		return (principal != null) ? "principal " + principal.getName() : "address " + request.getRemoteAddr();
	}

}
