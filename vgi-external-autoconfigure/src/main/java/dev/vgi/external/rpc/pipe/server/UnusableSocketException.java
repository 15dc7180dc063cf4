package dev.vgi.external.rpc.pipe.server;

import java.io.IOException;

import org.jspecify.annotations.Nullable;

/**
 * A Unix socket cannot be served under its path.
 */
public class UnusableSocketException extends IOException {

	private final String remedy;

	/**
	 * Create an error.
	 * @param problem what is wrong, as a sentence
	 * @param remedy what to do about it, as a sentence
	 * @param cause what led to it, or {@code null}
	 */
	UnusableSocketException(String problem, String remedy, @Nullable Throwable cause) {
		super(problem, cause);
		this.remedy = remedy;
	}

	/**
	 * Return how to fix the problem.
	 * @return a sentence
	 */
	public String remedy() {
		return this.remedy;
	}

}
