package dev.vgi.external.fetch;

import java.time.InstantSource;
import java.util.concurrent.ThreadFactory;

import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

/**
 * What all fetches of one fetcher share, and the share of one of them.
 *
 * @param config caps, deadline and parallelism
 * @param validator asked before every hop
 * @param storage the service's own storage, or {@code null}
 * @param resources what it shares with all transfers of the process
 * @param retryPolicy decides when to retry the missing parts of an object
 * @param firstByteTimes recent response times of the origins
 * @param wallClock the wall-clock time, to tell whether a link has expired
 * @param share what the fetch may use
 * @param trace is told what happens to the fetch
 */
record FetchContext(FetchConfig config, UrlValidator validator, @Nullable ExternalStorage storage,
		TransferResources resources, RetryPolicy retryPolicy, FirstByteTimes firstByteTimes, InstantSource wallClock,
		FetchShare share, TransferTrace trace) {

	FetchContext withValidator(UrlValidator validator) {
		return new FetchContext(this.config, validator, this.storage, this.resources, this.retryPolicy,
				this.firstByteTimes, this.wallClock, this.share, this.trace);
	}

	FetchContext withRetryPolicy(RetryPolicy retryPolicy) {
		return new FetchContext(this.config, this.validator, this.storage, this.resources, retryPolicy,
				this.firstByteTimes, this.wallClock, this.share, this.trace);
	}

	FetchContext of(TransferTrace trace, FetchShare share) {
		return new FetchContext(this.config, this.validator, this.storage, this.resources,
				this.retryPolicy.tracedBy(trace, Retried.WHOLE), this.firstByteTimes, this.wallClock, share, trace);
	}

	FetchContext withWallClock(InstantSource wallClock) {
		return new FetchContext(this.config, this.validator, this.storage, this.resources, this.retryPolicy,
				this.firstByteTimes, wallClock, this.share, this.trace);
	}

	StorageTransport transport() {
		return this.resources.transport();
	}

	TransferBudget budget() {
		return this.resources.budget();
	}

	SlabPool slabs() {
		return this.resources.slabs();
	}

	/**
	 * Return what creates the threads of a fetch.
	 * @return creates threads that have the trace context of the one that creates them
	 */
	ThreadFactory workers() {
		ThreadFactory named = this.resources.threads().named("range");
		return (task) -> named.newThread(TransferThreads.inheriting(task));
	}

}
