package dev.vgi.external.autoconfigure;

import java.lang.management.ManagementFactory;

/**
 * What memory the process may use.
 */
final class ProcessMemory {

	private static final long RESERVE = 256L << 20;

	private static final long LEAST = 64L << 20;

	private ProcessMemory() {
	}

	/**
	 * Return the default budget of all transfers: half of what the limit of the process
	 * or container leaves beside the heap and a reserve for the JVM itself.
	 * @return bytes, at least 64 MiB
	 */
	static long defaultBudget() {
		return budget(limit(), Runtime.getRuntime().maxMemory());
	}

	static long budget(long limit, long heap) {
		return Math.max(LEAST, (limit - heap - RESERVE) / 2);
	}

	private static long limit() {
		// The JDK's bean knows of the limits of containers.
		return (ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean os)
				? os.getTotalMemorySize() : 2 * Runtime.getRuntime().maxMemory();
	}

}
