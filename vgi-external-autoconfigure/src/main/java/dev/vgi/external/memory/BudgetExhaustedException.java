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

	private BudgetExhaustedException(String message) {
		super(Kind.CANCELLED, message, null);
	}

	/**
	 * Create the error of a transfer that no longer waits for room.
	 * @return an error of the kind of cancellations
	 */
	static BudgetExhaustedException interrupted() {
		return new BudgetExhaustedException("Interrupted while waiting for the transfer budget");
	}

}
