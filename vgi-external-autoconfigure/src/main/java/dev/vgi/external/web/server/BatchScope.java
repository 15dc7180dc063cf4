package dev.vgi.external.web.server;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.web.ArrowValues;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.context.request.async.CallableProcessingInterceptor;
import org.springframework.web.context.request.async.DeferredResult;
import org.springframework.web.context.request.async.DeferredResultProcessingInterceptor;
import org.springframework.web.context.request.async.WebAsyncManager;
import org.springframework.web.context.request.async.WebAsyncUtils;
import org.springframework.web.servlet.AsyncHandlerInterceptor;

/**
 * Owns the batches of one request, arguments and results of its handler, and the memory
 * account that they are charged to. Closed when the request is complete, not earlier:
 * request destruction callbacks run before an asynchronous handler does.
 */
final class BatchScope {

	private static final String ATTRIBUTE = BatchScope.class.getName();

	private final RequestMemory memory;

	/** Guards what is owned: late results arrive on other threads. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Deque<Object> values = new ArrayDeque<>();

	/** Result of an asynchronous handler that was not dispatched yet. */
	private @Nullable Object result;

	private boolean closed;

	/** What the threads of nested dispatches served before. */
	private final Deque<RequestMemory.Bound> bound = new ArrayDeque<>();

	private BatchScope(RequestMemory memory) {
		this.memory = memory;
	}

	private static @Nullable BatchScope of(HttpServletRequest request) {
		return (BatchScope) request.getAttribute(ATTRIBUTE);
	}

	/**
	 * Let a request own a value.
	 * @param request the request, which {@link Interceptor} has seen
	 * @param value an Arrow value, closed with the request, or now if the request is
	 * over; other values and {@code null} are ignored
	 */
	static void own(HttpServletRequest request, @Nullable Object value) {
		BatchScope scope = of(request);
		if (scope != null && value != null) {
			scope.own(value);
		}
	}

	/**
	 * Let a request no longer own a value.
	 * @param request the request, or {@code null} if there is none
	 * @param value the value, which the caller closes from now on
	 */
	static void disown(@Nullable HttpServletRequest request, Object value) {
		BatchScope scope = (request != null) ? of(request) : null;
		if (scope != null) {
			scope.disown(value);
		}
	}

	/**
	 * Own the value that a handler's result completes with, even if the request no longer
	 * waits for it.
	 * @param request the request
	 * @param stage the handler's result
	 * @return a stage that completes with the same value. Wait for this one instead: a
	 * cancelled future drops a value that it is completed with later
	 */
	static CompletionStage<?> expect(HttpServletRequest request, CompletionStage<?> stage) {
		BatchScope scope = of(request);
		if (scope == null) {
			return stage;
		}
		CompletionStage<?> copy = stage.thenApply((value) -> value);
		stage.whenComplete((value, failure) -> scope.arrived(value));
		return copy;
	}

	/**
	 * Record that the handler's result is being processed.
	 * @param request the request
	 */
	static void handled(HttpServletRequest request) {
		BatchScope scope = of(request);
		if (scope != null) {
			scope.keep(null);
		}
	}

	private void own(Object value) {
		this.lock.lock();
		try {
			if (!this.closed) {
				this.values.push(value);
				return;
			}
		}
		finally {
			this.lock.unlock();
		}
		ArrowValues.close(value);
	}

	private void disown(Object value) {
		this.lock.lock();
		try {
			this.values.removeIf((owned) -> owned == value);
		}
		finally {
			this.lock.unlock();
		}
	}

	private void arrived(@Nullable Object value) {
		if (!keep(value)) {
			ArrowValues.close(value);
		}
	}

	private boolean keep(@Nullable Object value) {
		this.lock.lock();
		try {
			this.result = this.closed ? null : value;
			return !this.closed;
		}
		finally {
			this.lock.unlock();
		}
	}

	private boolean isClosed() {
		this.lock.lock();
		try {
			return this.closed;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void close() {
		List<Object> owned = new ArrayList<>();
		this.lock.lock();
		try {
			this.closed = true;
			owned.addAll(this.values);
			if (this.result != null) {
				owned.add(this.result);
			}
			this.values.clear();
			this.result = null;
		}
		finally {
			this.lock.unlock();
		}
		try {
			owned.forEach(ArrowValues::close);
		}
		finally {
			this.memory.close();
		}
	}

	/**
	 * Opens and closes the scopes, and binds them to the threads that serve a request.
	 * Register it for every path, before anything that reads bodies.
	 */
	static final class Interceptor implements AsyncHandlerInterceptor {

		private final TransferBudget budget;

		private final BufferAllocator allocator;

		/**
		 * Create an interceptor.
		 * @param budget the budget that requests are charged to
		 * @param allocator parent of the requests' own allocators
		 */
		Interceptor(TransferBudget budget, BufferAllocator allocator) {
			this.budget = budget;
			this.allocator = allocator;
		}

		@Override
		public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler) {
			BatchScope scope = of(request);
			if (scope == null || scope.isClosed()) {
				scope = new BatchScope(this.budget.request(Caller.of(request), this.allocator));
				request.setAttribute(ATTRIBUTE, scope);
				Results results = new Results(scope);
				WebAsyncManager manager = WebAsyncUtils.getAsyncManager(request);
				manager.registerCallableInterceptor(ATTRIBUTE, results);
				manager.registerDeferredResultInterceptor(ATTRIBUTE, results);
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
				request.getAsyncContext().addListener(new ClosingAsyncListener(scope::close));
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
	 * Handles the results of asynchronous handlers. Keeps a reference to its scope,
	 * because the request may be over, and its object reused, before there is a result.
	 */
	private static final class Results implements CallableProcessingInterceptor, DeferredResultProcessingInterceptor {

		private final BatchScope scope;

		private RequestMemory.@Nullable Bound bound;

		Results(BatchScope scope) {
			this.scope = scope;
		}

		@Override
		public <T> void preProcess(NativeWebRequest request, Callable<T> task) {
			this.bound = this.scope.memory.bind();
		}

		@Override
		public <T> void postProcess(NativeWebRequest request, Callable<T> task, @Nullable Object concurrentResult) {
			if (this.bound != null) {
				this.bound.close();
			}
			this.scope.arrived(concurrentResult);
		}

		@Override
		public <T> void postProcess(NativeWebRequest request, DeferredResult<T> deferredResult,
				@Nullable Object concurrentResult) {
			this.scope.arrived(concurrentResult);
		}

	}

}
