package dev.vgi.external.rpc.pipe.server;

import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.server.CallArguments;
import dev.vgi.external.rpc.server.ServedCall;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.context.request.RequestContextHolder;

/**
 * What one request, or one turn of a stream, has for itself while it is read and served:
 * an account of the budget, and the attributes of a request. Bound to the thread that
 * opens it, which also closes it.
 */
final class CallScope implements AutoCloseable {

	private final RequestMemory memory;

	private final RequestMemory.Bound bound;

	private final BufferAllocator allocator;

	private final PipeRequest request = new PipeRequest();

	private final @Nullable RequestAttributes before = RequestContextHolder.getRequestAttributes();

	/**
	 * Open a scope.
	 * @param budget the budget it is charged to
	 * @param caller whose requests count together
	 * @param parent parent of its allocator
	 */
	CallScope(TransferBudget budget, String caller, BufferAllocator parent) {
		this.memory = budget.request(caller, parent);
		this.bound = this.memory.bind();
		this.allocator = RequestMemory.allocator(parent);
		RequestContextHolder.setRequestAttributes(this.request);
	}

	/**
	 * Return the owner of what is read.
	 * @return the allocator, charged to the account; not to be closed
	 */
	BufferAllocator allocator() {
		return this.allocator;
	}

	/**
	 * Let handlers find the call.
	 * @param call the call
	 * @return the request that they serve
	 */
	PipeRequest serve(ServedCall call) {
		CallArguments.bind(call, this.request);
		return this.request;
	}

	@Override
	public void close() {
		try {
			this.request.requestCompleted();
		}
		finally {
			RequestContextHolder.setRequestAttributes(this.before);
			this.bound.close();
			this.memory.close();
		}
	}

}
