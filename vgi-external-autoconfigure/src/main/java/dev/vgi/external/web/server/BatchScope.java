package dev.vgi.external.web.server;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Callable;

import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.web.ArrowValues;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.context.request.async.CallableProcessingInterceptor;
import org.springframework.web.servlet.AsyncHandlerInterceptor;

/**
 * Owns the batches of one request, what a handler is given and what it returns, and the
 * account that they are charged to. Closed when the request is complete, not earlier:
 * request destruction callbacks come before an asynchronous handler has run.
 */
public final class BatchScope {

	private static final String ATTRIBUTE = BatchScope.class.getName();

	private final RequestMemory memory;

	private final Deque<Object> values = new ArrayDeque<>();

	/** What the threads of nested dispatches served before. */
	private final Deque<RequestMemory.Bound> bound = new ArrayDeque<>();

	private BatchScope(RequestMemory memory) {
		this.memory = memory;
	}

	private static @Nullable BatchScope of(HttpServletRequest request) {
		return (BatchScope) request.getAttribute(ATTRIBUTE);
	}

	/**
	 * Put a value under the ownership of a request.
	 * @param request the request, which {@link Interceptor} has seen
	 * @param value an Arrow value, closed with the request; other values and {@code null}
	 * are ignored
	 */
	public static void own(HttpServletRequest request, @Nullable Object value) {
		BatchScope scope = of(request);
		if (scope != null && value != null) {
			// A request is handled by one thread at a time, also when it is asynchronous.
			scope.values.push(value);
		}
	}

	private void close() {
		this.values.forEach(ArrowValues::close);
		this.values.clear();
		this.memory.close();
	}

	/**
	 * Opens and closes the scopes, and tells the threads that serve a request so. To be
	 * registered for every path, before whatever reads bodies.
	 */
	public static final class Interceptor implements AsyncHandlerInterceptor, CallableProcessingInterceptor {

		private static final String CALLABLE = ATTRIBUTE + ".callable";

		private final TransferBudget budget;

		private final BufferAllocator allocator;

		/**
		 * Create an interceptor.
		 * @param budget what requests are charged to
		 * @param allocator parent of the requests' own allocators
		 */
		public Interceptor(TransferBudget budget, BufferAllocator allocator) {
			this.budget = budget;
			this.allocator = allocator;
		}

		@Override
		public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler) {
			BatchScope scope = of(request);
			if (scope == null) {
				scope = new BatchScope(this.budget.request(Caller.of(request), this.allocator));
				request.setAttribute(ATTRIBUTE, scope);
			}
			scope.bound.push(scope.memory.bind());
			return true;
		}

		@Override
		public void afterConcurrentHandlingStarted(HttpServletRequest request, HttpServletResponse response,
				Object handler) {
			BatchScope scope = of(request);
			if (scope != null) {
				scope.bound.pop().close();
				request.getAsyncContext().addListener(new ClosingListener(scope));
			}
		}

		@Override
		public <T> void preProcess(NativeWebRequest request, Callable<T> task) {
			BatchScope scope = (BatchScope) request.getAttribute(ATTRIBUTE, RequestAttributes.SCOPE_REQUEST);
			if (scope != null) {
				request.setAttribute(CALLABLE, scope.memory.bind(), RequestAttributes.SCOPE_REQUEST);
			}
		}

		@Override
		public <T> void postProcess(NativeWebRequest request, Callable<T> task, @Nullable Object concurrentResult) {
			RequestMemory.Bound before = (RequestMemory.Bound) request.getAttribute(CALLABLE,
					RequestAttributes.SCOPE_REQUEST);
			if (before != null) {
				before.close();
			}
		}

		@Override
		public void afterCompletion(HttpServletRequest request, HttpServletResponse response, Object handler,
				@Nullable Exception ex) {
			BatchScope scope = of(request);
			if (scope != null) {
				scope.bound.pop().close();
				if (scope.bound.isEmpty()) {
					request.removeAttribute(ATTRIBUTE);
					scope.close();
				}
			}
		}

	}

	/**
	 * Cleans up after a request that ends without coming back to a dispatcher.
	 */
	private static final class ClosingListener implements AsyncListener {

		private final BatchScope scope;

		ClosingListener(BatchScope scope) {
			this.scope = scope;
		}

		@Override
		public void onComplete(AsyncEvent event) {
			this.scope.close();
		}

		@Override
		public void onTimeout(AsyncEvent event) {
			// Completion follows.
		}

		@Override
		public void onError(AsyncEvent event) {
			// Completion follows.
		}

		@Override
		public void onStartAsync(AsyncEvent event) {
			event.getAsyncContext().addListener(this);
		}

	}

}
