package dev.vgi.external.memory;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * The process-wide transfer budget has no room for a transfer.
 */
public class BudgetExhaustedException extends VgiExternalException {

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public BudgetExhaustedException(String message, @Nullable Throwable cause) {
		super(Kind.BUDGET_EXHAUSTED, message, cause);
	}

}
