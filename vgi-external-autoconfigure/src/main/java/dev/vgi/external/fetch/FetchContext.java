package dev.vgi.external.fetch;

import java.time.InstantSource;
import java.util.concurrent.ThreadFactory;

import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transfer.FetchProgress;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

/**
 * What all fetches of one fetcher share.
 *
 * @param config caps, deadline and parallelism
 * @param transport sends the requests and measures the time
 * @param validator asked before every hop
 * @param storage the service's own storage, or {@code null}
 * @param budget memory of all transfers of the process
 * @param slabs pool of reusable memory
 * @param workers creates the threads that work beside a fetch
 * @param firstByteTimes recent response times of the origins
 * @param wallClock the wall-clock time, to tell whether a link has expired
 * @param progress receives the progress of fetches
 * @param retryPolicy decides when to retry the missing parts of an object
 */
record FetchContext(FetchConfig config, StorageTransport transport, UrlValidator validator,
		@Nullable ExternalStorage storage, TransferBudget budget, SlabPool slabs, ThreadFactory workers,
		FirstByteTimes firstByteTimes, InstantSource wallClock, FetchProgress progress, RetryPolicy retryPolicy) {

	FetchContext withValidator(UrlValidator validator) {
		return new FetchContext(this.config, this.transport, validator, this.storage, this.budget, this.slabs,
				this.workers, this.firstByteTimes, this.wallClock, this.progress, this.retryPolicy);
	}

	FetchContext withProgress(FetchProgress progress) {
		return new FetchContext(this.config, this.transport, this.validator, this.storage, this.budget, this.slabs,
				this.workers, this.firstByteTimes, this.wallClock, progress, this.retryPolicy);
	}

	FetchContext withRetryPolicy(RetryPolicy retryPolicy) {
		return new FetchContext(this.config, this.transport, this.validator, this.storage, this.budget, this.slabs,
				this.workers, this.firstByteTimes, this.wallClock, this.progress, retryPolicy);
	}

}
