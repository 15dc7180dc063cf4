package dev.vgi.external.test;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

import org.apache.arrow.memory.BufferAllocator;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.ApplicationListener;
import org.springframework.test.context.event.AfterTestMethodEvent;
import org.springframework.test.context.event.BeforeTestMethodEvent;
import org.springframework.test.context.event.TestContextEvent;

import static org.assertj.core.api.Assertions.fail;

/**
 * Resets the storage before each test, and looks for leaks after it. Told by the test
 * context framework, to which the application context listens; so no test class has to
 * name a listener.
 */
final class TestIsolation implements ApplicationListener<TestContextEvent> {

	/** A server frees what it holds for a request after the client has its answer. */
	private static final Duration PATIENCE = Duration.ofSeconds(5);

	private final InMemoryStorage storage;

	private final ObjectProvider<BufferAllocator> allocators;

	private final boolean checkLeaks;

	private final Map<BufferAllocator, Long> before = new ConcurrentHashMap<>();

	TestIsolation(InMemoryStorage storage, ObjectProvider<BufferAllocator> allocators, boolean checkLeaks) {
		this.storage = storage;
		this.allocators = allocators;
		this.checkLeaks = checkLeaks;
	}

	@Override
	public void onApplicationEvent(TestContextEvent event) {
		if (event instanceof BeforeTestMethodEvent) {
			this.storage.reset();
			this.allocators.stream().forEach((allocator) -> this.before.put(allocator, allocator.getAllocatedMemory()));
		}
		else if (event instanceof AfterTestMethodEvent && this.checkLeaks) {
			this.before.forEach(TestIsolation::check);
		}
	}

	private static void check(BufferAllocator allocator, long before) {
		long end = System.nanoTime() + PATIENCE.toNanos();
		while (allocator.getAllocatedMemory() > before) {
			if (System.nanoTime() - end > 0) {
				long left = allocator.getAllocatedMemory() - before;
				fail(new LeftMemory(left, allocator.toVerboseString()).describe("The application or its test"));
			}
			LockSupport.parkNanos(1_000_000);
		}
	}

}
