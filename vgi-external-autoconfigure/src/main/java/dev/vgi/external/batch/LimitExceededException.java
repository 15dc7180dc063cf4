package dev.vgi.external.batch;

import dev.vgi.external.VgiExternalException;

/**
 * Reading a message would take more of the heap than {@link ReadLimits} allow.
 */
public class LimitExceededException extends VgiExternalException {

	private static final String PREFIX = "vgi.external.limits.";

	private final String key;

	/**
	 * Create an error.
	 * @param problem which limit is exceeded, and its value
	 * @param limit last part of the setting's key
	 */
	LimitExceededException(String problem, String limit) {
		super(Kind.LIMIT_EXCEEDED, problem + " (" + PREFIX + limit + ")", null);
		this.key = PREFIX + limit;
	}

	/**
	 * Return the key of the setting.
	 * @return the key of the limit
	 */
	public String key() {
		return this.key;
	}

}
