package dev.vgi.external.observation;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.observation.TransferObservation.Happening;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferListener;
import io.micrometer.observation.Observation;
import org.jspecify.annotations.Nullable;

/**
 * The observation of one transfer.
 */
final class ObservedTransfer implements TransferListener.Watch {

	/** A span is no log: the first events show what is wrong. */
	private static final int MOST_EVENTS = 50;

	private static final int LONGEST_TEXT = 300;

	private final TransferObservationContext context;

	private final Observation observation;

	private final @Nullable ObservedRequests requests;

	/** Of the thread that transfers. */
	private final Observation.Scope scope;

	private final AtomicInteger events = new AtomicInteger();

	/**
	 * Open the scope of a transfer on this thread.
	 * @param context what is known about it
	 * @param observation its observation, which has started
	 * @param requests the observations of its requests, or {@code null}
	 */
	ObservedTransfer(TransferObservationContext context, Observation observation, @Nullable ObservedRequests requests) {
		this.context = context;
		this.observation = observation;
		this.requests = requests;
		this.scope = observation.openScope();
	}

	@Override
	public void happened(TransferEvent event) {
		Duration lasted = this.context.happened(event);
		Observation.Event seen = seen(event, lasted);
		if (seen != null && this.events.incrementAndGet() <= MOST_EVENTS) {
			this.observation.event(seen);
		}
		if (this.requests != null) {
			this.requests.happened(event);
		}
	}

	private Observation.@Nullable Event seen(TransferEvent event, Duration lasted) {
		if (event instanceof Retried retried) {
			return Happening.RETRY.as(shorten(what(retried.index()) + " is tried again after "
					+ retried.pause().toMillis() + " ms: " + retried.reason()));
		}
		if (event instanceof RequestQueued queued && queued.hedge()) {
			return Happening.HEDGE.as(what(queued.index()) + " is late and requested a second time");
		}
		if (event instanceof PhaseEnded ended && lasted.toMillis() > 0) {
			if (ended.phase() == Phase.MEMORY) {
				return Happening.MEMORY.as("waited " + lasted.toMillis() + " ms for memory");
			}
			if (ended.phase() == Phase.RENEWAL) {
				return Happening.RENEWAL.as("waited " + lasted.toMillis() + " ms for a new link");
			}
		}
		return null;
	}

	private String what(int index) {
		if (index < 0) {
			return "the transfer";
		}
		return ((this.context.transfer().direction() == Direction.FETCH) ? "range " : "part ") + (index + 1);
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
		if (this.requests != null) {
			this.requests.close();
		}
		this.scope.close();
		Throwable failure = this.context.transfer().failure();
		if (failure != null && !isCancelled(failure)) {
			this.observation.error(shown(failure));
		}
		this.observation.stop();
	}

	// It was not needed any more, which is no fault.
	private static boolean isCancelled(Throwable failure) {
		return failure instanceof VgiExternalException known && known.kind() == Kind.CANCELLED;
	}

	// Ours have no query, and neither have their causes. The application's may say
	// anything.
	private static Throwable shown(Throwable failure) {
		return (failure instanceof VgiExternalException) ? failure
				: new ObservedFailure("The application failed with " + failure.getClass().getName());
	}

}
