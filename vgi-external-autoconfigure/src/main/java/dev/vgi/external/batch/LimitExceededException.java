package dev.vgi.external.batch;

import dev.vgi.external.VgiExternalException;

/**
 * What arrives would take more of the heap than {@link ReadLimits} allow.
 */
public class LimitExceededException extends VgiExternalException {

	private static final String PREFIX = "vgi.external.limits.";

	private final String key;

	/**
	 * Create an error.
	 * @param problem what there is too much of, and the limit
	 * @param limit last part of the setting's key
	 */
	LimitExceededException(String problem, String limit) {
		super(Kind.LIMIT_EXCEEDED, problem + " (" + PREFIX + limit + ")", null);
		this.key = PREFIX + limit;
	}

	/**
	 * Return which setting holds the limit.
	 * @return its key
	 */
	public String key() {
		return this.key;
	}

}
