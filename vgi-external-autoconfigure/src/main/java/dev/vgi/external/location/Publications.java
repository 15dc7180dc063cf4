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
 * References by key. The first request for a key publishes the batch. Before its URL
 * expires it is published again or, if that was chosen, its object is signed again, so
 * that a caller who gets a reference has at least a quarter of the URL's lifetime left to
 * fetch it. Thread-safe.
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

	private final Signing signing;

	private final Duration maxAge;

	private volatile Instant nextSweep = Instant.MIN;

	/**
	 * Create an empty instance that publishes again before a URL expires, so that what
	 * callers see is never older than the URL.
	 * @param clock tells whether URLs have expired
	 */
	public Publications(Clock clock) {
		this(clock, (ref) -> null, Duration.ZERO);
	}

	/**
	 * Create an empty instance that signs the object of a publication again, without an
	 * upload, while the object is young enough. What callers see changes only with a new
	 * publication.
	 * @param clock tells whether URLs have expired
	 * @param signing signs again, usually {@link Externalizer#signAgain}
	 * @param maxAge age of an object up to which its URLs have to end; at most the time
	 * for which the storage keeps objects
	 */
	public Publications(Clock clock, Signing signing, Duration maxAge) {
		Assert.notNull(clock, "'clock' must not be null");
		Assert.notNull(signing, "'signing' must not be null");
		Assert.isTrue(!maxAge.isNegative(), "'maxAge' must not be negative");
		this.clock = clock;
		this.signing = signing;
		this.maxAge = maxAge;
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
	 * Signs the objects of publications again.
	 */
	@FunctionalInterface
	public interface Signing {

		/**
		 * Sign an object again.
		 * @param ref a reference to it, expired or not
		 * @return a reference to the same object, or {@code null} if the batch has to be
		 * published again
		 */
		@Nullable ExternalRef signAgain(ExternalRef ref);

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
				ExternalRef again = (known != null) ? signedAgain(known, start) : null;
				ExternalRef ref = (again != null) ? again : publish.get();
				this.dated = Dated.of(ref, start, (known != null && again != null) ? known.stored() : start);
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

		private @Nullable ExternalRef signedAgain(Dated known, Instant start) {
			Instant end = start.plus(known.life());
			return end.isAfter(known.stored().plus(Publications.this.maxAge)) ? null
					: Publications.this.signing.signAgain(known.ref());
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
	 * @param stored when its object was stored
	 * @param life how long its URL works; zero if it does not expire
	 * @param renewAt from when on to replace it; {@code null} for never
	 */
	private record Dated(ExternalRef ref, Instant stored, Duration life, @Nullable Instant renewAt) {

		static Dated of(ExternalRef ref, Instant signed, Instant stored) {
			Instant end = ref.expiresAt();
			if (end == null) {
				return new Dated(ref, stored, Duration.ZERO, null);
			}
			Duration life = Duration.between(signed, end);
			return new Dated(ref, stored, life, signed.plus(life.multipliedBy(3).dividedBy(4)));
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
