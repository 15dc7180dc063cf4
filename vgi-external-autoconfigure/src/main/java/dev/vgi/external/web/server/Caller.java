package dev.vgi.external.web.server;

import java.security.Principal;

import jakarta.servlet.http.HttpServletRequest;

/**
 * Who sends a request, as far as sharing goes: callers get their parts of memory and
 * storage by this name.
 */
public final class Caller {

	private Caller() {
	}

	/**
	 * Return who sends a request: its principal, or else the address that it comes from.
	 * @param request the request
	 * @return a name, the same for the same caller; no address is the name of a principal
	 */
	public static String of(HttpServletRequest request) {
		Principal principal = request.getUserPrincipal();
		return (principal != null) ? "principal " + principal.getName() : "address " + request.getRemoteAddr();
	}

}
