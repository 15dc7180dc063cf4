package dev.vgi.external.fetch;

import java.net.URI;
import java.time.Duration;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

import dev.vgi.external.Internal;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;

/**
 * The link to the object of one pointer, which is renewed once it has expired, if that is
 * possible. All requests for the object share it: one renews, on a thread of its own, and
 * those that find the same link expired meanwhile wait for the new one. A renewal that
 * storage's refusal made necessary and that failed is final. Thread-safe.
 */
@Internal
public final class ObjectLink {

	/** How often a waiting thread checks whether waiting has become pointless. */
	private static final long LOOK_EVERY_MILLIS = 200;

	private final URI original;

	private final @Nullable Supplier<URI> renewal;

	private final int maxRenewals;

	/** Why there is no renewal, as the end of an error's sentence. */
	private final String without;

	private final ThreadFactory threads;

	/** Renews with the context of the thread that created this link. */
	private final Runnable task;

	/** Guards all fields below. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	private URI current;

	/** Renewals that were begun, without those that nobody waited for to their end. */
	private int renewals;

	private @Nullable Thread running;

	/** Whether the running renewal was told to end. */
	private boolean abandoned;

	/** Whether a renewal ahead took too long, so that nobody waits for it. */
	private boolean late;

	/** Whether a request cannot be answered without a new link. */
	private boolean needed;

	/** Why there will not be another link. */
	private @Nullable Throwable failure;

	private ObjectLink(URI url, @Nullable Supplier<URI> renewal, int maxRenewals, String without,
			ThreadFactory threads) {
		this.original = url;
		this.current = url;
		this.renewal = renewal;
		this.maxRenewals = maxRenewals;
		this.without = without;
		this.threads = threads;
		this.task = (renewal != null) ? TransferThreads.inheriting(() -> run(renewal)) : () -> {
		};
	}

	/**
	 * Create a link that cannot be renewed.
	 * @param url the absolute URL
	 * @param remedy what would renew it, as the end of an error's sentence; may be empty
	 * @return the link
	 */
	public static ObjectLink fixed(URI url, String remedy) {
		return new ObjectLink(url, null, 0, remedy, Thread::new);
	}

	/**
	 * Create a link that can be renewed.
	 * @param url the absolute URL
	 * @param maxRenewals how often, at most
	 * @param renewal returns a fresh URL, or throws; may take its time, and is
	 * interrupted when the fetch has ended
	 * @param threads creates the thread that it runs on
	 * @return the link
	 */
	public static ObjectLink renewable(URI url, int maxRenewals, Supplier<URI> renewal, ThreadFactory threads) {
		return new ObjectLink(url, renewal, maxRenewals, "", threads);
	}

	/**
	 * Return the URL to use now.
	 * @return the latest URL
	 */
	public URI current() {
		this.lock.lock();
		try {
			return this.current;
		}
		finally {
			this.lock.unlock();
		}
	}

	boolean isRenewable() {
		return this.renewal != null;
	}

	// The latest link, if a request has found that it has expired and it is being
	// renewed.
	@Nullable URI beingRenewed() {
		this.lock.lock();
		try {
			return (this.running != null && this.needed) ? this.current : null;
		}
		finally {
			this.lock.unlock();
		}
	}

	// Whether a URL is the one that the pointer came with.
	boolean isOriginal(URI url) {
		return url.equals(this.original);
	}

	/**
	 * Return another URL than one that storage refused because it has expired.
	 * @param expired the URL
	 * @param deadline limits the wait
	 * @param requireWanted throws if the request is not wanted any more
	 * @return the URL; or {@code null} if there is none, and {@link #expired} says why
	 * @throws TransferTimeoutException if the deadline passes first
	 * @throws TransferCancelledException if the thread is interrupted
	 */
	@Nullable URI renew(URI expired, Deadline deadline, Runnable requireWanted) {
		this.lock.lock();
		try {
			while (this.current.equals(expired)) {
				if (this.running == null && !begin()) {
					return null;
				}
				this.needed = true;
				if (deadline.hasPassed()) {
					throw new TransferTimeoutException("The link to " + RedactedUrl.of(expired)
							+ " expired, and its renewal did not end within " + deadline.timeout().toMillis() + " ms",
							null);
				}
				await(requireWanted);
			}
			return this.current;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return another URL than one that should have expired by the clock of this machine,
	 * which may be wrong: so only the original URL is renewed in this way, not for longer
	 * than half of what is left of the deadline, and a failure does no harm.
	 * @param expiring the URL
	 * @param deadline the deadline
	 * @param requireWanted throws if the request is not wanted any more
	 * @return the URL to use, which may still be that one
	 * @throws TransferCancelledException if the thread is interrupted
	 */
	URI renewAhead(URI expiring, Deadline deadline, Runnable requireWanted) {
		Duration enough = deadline.remaining().dividedBy(2);
		this.lock.lock();
		try {
			if (this.renewals == 0) {
				begin();
			}
			while (this.current.equals(expiring) && this.running != null && !this.late) {
				if (deadline.remaining().compareTo(enough) > 0) {
					await(requireWanted);
				}
				else {
					this.late = true;
				}
			}
			return this.current;
		}
		finally {
			this.lock.unlock();
		}
	}

	private boolean begin() {
		if (this.renewal == null || this.failure != null || this.renewals >= this.maxRenewals) {
			return false;
		}
		Thread thread = this.threads.newThread(this.task);
		// It may fail. What the thread changes, it changes after this.
		thread.start();
		this.renewals++;
		this.abandoned = false;
		this.needed = false;
		this.running = thread;
		return true;
	}

	private void await(Runnable requireWanted) {
		requireWanted.run();
		try {
			this.changed.await(LOOK_EVERY_MILLIS, TimeUnit.MILLISECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new TransferCancelledException("Interrupted while a link was renewed");
		}
	}

	private void run(Supplier<URI> renewal) {
		URI fresh = null;
		Throwable thrown = null;
		try {
			fresh = renewal.get();
		}
		catch (RuntimeException | Error ex) {
			thrown = ex;
		}
		this.lock.lock();
		try {
			this.running = null;
			if (fresh != null) {
				this.current = fresh;
			}
			else if (this.abandoned) {
				this.renewals--;
			}
			else if (this.needed || this.renewals >= this.maxRenewals) {
				this.failure = thrown;
			}
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * End a renewal that nobody waits for any more. One whose HTTP client ignores
	 * interrupts goes on, and a later attempt then waits for it.
	 */
	void abandon() {
		this.lock.lock();
		try {
			if (this.running != null) {
				this.abandoned = true;
				this.running.interrupt();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Create the error for an expired link that is not replaced by another one.
	 * @param message that it has expired, and how that is known
	 * @return the error, which says why there is no other link
	 */
	LinkExpiredException expired(String message) {
		this.lock.lock();
		try {
			if (this.renewal == null) {
				return new LinkExpiredException(message + this.without, null);
			}
			if (this.failure instanceof VgiExternalException ex) {
				return new LinkExpiredException(message + "; it could not be renewed (" + ex.kind().code() + "): "
						+ RedactedUrl.scrub(ex.getMessage()), ex);
			}
			if (this.failure != null) {
				// The message of a foreign exception may quote a URL.
				return new LinkExpiredException(
						message + "; it could not be renewed: " + this.failure.getClass().getSimpleName(), null);
			}
			return new LinkExpiredException(message + "; it was renewed " + this.renewals
					+ " times, and vgi.external.max-retries allows no more", null);
		}
		finally {
			this.lock.unlock();
		}
	}

}
