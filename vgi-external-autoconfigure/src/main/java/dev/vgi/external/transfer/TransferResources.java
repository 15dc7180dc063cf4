package dev.vgi.external.transfer;

import java.net.URI;
import java.time.Duration;

import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * What all transfers of a process share. Created once, passed to everything that
 * transfers, and closed by its creator, before the storage and the allocator.
 *
 * @param transport sends the requests
 * @param budget memory of all transfers together
 * @param slabs pool of reusable memory
 * @param threads creates the threads that work beside transfers
 * @param listener is told about every transfer
 */
public record TransferResources(StorageTransport transport, TransferBudget budget, SlabPool slabs,
		TransferThreads threads, TransferListener listener) implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(TransferResources.class);

	/** Enough time to abort an upload; no data is transferred any more. */
	private static final Duration PATIENCE = Duration.ofSeconds(15);

	private static final Duration IDLE = Duration.ofMinutes(1);

	private static final long DEFAULT_BUDGET = 256L << 20;

	private static final int DEFAULT_WAITERS = 64;

	public TransferResources {
		Assert.notNull(transport, "'transport' must not be null");
		Assert.notNull(budget, "'budget' must not be null");
		Assert.notNull(slabs, "'slabs' must not be null");
		Assert.notNull(threads, "'threads' must not be null");
		Assert.notNull(listener, "'listener' must not be null");
	}

	/**
	 * Create resources with a budget of 256 MiB, platform threads and without a listener.
	 * @return the resources; the caller closes them
	 */
	public static TransferResources create() {
		return create(TransportSettings.defaults(), DEFAULT_BUDGET);
	}

	/**
	 * Create resources with platform threads and without a listener.
	 * @param settings the connections to storage
	 * @param budget most bytes that all running transfers may hold, positive
	 * @return the resources; the caller closes them
	 */
	public static TransferResources create(TransportSettings settings, long budget) {
		return new TransferResources(new StorageTransport(settings, null), new TransferBudget(budget, DEFAULT_WAITERS),
				new SlabPool(budget / 4, IDLE), TransferThreads.platform(), TransferListener.none());
	}

	/**
	 * Return a copy with other threads.
	 * @param threads creates the threads that work beside transfers
	 * @return the copy, which shares everything else
	 */
	public TransferResources withThreads(TransferThreads threads) {
		return new TransferResources(this.transport, this.budget, this.slabs, threads, this.listener);
	}

	/**
	 * Return a copy with another listener.
	 * @param listener is told about every transfer
	 * @return the copy, which shares everything else
	 */
	public TransferResources withListener(TransferListener listener) {
		return new TransferResources(this.transport, this.budget, this.slabs, this.threads, listener);
	}

	/**
	 * Begin a transfer on this thread.
	 * @param direction where the batch goes
	 * @param storage name of the backend, as for {@link Transfer#storage()}
	 * @param location where the object is, or {@code null} if that is not known yet
	 * @param segment its place in a stream, list or result set, from 1; or 0
	 * @return the trace, which the same thread tells how the transfer ended
	 */
	public TransferTrace begin(Transfer.Direction direction, String storage, @Nullable URI location, int segment) {
		return TransferTrace.begin(this.listener, direction, storage, location, segment);
	}

	/**
	 * Refuse further transfers, end the running ones, wait until they have cleaned up,
	 * and free what they share. Idempotent.
	 */
	@Override
	public void close() {
		this.transport.endTransfers();
		if (!this.budget.transfers().shutDown(PATIENCE)) {
			logger.warn(this.budget.transfers().count() + " transfers did not end with the application");
		}
		this.transport.close();
		this.slabs.close();
	}

}
