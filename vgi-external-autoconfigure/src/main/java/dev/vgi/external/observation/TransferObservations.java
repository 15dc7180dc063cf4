package dev.vgi.external.observation;

import java.util.function.LongSupplier;

import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferListener;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import org.jspecify.annotations.Nullable;

/**
 * Creates one observation for every transfer, a child of what the transferring thread
 * serves. Its scope is open while the transfer runs, so listeners that are told after
 * this one, and the threads that work for the transfer, see it as the current one.
 */
public final class TransferObservations implements TransferListener {

	private static final TransferObservationConvention DEFAULT = new DefaultTransferObservationConvention();

	private final ObservationRegistry registry;

	private final @Nullable TransferObservationConvention convention;

	private final boolean requests;

	private final @Nullable StorageRequestObservationConvention requestConvention;

	private final LongSupplier nanoTime;

	/**
	 * Create observations of transfers.
	 * @param registry receives them
	 * @param convention names and keys, or {@code null} for the default
	 */
	public TransferObservations(ObservationRegistry registry, @Nullable TransferObservationConvention convention) {
		this(registry, convention, false, null, System::nanoTime);
	}

	private TransferObservations(ObservationRegistry registry, @Nullable TransferObservationConvention convention,
			boolean requests, @Nullable StorageRequestObservationConvention requestConvention, LongSupplier nanoTime) {
		this.registry = registry;
		this.convention = convention;
		this.requests = requests;
		this.requestConvention = requestConvention;
		this.nanoTime = nanoTime;
	}

	/**
	 * Return observations of transfers and of each of their requests to storage. A large
	 * transfer has hundreds of these.
	 * @param convention names and keys of requests, or {@code null} for the default
	 * @return the observations, otherwise the same
	 */
	public TransferObservations withRequests(@Nullable StorageRequestObservationConvention convention) {
		return new TransferObservations(this.registry, this.convention, true, convention, this.nanoTime);
	}

	TransferObservations withTime(LongSupplier nanoTime) {
		return new TransferObservations(this.registry, this.convention, this.requests, this.requestConvention,
				nanoTime);
	}

	@Override
	public Watch begin(Transfer transfer) {
		if (this.registry.isNoop()) {
			return Watch.NONE;
		}
		TransferObservationContext context = new TransferObservationContext(transfer, this.nanoTime);
		TransferObservationConvention own = this.convention;
		Observation observation = Observation.createNotStarted(
				(own != null) ? guarded(own, transfer.direction()) : null, guarded(DEFAULT, transfer.direction()),
				() -> context, this.registry);
		if (observation.isNoop()) {
			return Watch.NONE;
		}
		ObservedRequests observed = this.requests
				? new ObservedRequests(this.registry, this.requestConvention, transfer, observation, this.nanoTime)
				: null;
		observation.start();
		try {
			return new ObservedTransfer(this.registry, context, observation, observed);
		}
		catch (RuntimeException ex) {
			// A handler of the application has failed.
			observation.stop();
			throw ex;
		}
	}

	// Micrometer asks for a name before it looks at the context.
	private static GuardedConvention<TransferObservationContext> guarded(TransferObservationConvention convention,
			Direction direction) {
		return new GuardedConvention<>(convention, convention.getName(direction));
	}

}
