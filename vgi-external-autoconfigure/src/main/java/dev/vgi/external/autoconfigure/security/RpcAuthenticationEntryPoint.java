package dev.vgi.external.autoconfigure.security;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.web.Capabilities;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.security.authentication.AccountExpiredException;
import org.springframework.security.authentication.AuthenticationCredentialsNotFoundException;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.security.authentication.CredentialsExpiredException;
import org.springframework.security.authentication.InsufficientAuthenticationException;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.web.AuthenticationEntryPoint;
import org.springframework.util.Assert;

/**
 * Answers unauthenticated callers in the form that peers understand: 401 with a reason
 * from a closed set, in a header and in a JSON body. Does not expose the exception.
 */
public final class RpcAuthenticationEntryPoint implements AuthenticationEntryPoint {

	private static final JsonMapper JSON = JsonMapper.shared();

	private final String challenge;

	/**
	 * Create an entry point.
	 * @param challenge the scheme to request in {@code WWW-Authenticate}, such as
	 * {@code Bearer}
	 */
	public RpcAuthenticationEntryPoint(String challenge) {
		Assert.hasText(challenge, "'challenge' must not be empty");
		this.challenge = challenge;
	}

	@Override
	public void commence(HttpServletRequest request, HttpServletResponse response, AuthenticationException failure)
			throws IOException {
		Reason reason = Reason.of(failure);
		response.setStatus(HttpServletResponse.SC_UNAUTHORIZED);
		response.setHeader(HttpHeaders.WWW_AUTHENTICATE, this.challenge);
		response.setHeader(Capabilities.AUTH_REASON, reason.code);
		response.setHeader(HttpHeaders.CACHE_CONTROL, "no-store");
		response.setContentType(MediaType.APPLICATION_JSON_VALUE);
		Map<String, String> body = new LinkedHashMap<>();
		body.put("error", "unauthorized");
		body.put("reason", reason.code);
		body.put("detail", reason.detail);
		response.getOutputStream().write(JSON.writeValueAsBytes(body));
	}

	/**
	 * The reasons that a caller can act on.
	 */
	private enum Reason {

		MISSING("missing_credential", "The request carries no credential"),

		INVALID("invalid_credential", "The credential is not accepted"),

		EXPIRED("expired_credential", "The credential has expired"),

		OTHER("unauthorized", "The caller is not authenticated");

		private final String code;

		private final String detail;

		Reason(String code, String detail) {
			this.code = code;
			this.detail = detail;
		}

		static Reason of(AuthenticationException failure) {
			if (failure instanceof InsufficientAuthenticationException
					|| failure instanceof AuthenticationCredentialsNotFoundException) {
				return MISSING;
			}
			if (failure instanceof CredentialsExpiredException || failure instanceof AccountExpiredException) {
				return EXPIRED;
			}
			return (failure instanceof BadCredentialsException) ? INVALID : OTHER;
		}

	}

}
