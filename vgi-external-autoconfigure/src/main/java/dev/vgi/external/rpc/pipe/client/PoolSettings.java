package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * How many connections a pool has, and how long callers wait for one.
 *
 * @param prefix prefix of its settings' keys, such as {@code vgi.rpc.workers.model.}, for
 * messages; may be empty
 * @param size most connections, positive
 * @param callTimeout longest wait of a caller, positive
 * @param idleTimeout how long an unused connection is kept, positive; {@code null} for as
 * long as the pool
 * @param maxWaiting most callers that wait for a connection that is in use, not negative
 */
record PoolSettings(String prefix, int size, Duration callTimeout, @Nullable Duration idleTimeout, int maxWaiting) {

	PoolSettings {
		Assert.isTrue(size > 0, "'size' must be positive");
		Assert.isTrue(callTimeout.compareTo(Duration.ZERO) > 0, "'callTimeout' must be positive");
		Assert.isTrue(idleTimeout == null || idleTimeout.compareTo(Duration.ZERO) > 0,
				"'idleTimeout' must be positive");
		Assert.isTrue(maxWaiting >= 0, "'maxWaiting' must not be negative");
	}

	/**
	 * Return how a setting is called.
	 * @param setting its name, such as {@code max-waiting}
	 * @return its key
	 */
	String key(String setting) {
		return this.prefix + setting;
	}

}
