package dev.vgi.external.observation;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.observation.TransferObservation.Happening;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferListener;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import org.jspecify.annotations.Nullable;

/**
 * The observation of one transfer.
 */
final class ObservedTransfer implements TransferListener.Watch {

	/** A span is no log: the first events show what is wrong. */
	private static final int MOST_EVENTS = 50;

	private static final int LONGEST_TEXT = 300;

	private final ObservationRegistry registry;

	private final TransferObservationContext context;

	private final Observation observation;

	private final @Nullable ObservedRequests requests;

	/** Of the thread that transfers. */
	private final Observation.Scope scope;

	/** How many were seen; guarded by this. */
	private int events;

	/** Guarded by this. */
	private boolean stopped;

	/** Second copies whose turn has not come, by their numbers. */
	private final Map<Integer, RequestQueued> hedges = new ConcurrentHashMap<>();

	/**
	 * Open the scope of a transfer on this thread.
	 * @param registry receives the observation
	 * @param context what is known about it
	 * @param observation its observation, which has started
	 * @param requests the observations of its requests, or {@code null}
	 */
	ObservedTransfer(ObservationRegistry registry, TransferObservationContext context, Observation observation,
			@Nullable ObservedRequests requests) {
		this.registry = registry;
		this.context = context;
		this.observation = observation;
		this.requests = requests;
		this.scope = enter(registry, observation);
	}

	private static Observation.Scope enter(ObservationRegistry registry, Observation observation) {
		Observation.Scope before = registry.getCurrentObservationScope();
		try {
			return observation.openScope();
		}
		catch (RuntimeException ex) {
			// Other handlers may have opened their scopes already.
			Observation.Scope opened = registry.getCurrentObservationScope();
			if (opened != null && opened != before) {
				leave(registry, opened, before);
			}
			throw ex;
		}
	}

	@Override
	public void happened(TransferEvent event) {
		Duration lasted = this.context.happened(event);
		if (event instanceof Retried retried) {
			see(Happening.RETRY, shorten(what(retried.index()) + " is tried again after " + retried.pause().toMillis()
					+ " ms: " + retried.reason()));
		}
		else if (event instanceof PhaseEnded ended && lasted.toMillis() > 0) {
			waited(ended.phase(), lasted.toMillis());
		}
		else {
			request(event);
		}
		if (this.requests != null) {
			this.requests.happened(event);
		}
	}

	private void waited(Phase phase, long millis) {
		if (phase == Phase.MEMORY) {
			see(Happening.MEMORY, "waited " + millis + " ms for memory");
		}
		else if (phase == Phase.RENEWAL) {
			see(Happening.RENEWAL, "waited " + millis + " ms for a new link");
		}
	}

	private void request(TransferEvent event) {
		if (event instanceof RequestQueued queued && queued.hedge()) {
			this.hedges.put(queued.request(), queued);
		}
		else if (event instanceof RequestSent sent) {
			RequestQueued hedge = this.hedges.remove(sent.request());
			if (hedge != null) {
				this.context.hedged();
				see(Happening.HEDGE, what(hedge.index()) + " is late and requested a second time");
			}
		}
		else if (event instanceof RequestEnded ended) {
			this.hedges.remove(ended.request());
		}
	}

	// A thread that works for the transfer may be late.
	private synchronized void see(Happening happening, String text) {
		if (!this.stopped && this.events < MOST_EVENTS) {
			this.events++;
			this.observation.event(happening.as(text));
		}
	}

	private String what(int index) {
		if (index < 0) {
			return (index != Retried.STEP) ? "the transfer" : "the last step";
		}
		return ((this.context.transfer().direction() == Direction.FETCH) ? "range " : "part ") + index;
	}

	private static String shorten(String text) {
		return (text.length() <= LONGEST_TEXT) ? text : text.substring(0, LONGEST_TEXT) + "...";
	}

	@Override
	public void progressed(long bytes, long size) {
		this.context.progressed(bytes);
	}

	@Override
	public void ended() {
		// Whatever handlers of the application do, the thread goes on to serve others.
		try {
			if (this.requests != null) {
				this.requests.close();
			}
		}
		finally {
			try {
				leave(this.registry, this.scope, this.scope.getPreviousObservationScope());
			}
			finally {
				stop();
			}
		}
	}

	private synchronized void stop() {
		this.stopped = true;
		Throwable failure = this.context.transfer().failure();
		try {
			if (failure != null && !isCancelled(failure)) {
				this.observation.error(shown(failure));
			}
		}
		finally {
			this.observation.stop();
		}
	}

	// Micrometer stays in a scope if a handler fails.
	private static void leave(ObservationRegistry registry, Observation.Scope scope,
			Observation.@Nullable Scope before) {
		try {
			scope.close();
		}
		catch (RuntimeException ex) {
			registry.setCurrentObservationScope(before);
			throw ex;
		}
	}

	// It was not needed any more, which is no fault.
	private static boolean isCancelled(Throwable failure) {
		return failure instanceof VgiExternalException known && known.kind() == Kind.CANCELLED;
	}

	// The application's may say anything, and another service's may quote a URL.
	private static Throwable shown(Throwable failure) {
		if (!(failure instanceof VgiExternalException)) {
			return new ObservedFailure("The application failed with " + failure.getClass().getName());
		}
		return ObservedFailure.of(failure);
	}

}
