package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import java.util.function.LongUnaryOperator;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimer;
import dev.vgi.external.transport.TransportClosedException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * When a transfer that failed is tried again, whatever its direction.
 * <ul>
 * <li>A storage that is {@linkplain StorageBusyException busy} is waited for as long as
 * the deadline allows: by pauses that grow, each of random length so that those who wait
 * do not come back in step, or by as long as storage says.</li>
 * <li>Everything else that may pass gets a number of further attempts, a fixed pause
 * apart: a storage that is dead costs a quick error.</li>
 * </ul>
 * A pause that does not fit into the deadline is not begun. Thread-safe.
 */
public final class RetryPolicy {

	/** The protocol's number of further attempts. */
	public static final int DEFAULT_MAX_RETRIES = 2;

	/** The protocol's pause before each of them. */
	public static final Duration DEFAULT_DELAY = Duration.ofMillis(500);

	/**
	 * Before the first attempt at a busy storage at most; doubled before each later one.
	 */
	static final Duration FIRST_PAUSE = Duration.ofMillis(100);

	static final Duration LONGEST_PAUSE = Duration.ofSeconds(20);

	/** What storage may ask for. */
	static final Duration LONGEST_RETRY_AFTER = Duration.ofSeconds(30);

	/** Nobody wakes who is in a pause when a transfer becomes pointless. */
	private static final long LOOK_EVERY_MILLIS = 200;

	private final int maxRetries;

	private final Duration delay;

	private final TransferTimer timer;

	private final BooleanSupplier ended;

	private final LongUnaryOperator random;

	/**
	 * Create a policy.
	 * @param maxRetries further attempts after failures other than a busy storage
	 * @param delay pause before each of these
	 * @param transport measures the pauses, and ends them when it ends its transfers
	 */
	public RetryPolicy(int maxRetries, Duration delay, StorageTransport transport) {
		this(maxRetries, delay, transport.timer(), transport::hasEnded,
				(longest) -> ThreadLocalRandom.current().nextLong(longest + 1));
	}

	RetryPolicy(int maxRetries, Duration delay, TransferTimer timer, BooleanSupplier ended, LongUnaryOperator random) {
		Assert.isTrue(maxRetries >= 0, "'maxRetries' must not be negative");
		Assert.isTrue(!delay.isNegative(), "'delay' must not be negative");
		this.maxRetries = maxRetries;
		this.delay = delay;
		this.timer = timer;
		this.ended = ended;
		this.random = random;
	}

	/**
	 * Return the protocol's policy: two further attempts, 0.5 s apart.
	 * @param transport as above
	 * @return the policy
	 */
	public static RetryPolicy defaults(StorageTransport transport) {
		return new RetryPolicy(DEFAULT_MAX_RETRIES, DEFAULT_DELAY, transport);
	}

	/**
	 * Return whether another attempt may succeed where one has failed.
	 * @param failure why it failed
	 * @return {@code false} for refusals, and for transfers that were cancelled, ended
	 * with the application or have had their attempts
	 */
	public static boolean mayPass(Throwable failure) {
		return failure instanceof StorageUnavailableException && !(failure instanceof TransportClosedException)
				&& !(failure instanceof TransferCancelledException) && !(failure instanceof AttemptsExhaustedException);
	}

	/**
	 * Start a deadline by the clock that measures the pauses.
	 * @param timeout time from now on, positive
	 * @return the deadline
	 */
	public Deadline newDeadline(Duration timeout) {
		return Deadline.in(timeout, this.timer::nanoTime);
	}

	/**
	 * Begin something that may be tried again.
	 * @param deadline covers all attempts
	 * @return what it has of attempts
	 */
	public Retries begin(Deadline deadline) {
		return new Retries(this, deadline, () -> false);
	}

	/**
	 * Do something until it works, is refused or there is no use in going on.
	 * @param <T> type of the result
	 * @param deadline covers all attempts
	 * @param action takes the number of attempts that failed before
	 * @return what the first successful attempt returned
	 * @throws VgiExternalException as {@link Retries#pauseAfter}
	 */
	public <T extends @Nullable Object> T run(Deadline deadline, IntFunction<T> action) {
		return run(deadline, () -> false, action);
	}

	/**
	 * Do something until it works, is refused or there is no use in going on.
	 * @param <T> type of the result
	 * @param deadline covers all attempts
	 * @param cancelled whether a further attempt is pointless
	 * @param action takes the number of attempts that failed before
	 * @return what the first successful attempt returned
	 * @throws VgiExternalException as {@link Retries#pauseAfter}
	 */
	public <T extends @Nullable Object> T run(Deadline deadline, BooleanSupplier cancelled, IntFunction<T> action) {
		Retries retries = new Retries(this, deadline, cancelled);
		while (true) {
			try {
				return action.apply(retries.failures());
			}
			catch (VgiExternalException ex) {
				retries.pauseAfter(ex);
			}
		}
	}

	/**
	 * Wait, also if transfers have been ended: for what cleans up after them. An
	 * interrupt ends the pause and is kept.
	 * @param duration how long
	 */
	public void pause(Duration duration) {
		pause(duration, () -> false);
	}

	/**
	 * Wait until the time is over, there is no use in waiting or the thread is
	 * interrupted, which is kept.
	 * @param duration how long at most
	 * @param pointless whether to stop
	 */
	void pause(Duration duration, BooleanSupplier pointless) {
		if (duration.isZero()) {
			return;
		}
		long until = this.timer.nanoTime() + duration.toNanos();
		CountDownLatch over = new CountDownLatch(1);
		TransferTimer.Alarm alarm = this.timer.schedule(duration, over::countDown);
		try {
			// The timer may be closed under us, and then nothing rings any more.
			while (!pointless.getAsBoolean() && !over.await(LOOK_EVERY_MILLIS, TimeUnit.MILLISECONDS)
					&& this.timer.nanoTime() - until < 0) {
				continue;
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		finally {
			alarm.cancel();
		}
	}

	/**
	 * Check that nobody has ended the transfers, for who waits for an attempt.
	 * @throws TransportClosedException if the application ends
	 */
	public void requireOpen() {
		if (hasEnded()) {
			throw new TransportClosedException("The storage transport was closed before another attempt");
		}
	}

	boolean hasEnded() {
		return this.ended.getAsBoolean();
	}

	int maxRetries() {
		return this.maxRetries;
	}

	Duration delay() {
		return this.delay;
	}

	/**
	 * Return how long to leave a busy storage alone.
	 * @param answers how often it has said so before
	 * @param retryAfter how long it wants, or {@code null}
	 * @param remaining what is left of the deadline
	 * @return the pause, which may not fit into that
	 */
	Duration pauseForBusy(int answers, @Nullable Duration retryAfter, Duration remaining) {
		long grown = Math.min(FIRST_PAUSE.toNanos() << Math.min(answers, 10), LONGEST_PAUSE.toNanos());
		if (retryAfter == null || retryAfter.isZero()) {
			// However long it would like to be, it leaves time for a last attempt.
			long longest = Math.min(grown, Math.max(FIRST_PAUSE.toNanos(), remaining.toNanos() / 2));
			return Duration.ofNanos(this.random.applyAsLong(longest));
		}
		long asked = Math.min(retryAfter.toNanos(), LONGEST_RETRY_AFTER.toNanos());
		long left = Math.max(0, remaining.toNanos() - asked);
		return Duration.ofNanos(asked + this.random.applyAsLong(Math.min(Math.min(grown, asked), left / 2)));
	}

}
