package dev.vgi.external.memory;

import dev.vgi.external.VgiExternalException;
import org.jspecify.annotations.Nullable;

/**
 * The process-wide transfer budget has no room for a transfer.
 */
public class BudgetExhaustedException extends VgiExternalException {

	private final boolean passing;

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 * @param cause what led to it, without secrets, or {@code null}
	 */
	public BudgetExhaustedException(String message, @Nullable Throwable cause) {
		super(Kind.BUDGET_EXHAUSTED, message, cause);
		this.passing = true;
	}

	private BudgetExhaustedException(Kind kind, String message) {
		super(kind, message, null);
		this.passing = false;
	}

	/**
	 * Create the error for something that does not fit, however empty the budget is.
	 * @param message what happened, without secrets
	 * @return the error
	 */
	static BudgetExhaustedException never(String message) {
		return new BudgetExhaustedException(Kind.BUDGET_EXHAUSTED, message);
	}

	/**
	 * Return whether the same amount may fit once others have ended.
	 * @return {@code false} for an amount that exceeds the budget, or one request's part
	 * of it
	 */
	public boolean isPassing() {
		return this.passing;
	}

	/**
	 * Create the error for a transfer that no longer waits for room.
	 * @return an error of the kind {@code CANCELLED}
	 */
	static BudgetExhaustedException interrupted() {
		return new BudgetExhaustedException(Kind.CANCELLED, "Interrupted while waiting for the transfer budget");
	}

}
