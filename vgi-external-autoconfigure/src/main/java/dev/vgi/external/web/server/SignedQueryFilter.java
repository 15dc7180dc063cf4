package dev.vgi.external.web.server;

import java.io.IOException;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Set;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.FilterChain;
import jakarta.servlet.RequestDispatcher;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Hides the query of requests to the local store before anything can log, record or trace
 * it: a signed URL is a bearer credential, and many parts of a web stack log the requests
 * they see. Also hides the media type of the body: an upload is plain bytes, and a body
 * declared as a form would be parsed as one on its way. Has to be the first filter.
 */
public final class SignedQueryFilter extends OncePerRequestFilter {

	@Override
	protected boolean shouldNotFilter(HttpServletRequest request) {
		return !ServedPaths.mentionsLocalStore(request) && !SignedQuery.isHidden(request);
	}

	@Override
	protected boolean shouldNotFilterErrorDispatch() {
		// An error dispatch carries the query, too.
		return false;
	}

	@Override
	protected boolean shouldNotFilterAsyncDispatch() {
		return false;
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		SignedQuery.of(request).hideIn(request);
		chain.doFilter(new Bare(request), response);
	}

	/**
	 * A request without query and media type.
	 */
	private static final class Bare extends HttpServletRequestWrapper {

		/** Where the container keeps the query of a request that it dispatches anew. */
		private static final Set<String> QUERIES = Set.of(AsyncContext.ASYNC_QUERY_STRING,
				RequestDispatcher.ERROR_QUERY_STRING, RequestDispatcher.FORWARD_QUERY_STRING,
				RequestDispatcher.INCLUDE_QUERY_STRING);

		Bare(HttpServletRequest request) {
			super(request);
		}

		@Override
		public @Nullable String getQueryString() {
			return null;
		}

		@Override
		public @Nullable String getContentType() {
			return null;
		}

		@Override
		public @Nullable String getHeader(String name) {
			return isContentType(name) ? null : super.getHeader(name);
		}

		@Override
		public Enumeration<String> getHeaders(String name) {
			return isContentType(name) ? Collections.emptyEnumeration() : super.getHeaders(name);
		}

		@Override
		public Enumeration<String> getHeaderNames() {
			List<String> names = Collections.list(super.getHeaderNames());
			names.removeIf(Bare::isContentType);
			return Collections.enumeration(names);
		}

		@Override
		public @Nullable Object getAttribute(String name) {
			return QUERIES.contains(name) ? null : super.getAttribute(name);
		}

		@Override
		public Enumeration<String> getAttributeNames() {
			List<String> names = Collections.list(super.getAttributeNames());
			names.removeAll(QUERIES);
			return Collections.enumeration(names);
		}

		private static boolean isContentType(String header) {
			return HttpHeaders.CONTENT_TYPE.equalsIgnoreCase(header);
		}

		@Override
		public @Nullable String getParameter(String name) {
			return null;
		}

		@Override
		public Map<String, String[]> getParameterMap() {
			return Collections.emptyMap();
		}

		@Override
		public Enumeration<String> getParameterNames() {
			return Collections.emptyEnumeration();
		}

		@Override
		public String @Nullable [] getParameterValues(String name) {
			return null;
		}

	}

}
