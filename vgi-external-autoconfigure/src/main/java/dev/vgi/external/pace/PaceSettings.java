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

	/**
	 * Return the bounds for all hosts together that somebody else named, which leave a
	 * quarter to the service's own storage. Of these bounds, those for one such host,
	 * which leave a quarter to others.
	 * @return narrower bounds, unless these are for a few requests
	 */
	public PaceSettings forForeign() {
		return new PaceSettings(this.maxInFlight - this.maxInFlight / 4, this.adaptive);
	}

}
