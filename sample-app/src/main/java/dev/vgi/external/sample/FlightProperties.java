package dev.vgi.external.sample;

import java.lang.management.ManagementFactory;
import java.time.Duration;

import com.sun.management.OperatingSystemMXBean;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.Assert;
import org.springframework.util.unit.DataSize;

/**
 * Settings of the flights.
 *
 * @param memoryLimit Memory that the database may use. Batches that were read of it and
 * are not closed yet may hold as much again. An eighth of what the process or its
 * container has by default, at least 256MB.
 * @param patience How long an import waits for results that are still being read.
 */
@ConfigurationProperties("flights")
record FlightProperties(@Nullable DataSize memoryLimit, @DefaultValue("10s") Duration patience) {

	/** The minimum for loading the flights that come with the application. */
	private static final DataSize LEAST = DataSize.ofMegabytes(64);

	/** Two results of all flights in one batch. */
	private static final DataSize LEAST_BY_DEFAULT = DataSize.ofMegabytes(256);

	FlightProperties {
		Assert.isTrue(memoryLimit == null || memoryLimit.compareTo(LEAST) >= 0,
				"'flights.memory-limit' must be at least 64MB");
	}

	/**
	 * Return the memory limit.
	 * @return bytes
	 */
	long memoryLimitInBytes() {
		return ((this.memoryLimit != null) ? this.memoryLimit : defaultLimit(memoryOfProcess())).toBytes();
	}

	static DataSize defaultLimit(DataSize memoryOfProcess) {
		DataSize eighth = DataSize.ofBytes(memoryOfProcess.toBytes() / 8);
		return (eighth.compareTo(LEAST_BY_DEFAULT) > 0) ? eighth : LEAST_BY_DEFAULT;
	}

	private static DataSize memoryOfProcess() {
		// This bean knows the limits of containers
		return DataSize.ofBytes(ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize());
	}

}
