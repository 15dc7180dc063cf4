package dev.vgi.external.fetch;

import java.net.URI;
import java.time.InstantSource;

import dev.vgi.external.Internal;
import dev.vgi.external.memory.RunningTransfers;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Fetches a URL into verified bytes. Thread-safe.
 */
@Internal
public final class ExternalFetcher {

	private final FetchContext context;

	/**
	 * Create a fetcher with the protocol's retry policy.
	 * @param config caps, deadline and parallelism
	 * @param validator asked before every hop
	 * @param storage the service's own storage, whose objects may be read without HTTP;
	 * or {@code null}
	 * @param resources what it shares with all transfers of the process; not closed by
	 * this fetcher
	 */
	public ExternalFetcher(FetchConfig config, UrlValidator validator, @Nullable ExternalStorage storage,
			TransferResources resources) {
		Assert.notNull(config, "'config' must not be null");
		Assert.notNull(validator, "'validator' must not be null");
		Assert.notNull(resources, "'resources' must not be null");
		this.context = new FetchContext(config, validator, storage, resources,
				RetryPolicy.defaults(resources.transport()), new FirstByteTimes(), InstantSource.system(),
				FetchShare.ALONE, TransferTrace.none());
	}

	private ExternalFetcher(FetchContext context) {
		this.context = context;
	}

	/**
	 * Fetch, decode and verify one object in one attempt, within the configured deadline.
	 * @param url the absolute URL
	 * @param sha256 the expected digest of the decoded bytes in hexadecimal, any case; or
	 * {@code null} if there is none to check
	 * @param allocator the owner of the body's memory
	 * @return the verified body; the caller closes it
	 * @throws dev.vgi.external.VgiExternalException one subtype per cause;
	 * {@link #isRetryable} tells whether a further attempt makes sense
	 */
	public FetchedBody fetch(URI url, @Nullable String sha256, BufferAllocator allocator) {
		return fetch(ObjectLink.fixed(url, ""), sha256, allocator, newDeadline(), null, TransferTrace.none());
	}

	/**
	 * Fetch, decode and verify one object in one attempt, within a deadline that several
	 * attempts may share.
	 * @param link the link to the object, which several attempts may share
	 * @param sha256 the expected digest of the decoded bytes in hexadecimal, any case; or
	 * {@code null} if there is none to check
	 * @param allocator the owner of the body's memory
	 * @param deadline covers connecting, waiting for memory and the whole body
	 * @param member the member of a {@linkplain #newGroup group}, which has started; or
	 * {@code null} if the fetch belongs to none
	 * @param trace is told what happens
	 * @return the verified body; the caller closes it
	 * @throws dev.vgi.external.VgiExternalException one subtype per cause;
	 * {@link #isRetryable} tells whether a further attempt makes sense
	 */
	public FetchedBody fetch(ObjectLink link, @Nullable String sha256, BufferAllocator allocator, Deadline deadline,
			@Nullable FetchMember member, TransferTrace trace) {
		FetchContext shared = this.context.of(trace, (member != null) ? member : FetchShare.ALONE);
		try (RunningTransfers.Transfer transfer = this.context.budget().transfers().begin()) {
			return new FetchAttempt(shared, link, sha256, allocator, deadline).run();
		}
	}

	/**
	 * Create a group of fetches of this fetcher.
	 * @param changed called when a member may be able to start or has to be evicted, by
	 * any thread that fetches
	 * @return the group, without members
	 */
	public FetchGroup newGroup(Runnable changed) {
		return new FetchGroup(this.context.config(), this.context.budget(), changed);
	}

	/**
	 * Start the configured deadline, for attempts that share it.
	 * @return the deadline, measured by the transport's clock
	 */
	public Deadline newDeadline() {
		return Deadline.in(this.context.config().timeout(), this.context.transport().timer()::nanoTime);
	}

	/**
	 * Return whether another attempt may succeed. It may after an I/O failure, a time-out
	 * of one request, or a status that is not a success. It may not after a refusal, an
	 * exceeded cap, the redirect limit, a wrong digest, undecodable bytes, the overall
	 * deadline, an interrupt or the closing of the transport, nor once the attempts of a
	 * part of the object are used up.
	 * @param failure what {@link #fetch} threw
	 * @return whether to try again
	 */
	public static boolean isRetryable(RuntimeException failure) {
		return RetryPolicy.mayPass(failure) && !Thread.currentThread().isInterrupted();
	}

	/**
	 * Return a fetcher with another URL policy.
	 * @param validator asked before every hop
	 * @return a fetcher that shares everything else
	 */
	public ExternalFetcher withValidator(UrlValidator validator) {
		return new ExternalFetcher(this.context.withValidator(validator));
	}

	/**
	 * Return a fetcher that retries the missing parts of an object by another policy than
	 * the protocol's.
	 * @param retryPolicy decides when to retry
	 * @return a fetcher that shares everything else
	 */
	public ExternalFetcher withRetryPolicy(RetryPolicy retryPolicy) {
		return new ExternalFetcher(this.context.withRetryPolicy(retryPolicy));
	}

	/**
	 * Return a fetcher with another clock than the system's.
	 * @param wallClock tells whether a link is about to expire
	 * @return a fetcher that shares everything else
	 */
	ExternalFetcher withWallClock(InstantSource wallClock) {
		return new ExternalFetcher(this.context.withWallClock(wallClock));
	}

}
