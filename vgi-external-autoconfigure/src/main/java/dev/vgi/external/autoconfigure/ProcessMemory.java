package dev.vgi.external.autoconfigure;

import java.lang.management.ManagementFactory;

/**
 * The memory limits of the process.
 */
final class ProcessMemory {

	private static final long RESERVE = 256L << 20;

	private static final long LEAST = 64L << 20;

	private ProcessMemory() {
	}

	/**
	 * Return the default budget of all transfers: half of the process's or container's
	 * memory limit after subtracting the heap and a reserve for the JVM itself.
	 * @return bytes, at least 64 MiB
	 */
	static long defaultBudget() {
		return budget(limit(), Runtime.getRuntime().maxMemory());
	}

	static long budget(long limit, long heap) {
		return Math.max(LEAST, (limit - heap - RESERVE) / 2);
	}

	private static long limit() {
		// The JDK's bean knows the limits of containers.
		return (ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean os)
				? os.getTotalMemorySize() : 2 * Runtime.getRuntime().maxMemory();
	}

}
