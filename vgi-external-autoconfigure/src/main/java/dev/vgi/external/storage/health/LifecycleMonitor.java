package dev.vgi.external.storage.health;

import java.time.Duration;
import java.util.function.LongSupplier;

import dev.vgi.external.storage.LifecycleVerifier;
import dev.vgi.external.storage.LifecycleVerifier.Finding;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FailureReason;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;

/**
 * Monitors whether the bucket removes old objects, which this library never deletes.
 * Checks once in the background when the application starts, without influence on the
 * start, and again when health asks and the finding is old. Each missing rule is logged
 * once, as is a bucket that cannot be used as it is configured: no request has to fail
 * before this is known. An application that ends once its beans are there, as the
 * training run of a JVM's cache does, contacts no storage.
 */
public final class LifecycleMonitor implements SmartLifecycle {

	private static final Log logger = LogFactory.getLog(LifecycleMonitor.class);

	/** A rule that was added is noticed within this time. */
	private static final long VALIDITY = Duration.ofMinutes(10).toNanos();

	private final LifecycleVerifier verifier;

	private final Duration expireAfter;

	private final TransferThreads threads;

	private final LongSupplier nanoTime;

	private @Nullable Finding latest;

	private long latestTime;

	private String logged = "";

	private volatile boolean running;

	/**
	 * Create a monitor.
	 * @param verifier reads the rules
	 * @param expireAfter age at which objects should be removed
	 * @param threads creates the thread of the check at the start
	 * @param nanoTime tells when a finding is old
	 */
	public LifecycleMonitor(LifecycleVerifier verifier, Duration expireAfter, TransferThreads threads,
			LongSupplier nanoTime) {
		this.verifier = verifier;
		this.expireAfter = expireAfter;
		this.threads = threads;
		this.nanoTime = nanoTime;
	}

	@Override
	public void start() {
		this.running = true;
		this.threads.named("lifecycle").newThread(this::current).start();
	}

	@Override
	public void stop() {
		this.running = false;
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	/**
	 * Return the finding, after a new check if it is too old. Waits for a running check
	 * instead of starting another.
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
			// A custom backend may violate the contract.
			return new Finding(Verdict.UNKNOWN, "The lifecycle rules cannot be read: " + FailureReason.of(ex));
		}
	}

	private void log(Finding finding) {
		if (finding.verdict() == Verdict.MISCONFIGURED && !finding.verdict().name().equals(this.logged)) {
			// The detail names a request, and so is another each time.
			this.logged = finding.verdict().name();
			logger.warn(finding.detail());
		}
		else if (finding.verdict() == Verdict.MISSING && !finding.detail().equals(this.logged)) {
			this.logged = finding.detail();
			logger.warn(finding.detail() + ". Nothing else removes old objects; see docs/object-lifecycle.md, or set"
					+ " vgi.external.lifecycle.mode=none");
		}
		else {
			logger.debug(finding.detail());
		}
	}

}
