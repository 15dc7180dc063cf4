package dev.vgi.external.storage;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.StorageUnavailableException;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * What failed uploads may have left behind in a storage, and what removes it later: most
 * of them fail because the storage is away, and then nothing can be removed at once.
 * <p>
 * Each leftover is removed twice, with half a minute in between: a request that was cut
 * off after its last byte may be carried out after the first removal. As long as the
 * storage is away, one removal probes it, with pauses that grow to a minute; an upload
 * that succeeds ends the pause. Removals run one after the other, on a thread that lives
 * no longer than they take.
 * <p>
 * Keeps at most 1,000 leftovers for at most a day. Whatever is older, too many, refused
 * by the storage or left at the end is the business of the bucket's rules, which a
 * warning says. Thread-safe.
 */
public final class Leftovers implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(Leftovers.class);

	static final int MOST = 1000;

	static final Duration LONGEST = Duration.ofDays(1);

	/** Long enough for a storage to notice that a request was cut off. */
	static final Duration FIRST_PAUSE = Duration.ofSeconds(1);

	static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

	static final Duration BETWEEN_REMOVALS = Duration.ofSeconds(30);

	/** An outage leads to one warning, or to few if it is long. */
	private static final Duration BETWEEN_WARNINGS = Duration.ofMinutes(10);

	private static final Duration TIMEOUT = Duration.ofSeconds(10);

	private static final Duration PATIENCE = Duration.ofSeconds(5);

	private static final Duration LAST_TIMEOUT = Duration.ofSeconds(2);

	private final String place;

	private final String remedy;

	private final TransferTimer timer;

	private final ThreadFactory threads;

	private final ReentrantLock lock = new ReentrantLock();

	private final Condition idle = this.lock.newCondition();

	private final List<Leftover> waiting = new ArrayList<>();

	private TransferTimer.@Nullable Alarm alarm;

	/** Whether a thread removes something. */
	private boolean running;

	/** Failures since the storage has answered. */
	private int failures;

	private long pauseEnds;

	private boolean closed;

	private long dropped;

	private long droppedAtWarning;

	private long lastWarning;

	/**
	 * Create an empty instance.
	 * @param place where the objects are, for the log, without secrets
	 * @param remedy what else removes leftovers, as a sentence without its end
	 * @param timer measures the pauses; closed by its owner
	 * @param threads creates the thread that removes
	 */
	public Leftovers(String place, String remedy, TransferTimer timer, TransferThreads threads) {
		Assert.hasText(place, "'place' must not be empty");
		Assert.hasText(remedy, "'remedy' must not be empty");
		this.place = place;
		this.remedy = remedy;
		this.timer = timer;
		this.threads = threads.named("leftovers");
		this.pauseEnds = timer.nanoTime();
		this.lastWarning = this.pauseEnds - BETWEEN_WARNINGS.toNanos();
	}

	/**
	 * Remove something later; after {@link #close}, once, in this call.
	 * @param removal removes it
	 */
	public void add(Removal removal) {
		Leftover added = new Leftover(removal, this.timer.nanoTime(), FIRST_PAUSE);
		if (enqueue(added)) {
			return;
		}
		Throwable failure = added.remove(Deadline.in(LAST_TIMEOUT));
		if (failure != null) {
			drop(1, failure);
		}
	}

	private boolean enqueue(Leftover added) {
		this.lock.lock();
		try {
			if (this.closed) {
				return false;
			}
			if (waiting() >= MOST) {
				Leftover oldest = oldest();
				this.waiting.remove(oldest);
				drop(List.of(oldest));
			}
			this.waiting.add(added);
			schedule();
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	private Leftover oldest() {
		return this.waiting.stream().min(Comparator.comparingLong((leftover) -> leftover.since - this.pauseEnds)).get();
	}

	/**
	 * Learn that the storage answers: what could not be removed is tried again at once.
	 */
	void storageAnswers() {
		this.lock.lock();
		try {
			if (this.failures > 0) {
				this.failures = 0;
				this.pauseEnds = this.timer.nanoTime();
				schedule();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return how many leftovers are still to be removed.
	 * @return the number, for a metric
	 */
	public int waiting() {
		this.lock.lock();
		try {
			return this.waiting.size() + (this.running ? 1 : 0);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return how many leftovers are left to the bucket's rules.
	 * @return the number since the application started
	 */
	public long dropped() {
		this.lock.lock();
		try {
			return this.dropped;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Try once more, for a few seconds at most, and end. Call it before the transport
	 * closes. Idempotent.
	 */
	@Override
	public void close() {
		Deadline deadline = Deadline.in(PATIENCE);
		List<Leftover> last;
		this.lock.lock();
		try {
			this.closed = true;
			cancelAlarm();
			Uninterruptibles.await(PATIENCE, () -> !this.running,
					(nanos) -> this.idle.await(nanos, TimeUnit.NANOSECONDS));
			last = List.copyOf(this.waiting);
			this.waiting.clear();
		}
		finally {
			this.lock.unlock();
		}
		int left = 0;
		Throwable failure = null;
		for (Leftover leftover : last) {
			// Storage that is away is asked once.
			failure = (failure == null && !deadline.hasPassed()) ? leftover.remove(deadline) : failure;
			if (!leftover.removed && (failure != null || deadline.hasPassed())) {
				left++;
			}
		}
		if (left > 0) {
			drop(left, failure);
		}
	}

	/** Set the alarm for the next removal. The lock is held. */
	private void schedule() {
		cancelAlarm();
		if (this.running || this.closed || this.waiting.isEmpty()) {
			return;
		}
		long now = this.timer.nanoTime();
		long wait = this.waiting.stream().mapToLong((leftover) -> leftover.due - now).min().getAsLong();
		Duration delay = Duration.ofNanos(Math.max(0, Math.max(wait, this.pauseEnds - now)));
		this.alarm = this.timer.schedule(delay, this::begin);
	}

	private void cancelAlarm() {
		if (this.alarm != null) {
			this.alarm.cancel();
			this.alarm = null;
		}
	}

	private void begin() {
		this.lock.lock();
		try {
			if (this.running || this.closed) {
				return;
			}
			this.running = true;
			this.threads.newThread(this::work).start();
		}
		catch (OutOfMemoryError ex) {
			this.running = false;
			pause();
			schedule();
		}
		finally {
			this.lock.unlock();
		}
	}

	private void work() {
		try {
			for (Leftover next = take(); next != null; next = take()) {
				removed(next, next.remove(Deadline.in(TIMEOUT)));
			}
		}
		finally {
			this.lock.lock();
			try {
				this.running = false;
				this.idle.signalAll();
				schedule();
			}
			finally {
				this.lock.unlock();
			}
		}
	}

	private @Nullable Leftover take() {
		this.lock.lock();
		try {
			long now = this.timer.nanoTime();
			List<Leftover> old = this.waiting.stream()
				.filter((leftover) -> now - leftover.since >= LONGEST.toNanos())
				.toList();
			this.waiting.removeAll(old);
			drop(old);
			if (this.closed || this.pauseEnds - now > 0) {
				return null;
			}
			for (int i = 0; i < this.waiting.size(); i++) {
				if (this.waiting.get(i).due - now <= 0) {
					return this.waiting.remove(i);
				}
			}
			return null;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void removed(Leftover leftover, @Nullable Throwable failure) {
		this.lock.lock();
		try {
			if (failure != null && (this.closed || !mayPass(failure))) {
				if (!leftover.removed) {
					drop(1, failure);
				}
			}
			else if (failure == null) {
				this.failures = 0;
				if (!leftover.removed && !this.closed) {
					leftover.removed = true;
					leftover.due = this.timer.nanoTime() + BETWEEN_REMOVALS.toNanos();
					this.waiting.add(leftover);
				}
			}
			else {
				pause();
				this.waiting.add(leftover);
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	private static boolean mayPass(Throwable failure) {
		return failure instanceof StorageUnavailableException || (failure instanceof VgiExternalException known
				&& known.kind() == VgiExternalException.Kind.TIMED_OUT);
	}

	/** Leave the storage alone for a while. The lock is held. */
	private void pause() {
		long pause = Math.min(FIRST_PAUSE.toNanos() << Math.min(this.failures, 10), LONGEST_PAUSE.toNanos());
		this.failures++;
		this.pauseEnds = this.timer.nanoTime() + pause;
	}

	private void drop(List<Leftover> leftovers) {
		// The second removal is a precaution.
		int left = (int) leftovers.stream().filter((leftover) -> !leftover.removed).count();
		if (left > 0) {
			drop(left, null);
		}
	}

	private void drop(int count, @Nullable Throwable failure) {
		long since;
		this.lock.lock();
		try {
			this.dropped += count;
			long now = this.timer.nanoTime();
			if (!this.closed && now - this.lastWarning < BETWEEN_WARNINGS.toNanos()) {
				return;
			}
			this.lastWarning = now;
			since = this.dropped - this.droppedAtWarning;
			this.droppedAtWarning = this.dropped;
		}
		finally {
			this.lock.unlock();
		}
		String why = "";
		if (failure != null) {
			why = " ("
					+ ((failure instanceof VgiExternalException known) ? known.getMessage() : FailureReason.of(failure))
					+ ")";
		}
		logger.warn("Failed uploads may have left " + since + " objects or unfinished uploads in " + this.place
				+ " that were not removed" + why + ": " + this.remedy);
	}

	/**
	 * Removes what one upload has left behind.
	 */
	@FunctionalInterface
	public interface Removal {

		/**
		 * Make one attempt to remove it. Succeeds if it is not there.
		 * @param deadline covers the attempt
		 * @throws VgiExternalException if it may still be there
		 */
		void remove(Deadline deadline);

	}

}
