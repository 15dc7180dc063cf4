package dev.vgi.external.web.server;

import dev.vgi.external.storage.local.LocalStorage;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/**
 * The query parameters of a request to the local store. Read from the query string
 * itself, since asking for parameters makes containers log them.
 *
 * @param expires when the URL expires, not yet checked
 * @param signature its signature, not yet checked; never shown
 */
record SignedQuery(@Nullable String expires, @Nullable String signature) {

	private static final String ATTRIBUTE = SignedQuery.class.getName();

	/**
	 * Read the query of a request, also of one that {@link SignedQueryFilter} has hidden.
	 * @param request the request
	 * @return the parameters; one that is missing or occurs twice is {@code null}
	 */
	static SignedQuery of(HttpServletRequest request) {
		if (request.getAttribute(ATTRIBUTE) instanceof SignedQuery hidden) {
			return hidden;
		}
		String query = request.getQueryString();
		return new SignedQuery(parameter(query, LocalStorage.EXPIRES_PARAMETER),
				parameter(query, LocalStorage.SIGNATURE_PARAMETER));
	}

	private static @Nullable String parameter(@Nullable String query, String name) {
		String found = null;
		for (String parameter : ((query != null) ? query : "").split("&", 20)) {
			if (parameter.startsWith(name + '=')) {
				if (found != null) {
					return null;
				}
				found = parameter.substring(name.length() + 1);
			}
		}
		return found;
	}

	static boolean isHidden(HttpServletRequest request) {
		return request.getAttribute(ATTRIBUTE) != null;
	}

	void hideIn(HttpServletRequest request) {
		request.setAttribute(ATTRIBUTE, this);
	}

	@Override
	public String toString() {
		return "SignedQuery[expires=" + this.expires + "]";
	}

}
