package dev.vgi.external.autoconfigure.actuate;

import java.time.Duration;
import java.util.List;

import dev.vgi.external.history.TransferHistory;
import dev.vgi.external.history.TransferTimeline;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.pace.PacedOrigin;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.StorageTransport;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.Sanitizer;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;

/**
 * {@link Endpoint @Endpoint} that shows transfers with their timelines, and what they
 * share; and that ends one of them.
 */
@Endpoint(id = "vgiexternal")
public class VgiExternalEndpoint {

	private final TransferHistory history;

	private final TransferResources resources;

	private final Duration slowTransferThreshold;

	private final Sanitizer sanitizer;

	private final Show showValues;

	VgiExternalEndpoint(TransferHistory history, TransferResources resources, Duration slowTransferThreshold,
			List<SanitizingFunction> sanitizingFunctions, Show showValues) {
		this.history = history;
		this.resources = resources;
		this.slowTransferThreshold = slowTransferThreshold;
		this.sanitizer = new Sanitizer(sanitizingFunctions);
		this.showValues = showValues;
	}

	/**
	 * Return all transfers, and what they share.
	 * @return the transfers without their requests
	 */
	@ReadOperation
	public TransfersDescriptor transfers() {
		return transfers(this.showValues.isShown(true));
	}

	/**
	 * Return one transfer.
	 * @param id its identifier
	 * @return the transfer with its requests; {@code null} if it is not known
	 */
	@ReadOperation
	public @Nullable TransferTimeline transfer(@Selector String id) {
		return transfer(id, this.showValues.isShown(true));
	}

	/**
	 * End a transfer that is under way.
	 * @param id its identifier
	 * @return whether there was one
	 */
	@DeleteOperation
	public Ended end(@Selector String id) {
		return new Ended(this.history.end(id));
	}

	TransfersDescriptor transfers(boolean shown) {
		ShownValues values = new ShownValues(this.sanitizer, shown);
		TransferBudget budget = this.resources.budget();
		SlabPool slabs = this.resources.slabs();
		StorageTransport transport = this.resources.transport();
		return new TransfersDescriptor(
				new TransfersDescriptor.Budget(budget.maxBytes(), budget.inUse(), budget.waiting(), budget.refusals()),
				new TransfersDescriptor.Slabs(slabs.leasedBytes(), slabs.idleBytes()),
				new TransfersDescriptor.Connections(transport.maxConnections(), transport.leasedConnections()),
				transport.origins().stream().map((origin) -> origin(origin, values)).toList(),
				this.slowTransferThreshold.toMillis(), show(this.history.running(), values),
				show(this.history.finished(), values), show(this.history.failed(), values));
	}

	@Nullable TransferTimeline transfer(String id, boolean shown) {
		TransferTimeline timeline = this.history.find(id);
		return (timeline != null) ? timeline.withValues(new ShownValues(this.sanitizer, shown)) : null;
	}

	private static TransfersDescriptor.Origin origin(PacedOrigin origin, ShownValues values) {
		String state = origin.closed() ? "closed" : (origin.limited() ? "limited" : "open");
		double rate = origin.requestsPerSecond();
		return new TransfersDescriptor.Origin(values.origin(origin.origin()), origin.own(), state, origin.window(),
				origin.inFlight(), origin.waiting(), Double.isInfinite(rate) ? null : rate, origin.retries(),
				origin.hedges());
	}

	private static List<TransferTimeline> show(List<TransferTimeline> transfers, ShownValues values) {
		return transfers.stream().map((transfer) -> transfer.withValues(values)).toList();
	}

	/**
	 * The answer over JMX, where a plain truth value is no answer.
	 *
	 * @param ended whether there was a transfer to end
	 */
	public record Ended(boolean ended) {

	}

}
