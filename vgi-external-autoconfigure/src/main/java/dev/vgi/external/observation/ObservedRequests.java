package dev.vgi.external.observation;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;

import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferEvent;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transport.RequestWatch.End;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import org.jspecify.annotations.Nullable;

/**
 * The observations of the requests of one transfer. All of them have stopped when the
 * transfer has. Thread-safe.
 */
final class ObservedRequests {

	private static final StorageRequestObservationConvention DEFAULT = new DefaultStorageRequestObservationConvention();

	private final ObservationRegistry registry;

	private final @Nullable GuardedConvention<StorageRequestObservationContext> guarded;

	private final Transfer transfer;

	private final Observation parent;

	private final LongSupplier nanoTime;

	/** By the numbers of their requests; guarded by this. */
	private final Map<Integer, Observed> running = new HashMap<>();

	/** Guarded by this. */
	private boolean closed;

	/**
	 * Observe the requests of a transfer.
	 * @param registry receives the observations
	 * @param convention names and keys, or {@code null} for the default
	 * @param transfer the transfer
	 * @param parent the observation of the transfer
	 * @param nanoTime the time
	 */
	ObservedRequests(ObservationRegistry registry, @Nullable StorageRequestObservationConvention convention,
			Transfer transfer, Observation parent, LongSupplier nanoTime) {
		this.registry = registry;
		this.guarded = (convention != null) ? new GuardedConvention<>(convention, convention.getName()) : null;
		this.transfer = transfer;
		this.parent = parent;
		this.nanoTime = nanoTime;
	}

	/**
	 * Take notice of an event.
	 * @param event any event of the transfer
	 */
	void happened(TransferEvent event) {
		if (event instanceof RequestQueued queued) {
			begin(queued);
		}
		else if (event instanceof RequestSent sent) {
			Observed observed = find(sent.request());
			if (observed != null) {
				observed.context.sent();
			}
		}
		else if (event instanceof RequestAnswered answered) {
			Observed observed = find(answered.request());
			if (observed != null) {
				observed.context.answered(answered);
			}
		}
		else if (event instanceof RequestEnded ended) {
			Observed observed = remove(ended.request());
			if (observed != null) {
				observed.stop(ended);
			}
		}
	}

	private synchronized void begin(RequestQueued queued) {
		if (!this.closed) {
			StorageRequestObservationContext context = new StorageRequestObservationContext(this.transfer, queued,
					this.nanoTime);
			Observation observation = StorageRequestObservation.REQUEST
				.observation(this.guarded, DEFAULT, () -> context, this.registry)
				.parentObservation(this.parent);
			start(observation);
			this.running.put(queued.request(), new Observed(context, observation));
		}
	}

	// Tracers prefer the current span to the one of the parent.
	private void start(Observation observation) {
		Observation current = this.registry.getCurrentObservation();
		if (current == null || current == this.parent) {
			observation.start();
			return;
		}
		try (Observation.Scope scope = this.parent.openScope()) {
			observation.start();
		}
	}

	private synchronized @Nullable Observed find(int request) {
		return this.running.get(request);
	}

	private synchronized @Nullable Observed remove(int request) {
		return this.running.remove(request);
	}

	/**
	 * Stop what still runs. The transfer has ended, so nobody will say how.
	 */
	synchronized void close() {
		this.closed = true;
		this.running.forEach((request, observed) -> observed.stop(new RequestEnded(request, End.CANCELLED, 0, null)));
		this.running.clear();
	}

	/**
	 * One request.
	 *
	 * @param context what is known about it
	 * @param observation started
	 */
	private record Observed(StorageRequestObservationContext context, Observation observation) {

		void stop(RequestEnded end) {
			this.context.ended(end);
			if (end.end() == End.FAILED || end.end() == End.TIMED_OUT) {
				this.observation.error(new ObservedFailure(
						Objects.requireNonNullElse(end.reason(), "The request " + reason(end.end()))));
			}
			this.observation.stop();
		}

		private static String reason(End end) {
			return (end == End.TIMED_OUT) ? "timed out" : "failed";
		}

	}

}
