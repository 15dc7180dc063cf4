package dev.vgi.external.observation;

import java.util.function.LongSupplier;

import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferListener;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
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
		Named own = (this.convention != null) ? new Named(this.convention, transfer.direction()) : null;
		Observation observation = Observation.createNotStarted(own, new Named(DEFAULT, transfer.direction()),
				() -> context, this.registry);
		if (observation.isNoop()) {
			return Watch.NONE;
		}
		observation.start();
		return new ObservedTransfer(context, observation, this.requests
				? new ObservedRequests(this.registry, this.requestConvention, transfer, observation, this.nanoTime)
				: null);
	}

	/**
	 * A convention for one direction, since Micrometer asks for a name before it looks at
	 * the context.
	 *
	 * @param convention the keys, and the name of each direction
	 * @param direction where the batch goes
	 */
	private record Named(TransferObservationConvention convention,
			Direction direction) implements ObservationConvention<TransferObservationContext> {

		@Override
		public String getName() {
			return this.convention.getName(this.direction);
		}

		@Override
		public @Nullable String getContextualName(TransferObservationContext context) {
			return this.convention.getContextualName(context);
		}

		@Override
		public KeyValues getLowCardinalityKeyValues(TransferObservationContext context) {
			return this.convention.getLowCardinalityKeyValues(context);
		}

		@Override
		public KeyValues getHighCardinalityKeyValues(TransferObservationContext context) {
			return this.convention.getHighCardinalityKeyValues(context);
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return this.convention.supportsContext(context);
		}

	}

}
