package dev.vgi.external.observation;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.LongSupplier;

import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferEvent;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.PhaseBegan;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.RangeCompleted;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transfer.TransferStatistics;
import io.micrometer.observation.Observation;
import org.jspecify.annotations.Nullable;

/**
 * What is known about an observed transfer so far. Thread-safe.
 */
public final class TransferObservationContext extends Observation.Context {

	private final Transfer transfer;

	private final LongSupplier nanoTime;

	/** When the phases began that are not over; guarded by this. */
	private final Map<Phase, Long> begun = new EnumMap<>(Phase.class);

	/** Nanoseconds of the phases that are over; guarded by this. */
	private final Map<Phase, Long> over = new EnumMap<>(Phase.class);

	private volatile long progress;

	/** Guarded by this, as are the further ones. */
	private int requests;

	private int hedges;

	private int ranges;

	private @Nullable String requestId;

	TransferObservationContext(Transfer transfer, LongSupplier nanoTime) {
		this.transfer = transfer;
		this.nanoTime = nanoTime;
	}

	/**
	 * Return the transfer.
	 * @return the transfer, which has ended when its observation stops
	 */
	public Transfer transfer() {
		return this.transfer;
	}

	/**
	 * Return how many bytes have been transferred.
	 * @return bytes as they are stored
	 */
	public long storedBytes() {
		TransferStatistics statistics = this.transfer.statistics();
		return (statistics != null) ? statistics.storedBytes() : this.progress;
	}

	/**
	 * Return how many requests were sent to storage.
	 * @return their number, redirects and hedges included
	 */
	public synchronized int requests() {
		return this.requests;
	}

	/**
	 * Return how many of the requests were the second copy of a late one.
	 * @return their number
	 */
	public synchronized int hedges() {
		return this.hedges;
	}

	/**
	 * Return how many ranges or parts are complete.
	 * @return their number
	 */
	public synchronized int ranges() {
		return this.ranges;
	}

	/**
	 * Return the storage's own identifier of the last request that it answered.
	 * @return the identifier, or {@code null}
	 */
	public synchronized @Nullable String requestId() {
		return this.requestId;
	}

	/**
	 * Return how long the transfer has been in a phase.
	 * @param phase which one
	 * @return the sum of all its times
	 */
	public synchronized Duration spent(Phase phase) {
		Long since = this.begun.get(phase);
		return Duration
			.ofNanos(this.over.getOrDefault(phase, 0L) + ((since != null) ? this.nanoTime.getAsLong() - since : 0));
	}

	void progressed(long bytes) {
		this.progress = bytes;
	}

	synchronized void hedged() {
		this.hedges++;
	}

	/**
	 * Count an event.
	 * @param event what has happened
	 * @return how long the phase lasted that is over now; zero for all other events
	 */
	synchronized Duration happened(TransferEvent event) {
		if (event instanceof PhaseBegan began) {
			this.begun.putIfAbsent(began.phase(), this.nanoTime.getAsLong());
		}
		else if (event instanceof PhaseEnded ended) {
			return ended(ended.phase());
		}
		else if (event instanceof RequestSent) {
			this.requests++;
		}
		else if (event instanceof RequestAnswered answered && answered.requestId() != null) {
			this.requestId = answered.requestId();
		}
		else if (event instanceof RangeCompleted) {
			this.ranges++;
		}
		return Duration.ZERO;
	}

	private Duration ended(Phase phase) {
		Long since = this.begun.remove(phase);
		if (since == null) {
			return Duration.ZERO;
		}
		long lasted = this.nanoTime.getAsLong() - since;
		this.over.merge(phase, lasted, Long::sum);
		return Duration.ofNanos(lasted);
	}

}
