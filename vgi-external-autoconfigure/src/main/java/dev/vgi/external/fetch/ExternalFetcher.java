package dev.vgi.external.fetch;

import java.net.URI;

import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Fetches a URL into verified bytes. Thread-safe.
 */
public final class ExternalFetcher {

	/**
	 * Create a fetcher.
	 * @param config caps, deadline and parallelism
	 * @param transport carries the bytes; not closed by this fetcher
	 * @param validator asked before every hop
	 * @param storage the service's own storage, whose objects may be read without HTTP;
	 * or {@code null}
	 * @param budget memory of all transfers of the process
	 */
	public ExternalFetcher(FetchConfig config, StorageTransport transport, UrlValidator validator,
			@Nullable ExternalStorage storage, TransferBudget budget) {
	}

	/**
	 * Fetch, decode and verify one object: one attempt, within the configured deadline.
	 * @param url the absolute URL
	 * @param sha256 the expected digest of the decoded bytes in hexadecimal, any case; or
	 * {@code null} if there is none to check
	 * @param allocator the owner of the body's memory
	 * @return the verified body; the caller closes it
	 * @throws dev.vgi.external.VgiExternalException one subtype per cause; whether a
	 * further attempt makes sense is {@link #isRetryable}
	 */
	public FetchedBody fetch(URI url, @Nullable String sha256, BufferAllocator allocator) {
		throw new UnsupportedOperationException();
	}

	/**
	 * Return whether another attempt may succeed: after I/O failures, time-outs of one
	 * request and statuses that are no success; never after a refusal, a passed cap, the
	 * redirect limit or a wrong digest.
	 * @param failure what {@link #fetch} threw
	 * @return whether to try again
	 */
	public static boolean isRetryable(RuntimeException failure) {
		throw new UnsupportedOperationException();
	}

}
