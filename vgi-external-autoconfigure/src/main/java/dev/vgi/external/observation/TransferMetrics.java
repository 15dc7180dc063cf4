package dev.vgi.external.observation;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferStatistics;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Counts what transfers through storage do; {@link TransferObservations} time them. Every
 * tag comes from a closed set, so that no URL can become one.
 */
public final class TransferMetrics implements TransferListener {

	private static final String OUTCOME = "outcome";

	private static final String SUCCESS = "success";

	private static final String CODING = "content.coding";

	private static final String DIRECTION = "direction";

	private final MeterRegistry registry;

	/**
	 * Create the meters.
	 * @param registry receives them
	 * @param budget read for the bytes in flight
	 * @param allocator read for the bytes of all batches
	 */
	public TransferMetrics(MeterRegistry registry, TransferBudget budget, BufferAllocator allocator) {
		this.registry = registry;
		Gauge.builder("vgi.external.in.flight", budget, TransferBudget::inUse)
			.baseUnit("bytes")
			.description("Memory that transfers and requests hold of the budget")
			.register(registry);
		Gauge.builder("vgi.external.budget.waiting", budget, TransferBudget::waiting)
			.description("Transfers and requests that wait for room in the budget")
			.register(registry);
		FunctionCounter.builder("vgi.external.budget.refused", budget, TransferBudget::refusals)
			.description("Transfers and requests that found no room in the budget")
			.register(registry);
		Gauge.builder("vgi.external.allocated", allocator, BufferAllocator::getAllocatedMemory)
			.baseUnit("bytes")
			.description("Off-heap memory of all batches that are not closed yet")
			.register(registry);
		// Registered at the start, so that a dashboard shows zero instead of a gap.
		hedges();
		uploadUrls();
		renewals(SUCCESS);
	}

	@Override
	public Watch begin(Transfer transfer) {
		return new Watch() {

			@Override
			public void happened(TransferEvent event) {
				if (event instanceof Retried retried && retried.index() == Retried.WHOLE
						&& transfer.direction() == Direction.FETCH) {
					retries(retried.kind()).increment();
				}
			}

			@Override
			public void ended() {
				TransferMetrics.this.ended(transfer);
			}

		};
	}

	private void ended(Transfer transfer) {
		String direction = transfer.direction().code();
		TransferStatistics statistics = transfer.statistics();
		String coding = (statistics != null) ? statistics.contentCoding() : null;
		if (statistics != null) {
			bytes(direction, coding).record(statistics.storedBytes());
			ratio(direction).record((double) statistics.storedBytes() / Math.max(1, statistics.decodedBytes()));
			if (transfer.direction() == Direction.FETCH) {
				requests().increment(statistics.requests());
				hedges().increment(statistics.hedges());
			}
		}
		else if (transfer.failure() instanceof VgiExternalException failure) {
			failures(direction, failure.kind()).increment();
		}
	}

	private Counter retries(VgiExternalException.Kind kind) {
		return Counter.builder("vgi.external.fetch.retries")
			.description("Attempts to fetch that failed and were made again")
			.tag("kind", kind.code())
			.register(this.registry);
	}

	private Counter requests() {
		return Counter.builder("vgi.external.fetch.requests")
			.description("HTTP requests sent by fetches, redirects and hedges included")
			.register(this.registry);
	}

	@Override
	public void linkRenewed(VgiExternalException.@Nullable Kind failure) {
		Counter.builder("vgi.external.links.renewed")
			.description("Links of pointers that had expired and were renewed, or could not be")
			.tag(OUTCOME, (failure != null) ? failure.code() : SUCCESS)
			.register(this.registry)
			.increment();
	}

	@Override
	public void fellBackInline(VgiExternalException.Kind kind) {
		Counter.builder("vgi.external.inline.fallbacks")
			.description("Batches that could not be stored and travelled inline instead")
			.tag("kind", kind.code())
			.register(this.registry)
			.increment();
	}

	@Override
	public void uploadUrlsVended(int count) {
		uploadUrls().increment(count);
	}

	@Override
	public void linkRenewalServed(VgiExternalException.@Nullable Kind failure) {
		renewals((failure != null) ? failure.code() : SUCCESS).increment();
	}

	private Counter renewals(String outcome) {
		return Counter.builder("vgi.external.renewals.served")
			.description("Requests for a new link to a stored object")
			.tag(OUTCOME, outcome)
			.register(this.registry);
	}

	private DistributionSummary bytes(String direction, @Nullable String coding) {
		return DistributionSummary.builder("vgi.external.transferred")
			.baseUnit("bytes")
			.description("Bytes as they are stored")
			.tag(DIRECTION, direction)
			.tag(CODING, DefaultTransferObservationConvention.coding(coding))
			.register(this.registry);
	}

	private DistributionSummary ratio(String direction) {
		return DistributionSummary.builder("vgi.external.compression.ratio")
			.description("Stored bytes divided by the bytes of the Arrow stream")
			.tag(DIRECTION, direction)
			.register(this.registry);
	}

	private Counter failures(String direction, VgiExternalException.Kind kind) {
		return Counter.builder("vgi.external.failures")
			.description("Transfers that failed")
			.tag(DIRECTION, direction)
			.tag("kind", kind.code())
			.register(this.registry);
	}

	private Counter hedges() {
		return Counter.builder("vgi.external.hedges")
			.description("Speculative requests of fetches")
			.register(this.registry);
	}

	private Counter uploadUrls() {
		return Counter.builder("vgi.external.upload.urls")
			.description("Pairs of upload and download URLs vended")
			.register(this.registry);
	}

}
