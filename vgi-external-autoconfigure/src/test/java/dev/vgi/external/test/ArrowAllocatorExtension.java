package dev.vgi.external.test;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.util.Assert;

import static org.assertj.core.api.Assertions.fail;

/**
 * JUnit extension that gives a {@link BufferAllocator} to every test method that asks for
 * one, and fails the test if anything that was allocated from it is not freed at the end.
 * A parameter of that type receives it, in the test method and in methods annotated with
 * {@code @BeforeEach} or {@code @AfterEach}; all of one test receive the same. It is
 * checked after the last {@code @AfterEach} method. Parameters annotated with
 * {@code @Autowired} are left to Spring.
 * <p>
 * The failure tells how many bytes are left. With the system property
 * {@code arrow.memory.debug.allocator=true} it also tells where each buffer was
 * allocated.
 * <p>
 * Usually declared with {@code @ExtendWith(ArrowAllocatorExtension.class)}. Declare it
 * with {@code @RegisterExtension} to limit the memory of a test. Supports tests that run
 * in parallel.
 */
public final class ArrowAllocatorExtension implements ParameterResolver, AfterEachCallback {

	private static final Namespace NAMESPACE = Namespace.create(ArrowAllocatorExtension.class);

	private final long limit;

	/**
	 * Create an extension whose allocators are not limited.
	 */
	public ArrowAllocatorExtension() {
		this(Long.MAX_VALUE);
	}

	/**
	 * Create an extension.
	 * @param limit the maximum number of bytes that a test may have allocated at a time
	 */
	public ArrowAllocatorExtension(long limit) {
		Assert.isTrue(limit > 0, "'limit' must be positive");
		this.limit = limit;
	}

	@Override
	public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
		return parameter.getParameter().getType() == BufferAllocator.class && !parameter.isAnnotated(Autowired.class)
				&& context.getTestMethod().isPresent();
	}

	@Override
	public BufferAllocator resolveParameter(ParameterContext parameter, ExtensionContext context) {
		return context.getStore(NAMESPACE)
			.computeIfAbsent(RootAllocator.class, (key) -> new RootAllocator(this.limit), RootAllocator.class);
	}

	@Override
	public void afterEach(ExtensionContext context) {
		Store store = context.getStore(NAMESPACE);
		// What stays in the store would be closed by JUnit, with a message of its own.
		RootAllocator allocator = store.remove(RootAllocator.class, RootAllocator.class);
		if (allocator != null) {
			if (allocator.getAllocatedMemory() > 0) {
				// Not closed: a thread that is late may still free what it has.
				fail(LeftMemory.of(allocator).describe("The test"));
			}
			allocator.close();
		}
	}

}
