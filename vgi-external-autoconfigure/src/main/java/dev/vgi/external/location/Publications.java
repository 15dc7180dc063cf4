package dev.vgi.external.location;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * References by key. The first request for a key publishes the batch. It is published
 * again before its URL expires, so that a caller who gets a reference has at least a
 * quarter of the URL's lifetime left to fetch it. Thread-safe.
 * <p>
 * Keeps a key until its URL has expired; if URLs do not expire, until the key is
 * {@linkplain #forget forgotten}.
 *
 * @param <K> identifies a publication, compared with {@code equals}
 */
public final class Publications<K> {

	private static final Duration SWEEP_INTERVAL = Duration.ofMinutes(1);

	private final Map<K, Publication> publications = new ConcurrentHashMap<>();

	private final Clock clock;

	private volatile Instant nextSweep = Instant.MIN;

	/**
	 * Create an empty instance.
	 * @param clock tells whether URLs have expired
	 */
	public Publications(Clock clock) {
		Assert.notNull(clock, "'clock' must not be null");
		this.clock = clock;
	}

	/**
	 * Return the reference for a key. While a key is being published for the first time,
	 * other callers with the same key wait. While it is being published again, they get
	 * the reference that is about to expire.
	 * @param key the key
	 * @param publish publishes the batch, for example with {@link Externalizer#publish};
	 * called in this thread if there is no reference yet, or only an old one
	 * @return the reference
	 * @throws RuntimeException what {@code publish} threw; if an old reference still
	 * works, that one is returned instead
	 */
	public ExternalRef get(K key, Supplier<ExternalRef> publish) {
		return this.publications.computeIfAbsent(key, (absent) -> new Publication()).get(key, publish);
	}

	/**
	 * Drop a reference, because there is something new to publish. Responses that already
	 * contain it stay valid.
	 * @param key the key it was published under
	 */
	public void forget(K key) {
		this.publications.remove(key);
	}

	private void removeEnded() {
		Instant now = this.clock.instant();
		if (!now.isBefore(this.nextSweep)) {
			this.nextSweep = now.plus(SWEEP_INTERVAL);
			this.publications.values().removeIf(Publication::hasEnded);
		}
	}

	/**
	 * Return how many references are kept.
	 * @return the number of keys
	 */
	int size() {
		return this.publications.size();
	}

	/**
	 * The reference for one key.
	 */
	private final class Publication {

		private final ReentrantLock publishing = new ReentrantLock();

		private volatile @Nullable Dated dated;

		ExternalRef get(K key, Supplier<ExternalRef> publish) {
			Dated known = this.dated;
			if (known != null && known.isFresh(now())) {
				return known.ref();
			}
			if (known == null || known.hasEnded(now())) {
				this.publishing.lock();
			}
			else if (!this.publishing.tryLock()) {
				return known.ref();
			}
			try {
				return publishOnce(key, publish);
			}
			finally {
				this.publishing.unlock();
			}
		}

		private ExternalRef publishOnce(K key, Supplier<ExternalRef> publish) {
			Dated known = this.dated;
			Instant start = now();
			if (known != null && known.isFresh(start)) {
				return known.ref();
			}
			try {
				ExternalRef ref = publish.get();
				this.dated = Dated.of(ref, start);
				removeEnded();
				return ref;
			}
			catch (RuntimeException ex) {
				if (known != null && !known.hasEnded(now())) {
					return known.ref();
				}
				Publications.this.publications.remove(key, this);
				throw ex;
			}
		}

		boolean hasEnded() {
			Dated known = this.dated;
			return known != null && known.hasEnded(now());
		}

		private Instant now() {
			return Publications.this.clock.instant();
		}

	}

	/**
	 * A reference and when to replace it.
	 *
	 * @param ref the reference
	 * @param renewAt from when on to replace it; {@code null} for never
	 */
	private record Dated(ExternalRef ref, @Nullable Instant renewAt) {

		static Dated of(ExternalRef ref, Instant published) {
			Instant end = ref.expiresAt();
			if (end == null) {
				return new Dated(ref, null);
			}
			Duration life = Duration.between(published, end);
			return new Dated(ref, published.plus(life.multipliedBy(3).dividedBy(4)));
		}

		boolean isFresh(Instant now) {
			return this.renewAt == null || now.isBefore(this.renewAt);
		}

		boolean hasEnded(Instant now) {
			Instant end = this.ref.expiresAt();
			return end != null && !now.isBefore(end);
		}

	}

}
