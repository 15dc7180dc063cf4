package dev.vgi.external.storage;

import java.time.Duration;

import dev.vgi.external.time.Deadline;
import org.jspecify.annotations.Nullable;

/**
 * What one upload may have left behind. Guarded by the lock of the {@link Leftovers} that
 * it belongs to, except for {@link #remove}.
 */
final class Leftover {

	/** When it was left. */
	final long since;

	private final Leftovers.Removal removal;

	/** When it is to be removed. */
	long due;

	/** Whether it was removed once. */
	boolean removed;

	Leftover(Leftovers.Removal removal, long now, Duration pause) {
		this.removal = removal;
		this.since = now;
		this.due = now + pause.toNanos();
	}

	/**
	 * Make one attempt to remove it, even if the thread is interrupted.
	 * @param deadline covers the attempt
	 * @return why it failed, or {@code null}
	 */
	@Nullable Throwable remove(Deadline deadline) {
		boolean interrupted = Thread.interrupted();
		try {
			this.removal.remove(deadline);
			return null;
		}
		catch (RuntimeException | Error ex) {
			// Also such as a class that is gone when the application ends: others are
			// still to be removed, and the transport to be closed.
			return ex;
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

}
