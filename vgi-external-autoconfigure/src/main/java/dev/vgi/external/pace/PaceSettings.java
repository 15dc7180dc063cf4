package dev.vgi.external.pace;

import dev.vgi.external.Internal;

import org.springframework.util.Assert;

/**
 * The bounds of a pace.
 *
 * @param maxInFlight most requests that have not ended, at least 1
 * @param adaptive whether anything else is ever refused or delayed; {@code false} for a
 * fixed number of requests in flight
 */
@Internal
public record PaceSettings(int maxInFlight, boolean adaptive) {

	public PaceSettings {
		Assert.isTrue(maxInFlight > 0, "'maxInFlight' must be positive");
	}

}
