package dev.vgi.external.storage.health;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.LongSupplier;

import dev.vgi.external.storage.LifecycleVerifier;
import dev.vgi.external.storage.LifecycleVerifier.Finding;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import dev.vgi.external.transport.FailureReason;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.SmartInitializingSingleton;

/**
 * Knows whether the bucket removes what this library never deletes. Looks once when the
 * application starts, beside the start and without any influence on it, and again when
 * health asks and the finding is old. Each thing that is missing is logged once.
 */
public final class LifecycleMonitor implements SmartInitializingSingleton {

	private static final Log logger = LogFactory.getLog(LifecycleMonitor.class);

	/** Whoever adds the rule sees it within this time. */
	private static final long VALIDITY = Duration.ofMinutes(10).toNanos();

	private final LifecycleVerifier verifier;

	private final Duration expireAfter;

	private final Executor executor;

	private final LongSupplier nanoTime;

	private @Nullable Finding latest;

	private long latestTime;

	private String logged = "";

	/**
	 * Create a monitor.
	 * @param verifier looks at the rules
	 * @param expireAfter age at which objects are to be removed
	 * @param executor runs the look at the start
	 * @param nanoTime decides when a finding is old
	 */
	public LifecycleMonitor(LifecycleVerifier verifier, Duration expireAfter, Executor executor,
			LongSupplier nanoTime) {
		this.verifier = verifier;
		this.expireAfter = expireAfter;
		this.executor = executor;
		this.nanoTime = nanoTime;
	}

	@Override
	public void afterSingletonsInstantiated() {
		try {
			this.executor.execute(this::current);
		}
		catch (RejectedExecutionException ex) {
			logger.debug("The lifecycle rules were not looked at: all transfer threads are busy");
		}
	}

	/**
	 * Return what is known, after a look at the rules if that is too old. Waits for a
	 * look under way instead of starting another.
	 * @return the finding
	 */
	public synchronized Finding current() {
		if (this.latest == null || this.nanoTime.getAsLong() - this.latestTime >= VALIDITY) {
			this.latest = look();
			this.latestTime = this.nanoTime.getAsLong();
			log(this.latest);
		}
		return this.latest;
	}

	private Finding look() {
		try {
			return this.verifier.verifyLifecycle(this.expireAfter);
		}
		catch (RuntimeException ex) {
			// A backend of the application's own may not keep to the contract.
			return new Finding(Verdict.UNKNOWN, "The lifecycle rules cannot be read: " + FailureReason.of(ex));
		}
	}

	private void log(Finding finding) {
		if (finding.verdict() == Verdict.MISSING && !finding.detail().equals(this.logged)) {
			this.logged = finding.detail();
			logger.warn(finding.detail() + ". Nothing else removes old objects; see docs/object-lifecycle.md, or set"
					+ " vgi.external.lifecycle.mode=none");
		}
		else {
			logger.debug(finding.detail());
		}
	}

}
