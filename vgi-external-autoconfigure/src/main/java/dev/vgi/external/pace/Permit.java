package dev.vgi.external.pace;

import java.time.Duration;
import java.util.function.Consumer;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * The place of one request in its {@link Pace}: first in the queue, then in flight. The
 * first of the methods that end it decides; later ones have no effect. Thread-safe.
 */
@Internal
public final class Permit {

	private final Pace pace;

	/** Whose request it is, compared by identity. */
	final Object transfer;

	final boolean hedge;

	final Consumer<Permit> decided;

	/** Guarded by the pace's lock, as is the next one. */
	State state = State.WAITING;

	long grantedAt;

	private volatile @Nullable String refusal;

	Permit(Pace pace, Object transfer, boolean hedge, Consumer<Permit> decided) {
		this.pace = pace;
		this.transfer = transfer;
		this.hedge = hedge;
		this.decided = decided;
	}

	/**
	 * Return why the request must not be sent.
	 * @return half a sentence that says that the storage cannot be reached and since
	 * when; {@code null} if the request may be sent, or still waits
	 */
	public @Nullable String refusal() {
		return this.refusal;
	}

	/**
	 * Return whether the request may be sent.
	 * @return {@code false} as long as it waits, and if it was refused
	 */
	public boolean isGranted() {
		return this.pace.isGranted(this);
	}

	void refuse(String why) {
		this.refusal = why;
	}

	/**
	 * The storage has begun to answer, and not that it is busy. The first of all calls;
	 * does not end this.
	 */
	public void answered() {
		this.pace.answered(this);
	}

	/**
	 * The storage has answered, and the answer has arrived.
	 */
	public void succeeded() {
		this.pace.end(this, Outcome.SUCCEEDED);
	}

	/**
	 * The storage has answered that it is busy.
	 * @param retryAfter the pause that it asks for, or {@code null}
	 */
	public void busy(@Nullable Duration retryAfter) {
		long asked = (retryAfter != null) ? Math.min(retryAfter.toSeconds(), 3600) * 1_000_000_000L : 0;
		this.pace.end(this, new Outcome(Outcome.Kind.BUSY, asked, "it is busy"));
	}

	/**
	 * The storage could not be reached, broke off, or was silent for too long.
	 * @param why half a sentence, without secrets
	 */
	public void broken(String why) {
		this.pace.end(this, new Outcome(Outcome.Kind.BROKEN, 0, why));
	}

	/**
	 * The storage has answered, but the time was too short for the whole answer.
	 */
	public void late() {
		this.pace.end(this, Outcome.LATE);
	}

	/**
	 * The request was cancelled, or has ended in a way that says nothing about the
	 * storage.
	 */
	public void cancelled() {
		this.pace.end(this, Outcome.CANCELLED);
	}

	enum State {

		WAITING, IN_FLIGHT, ENDED

	}

	/**
	 * How a request has ended.
	 *
	 * @param kind what it says about the storage
	 * @param asked the pause that storage asks for in nanoseconds, or 0
	 * @param why why it failed, in half a sentence
	 */
	record Outcome(Kind kind, long asked, String why) {

		static final Outcome SUCCEEDED = new Outcome(Kind.SUCCEEDED, 0, "");

		static final Outcome LATE = new Outcome(Kind.LATE, 0, "");

		static final Outcome CANCELLED = new Outcome(Kind.CANCELLED, 0, "");

		enum Kind {

			SUCCEEDED, BUSY, BROKEN, LATE, CANCELLED

		}

	}

}
