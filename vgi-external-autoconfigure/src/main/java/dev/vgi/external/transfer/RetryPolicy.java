package dev.vgi.external.transfer;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import java.util.function.LongUnaryOperator;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportClosedException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Decides when a failed transfer is retried, in either direction.
 * <ul>
 * <li>A {@linkplain StorageBusyException busy} storage is retried as long as the deadline
 * allows. The pauses grow and have random lengths, so that waiting callers do not return
 * all at once; a pause that the storage asks for takes precedence.</li>
 * <li>Every other transient failure gets a fixed number of further attempts with a fixed
 * pause between them, so that a dead storage leads to a quick error.</li>
 * </ul>
 * A pause that does not fit into the deadline is not started. Thread-safe.
 */
public final class RetryPolicy {

	/** The protocol's number of further attempts. */
	public static final int DEFAULT_MAX_RETRIES = 2;

	/** The protocol's pause before each of them. */
	public static final Duration DEFAULT_DELAY = Duration.ofMillis(500);

	/**
	 * Longest pause before the first retry at a busy storage; doubled before each later
	 * one.
	 */
	static final Duration FIRST_PAUSE = Duration.ofMillis(100);

	/** Short, since the pace of the origin holds everybody back anyway. */
	static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

	/** Longest pause that storage may ask for. */
	static final Duration LONGEST_RETRY_AFTER = Duration.ofSeconds(30);

	/** How often a pause checks whether its transfer has become pointless. */
	private static final long LOOK_EVERY_MILLIS = 200;

	private final int maxRetries;

	private final Duration delay;

	private final TransferTimer timer;

	private final BooleanSupplier ended;

	private final LongUnaryOperator random;

	/** Is told about further attempts, at the range or part of that index. */
	private final TransferTrace trace;

	private final int index;

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
		this(maxRetries, delay, timer, ended, random, TransferTrace.none(), Retried.WHOLE);
	}

	private RetryPolicy(int maxRetries, Duration delay, TransferTimer timer, BooleanSupplier ended,
			LongUnaryOperator random, TransferTrace trace, int index) {
		Assert.isTrue(maxRetries >= 0, "'maxRetries' must not be negative");
		Assert.isTrue(!delay.isNegative(), "'delay' must not be negative");
		this.maxRetries = maxRetries;
		this.delay = delay;
		this.timer = timer;
		this.ended = ended;
		this.random = random;
		this.trace = trace;
		this.index = index;
	}

	/**
	 * Return the protocol's policy: two further attempts, 0.5 s apart.
	 * @param transport as for the constructor
	 * @return the policy
	 */
	public static RetryPolicy defaults(StorageTransport transport) {
		return new RetryPolicy(DEFAULT_MAX_RETRIES, DEFAULT_DELAY, transport);
	}

	/**
	 * Return a policy that reports further attempts.
	 * @param trace is told about them
	 * @param index the range or part that is tried, {@link Retried#WHOLE} or
	 * {@link Retried#STEP}
	 * @return a policy that decides in the same way
	 */
	public RetryPolicy tracedBy(TransferTrace trace, int index) {
		return new RetryPolicy(this.maxRetries, this.delay, this.timer, this.ended, this.random, trace, index);
	}

	/**
	 * Return a policy that reports further attempts at a part of the transfer.
	 * @param index the range or part, from 0, or {@link Retried#STEP}
	 * @return a policy that decides and reports in the same way
	 */
	public RetryPolicy at(int index) {
		return tracedBy(this.trace, index);
	}

	/**
	 * Return whether a failure is transient, so that another attempt may succeed.
	 * @param failure why the transfer failed
	 * @return {@code false} for refusals, and for transfers that were cancelled, ended by
	 * the application's shutdown or have used up their attempts
	 */
	public static boolean mayPass(Throwable failure) {
		return failure instanceof StorageUnavailableException && !(failure instanceof TransportClosedException)
				&& !(failure instanceof TransferCancelledException) && !(failure instanceof AttemptsExhaustedException);
	}

	/**
	 * Start a deadline on the clock that measures the pauses.
	 * @param timeout time from now on, positive
	 * @return the deadline
	 */
	public Deadline newDeadline(Duration timeout) {
		return Deadline.in(timeout, this.timer::nanoTime);
	}

	/**
	 * Begin an operation that may be retried.
	 * @param deadline covers all attempts
	 * @return the attempts of the operation
	 */
	public Retries begin(Deadline deadline) {
		return new Retries(this, deadline, () -> false);
	}

	/**
	 * Run an action until it succeeds, is refused or must not be retried any more.
	 * @param <T> type of the result
	 * @param deadline covers all attempts
	 * @param action takes the number of attempts that have failed
	 * @return what the first successful attempt returned
	 * @throws VgiExternalException as for {@link Retries#pauseAfter}
	 */
	public <T extends @Nullable Object> T run(Deadline deadline, IntFunction<T> action) {
		return run(deadline, () -> false, action);
	}

	/**
	 * Run an action until it succeeds, is refused or must not be retried any more.
	 * @param <T> type of the result
	 * @param deadline covers all attempts
	 * @param cancelled whether a further attempt is pointless
	 * @param action takes the number of attempts that have failed
	 * @return what the first successful attempt returned
	 * @throws VgiExternalException as for {@link Retries#pauseAfter}
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
	 * Wait, even if transfers have been ended: for clean-up. An interrupt ends the pause,
	 * and the interrupt flag is kept.
	 * @param duration how long
	 */
	public void pause(Duration duration) {
		pause(duration, () -> false);
	}

	/**
	 * Wait until the time is over, waiting has become pointless or the thread is
	 * interrupted. The interrupt flag is kept.
	 * @param duration how long at most
	 * @param pointless whether to stop
	 */
	void pause(Duration duration, BooleanSupplier pointless) {
		if (duration.isZero()) {
			return;
		}
		// Where ranges or parts are tried, the others go on.
		boolean alone = this.index < 0;
		if (alone) {
			this.trace.begins(Phase.PAUSE);
		}
		long until = this.timer.nanoTime() + duration.toNanos();
		CountDownLatch over = new CountDownLatch(1);
		TransferTimer.Alarm alarm = this.timer.schedule(duration, over::countDown);
		try {
			// If the timer is closed meanwhile, nothing signals the end any more.
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
			if (alone) {
				this.trace.over(Phase.PAUSE);
			}
		}
	}

	/**
	 * Tell whoever watches that a failed attempt is made again.
	 * @param failure why it failed
	 * @param pause time until then
	 */
	void retries(VgiExternalException failure, Duration pause) {
		this.trace.retried(this.index, failure, pause);
	}

	/**
	 * Tell that the pause is over and the next attempt begins.
	 */
	void begins() {
		if (this.index == Retried.WHOLE) {
			this.trace.startsOver();
		}
	}

	/**
	 * Check that transfers have not been ended, for callers that wait for an attempt.
	 * @throws TransportClosedException if the application shuts down
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
	 * @param answers how often it has reported before that it is busy
	 * @param retryAfter the pause that it asks for, or {@code null}
	 * @param remaining what is left of the deadline
	 * @return the pause, which may be longer than that
	 */
	Duration pauseForBusy(int answers, @Nullable Duration retryAfter, Duration remaining) {
		long grown = Math.min(FIRST_PAUSE.toNanos() << Math.min(answers, 10), LONGEST_PAUSE.toNanos());
		if (retryAfter == null || retryAfter.isZero()) {
			// However long the pause has grown, it leaves time for a last attempt.
			long longest = Math.min(grown, Math.max(FIRST_PAUSE.toNanos(), remaining.toNanos() / 2));
			return Duration.ofNanos(this.random.applyAsLong(longest));
		}
		long asked = Math.min(retryAfter.toNanos(), LONGEST_RETRY_AFTER.toNanos());
		long left = Math.max(0, remaining.toNanos() - asked);
		return Duration.ofNanos(asked + this.random.applyAsLong(Math.min(Math.min(grown, asked), left / 2)));
	}

}
