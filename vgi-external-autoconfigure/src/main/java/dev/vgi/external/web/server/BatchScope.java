package dev.vgi.external.web.server;

import java.util.ArrayDeque;
import java.util.Deque;

import dev.vgi.external.web.ArrowValues;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.web.servlet.HandlerInterceptor;

/**
 * Owns the batches of one request: what a handler is given and what it returns. Closed
 * when the request is complete, not earlier: request destruction callbacks come before an
 * asynchronous handler has run.
 */
public final class BatchScope {

	private static final String ATTRIBUTE = BatchScope.class.getName();

	private final Deque<Object> values = new ArrayDeque<>();

	private BatchScope() {
	}

	/**
	 * Put a value under the ownership of a request.
	 * @param request the request
	 * @param value an Arrow value, closed with the request; other values and {@code null}
	 * are ignored
	 */
	public static void own(HttpServletRequest request, @Nullable Object value) {
		if (value == null) {
			return;
		}
		// A request is handled by one thread at a time, also when it is asynchronous.
		BatchScope scope = (BatchScope) request.getAttribute(ATTRIBUTE);
		if (scope == null) {
			scope = new BatchScope();
			request.setAttribute(ATTRIBUTE, scope);
		}
		scope.values.push(value);
	}

	private static void close(HttpServletRequest request) {
		BatchScope scope = (BatchScope) request.getAttribute(ATTRIBUTE);
		if (scope != null) {
			request.removeAttribute(ATTRIBUTE);
			scope.values.forEach(ArrowValues::close);
		}
	}

	/**
	 * Create the interceptor that closes the scopes.
	 * @return an interceptor to register for every path
	 */
	public static HandlerInterceptor interceptor() {
		return new HandlerInterceptor() {

			@Override
			public void afterCompletion(HttpServletRequest request, HttpServletResponse response, Object handler,
					@Nullable Exception ex) {
				close(request);
			}

		};
	}

}
