package dev.vgi.external.fuzz;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;

import com.sun.management.ThreadMXBean;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.Nullable;

/**
 * What holds for every input of a target: it ends with a result or with an exception of
 * this library of an expected kind, within a second of the thread's own time, with
 * bounded memory on the heap and off it, and nothing of the latter is kept.
 */
final class Guard {

	/** Off the heap, at any time: far more than any input stands for. */
	private static final long MOST_OFF_HEAP = 64 << 20;

	/** On the heap, all in all. */
	private static final long MOST_ALLOCATED = 64 << 20;

	private static final int REPETITIONS = 3;

	private static final long LONGEST_NANOS = Duration.ofSeconds(1).toNanos();

	private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

	private final BufferAllocator allocator = new RootAllocator(MOST_OFF_HEAP);

	private final Set<Kind> expected;

	private final Body body;

	/**
	 * Create a guard.
	 * @param body what a target does with an input
	 * @param expected the kinds of exceptions by which it may end
	 */
	Guard(Body body, Kind... expected) {
		this.body = body;
		this.expected = (expected.length > 0) ? EnumSet.copyOf(Arrays.asList(expected)) : EnumSet.noneOf(Kind.class);
	}

	/**
	 * Run an input.
	 * @param input the input
	 * @throws AssertionError if something does not hold
	 */
	void run(byte[] input) {
		// The first of its kind may have loaded classes, and paid for that.
		for (int i = 0; !isModest(input); i++) {
			require(i < REPETITIONS, "An input of " + input.length + " bytes takes longer than a second, or allocates"
					+ " more than " + MOST_ALLOCATED + " bytes");
		}
	}

	private boolean isModest(byte[] input) {
		long heap = THREADS.getCurrentThreadAllocatedBytes();
		long start = THREADS.getCurrentThreadCpuTime();
		VgiExternalException refusal = outcome(input);
		long nanos = THREADS.getCurrentThreadCpuTime() - start;
		long allocated = THREADS.getCurrentThreadAllocatedBytes() - heap;
		require(this.allocator.getAllocatedMemory() == 0,
				this.allocator.getAllocatedMemory() + " bytes are still allocated");
		if (refusal != null) {
			check(refusal);
		}
		return nanos < LONGEST_NANOS && allocated < MOST_ALLOCATED;
	}

	private @Nullable VgiExternalException outcome(byte[] input) {
		try {
			this.body.run(new Script(input), this.allocator);
			return null;
		}
		catch (VgiExternalException ex) {
			return ex;
		}
		catch (AssertionError ex) {
			throw ex;
		}
		catch (Exception ex) {
			throw new AssertionError("Not an exception of this library: " + ex, ex);
		}
	}

	private void check(VgiExternalException refusal) {
		if (!this.expected.contains(refusal.kind())) {
			throw new AssertionError("An exception of another kind: " + refusal.kind(), refusal);
		}
		String message = refusal.getMessage();
		if (message == null || message.isBlank()) {
			throw new AssertionError("An exception says nothing", refusal);
		}
	}

	/**
	 * Require something of a target.
	 * @param condition what has to hold
	 * @param problem what is wrong otherwise
	 */
	static void require(boolean condition, String problem) {
		if (!condition) {
			throw new AssertionError(problem);
		}
	}

	/**
	 * What a target does.
	 */
	@FunctionalInterface
	interface Body {

		void run(Script script, BufferAllocator allocator) throws Exception;

	}

}
