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
 * References by key: each batch is published once, by whoever asks first, and anew before
 * its URL ends, so that a caller who is given a reference has a quarter of the URL's life
 * left to fetch it. Thread-safe.
 * <p>
 * Remembers a key until its URL has ended; where URLs do not end, until it is
 * {@linkplain #forget forgotten}.
 *
 * @param <K> what tells publications apart, with {@code equals}
 */
public final class Publications<K> {

	private static final Duration SWEEP_INTERVAL = Duration.ofMinutes(1);

	private final Map<K, Publication> publications = new ConcurrentHashMap<>();

	private final Clock clock;

	private volatile Instant nextSweep = Instant.MIN;

	/**
	 * Start without any.
	 * @param clock tells when URLs end
	 */
	public Publications(Clock clock) {
		Assert.notNull(clock, "'clock' must not be null");
		this.clock = clock;
	}

	/**
	 * Return the reference for a key. Those who ask for the same key while it is being
	 * published for the first time wait; those who ask while it is published anew get the
	 * one that is about to end.
	 * @param key what is asked for
	 * @param publish publishes it, such as by {@link Externalizer#publish}; called in
	 * this thread if there is no reference yet, or an old one
	 * @return the reference
	 * @throws RuntimeException what {@code publish} threw; if an old reference still
	 * works, that one is returned instead
	 */
	public ExternalRef get(K key, Supplier<ExternalRef> publish) {
		return this.publications.computeIfAbsent(key, (absent) -> new Publication()).get(key, publish);
	}

	/**
	 * Let go of a reference, because there is something new to publish. Answers that have
	 * it already stay valid.
	 * @param key what it was published as
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
	 * Return how many references are remembered.
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
	 * A reference and when it is to be replaced.
	 *
	 * @param ref the reference
	 * @param renewAt from when on another one is wanted; {@code null} for never
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
