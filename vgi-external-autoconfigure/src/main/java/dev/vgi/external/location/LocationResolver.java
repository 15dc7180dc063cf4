package dev.vgi.external.location;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.fetch.ExternalFetcher;
import dev.vgi.external.fetch.FetchedBody;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Turns pointers into batches: the inbound river. Fetches, verifies and parses, and hands
 * on either one verified, whole batch or an error. Thread-safe.
 */
public final class LocationResolver {

	private static final Log logger = LogFactory.getLog(LocationResolver.class);

	private final ExternalLocationConfig config;

	private final ExternalFetcher fetcher;

	private final TransferListener listener;

	private final Pause pause;

	/**
	 * Create a resolver.
	 * @param config the URL policy and attempts
	 * @param fetcher fetches one attempt
	 * @param listener hears of every fetch
	 */
	public LocationResolver(ExternalLocationConfig config, ExternalFetcher fetcher, TransferListener listener) {
		this(config, fetcher, listener, (duration) -> Thread.sleep(duration.toMillis()));
	}

	LocationResolver(ExternalLocationConfig config, ExternalFetcher fetcher, TransferListener listener, Pause pause) {
		this.config = config;
		this.fetcher = fetcher.withProgress(listener::fetching);
		this.listener = listener;
		this.pause = pause;
	}

	/**
	 * Return a resolver with a wider policy.
	 * @param additional accepts URLs that the configured policy refuses
	 * @return a resolver that shares everything else
	 */
	public LocationResolver alsoAccepting(UrlValidator additional) {
		UrlValidator wider = this.config.urlValidator().or(additional);
		return new LocationResolver(this.config.withUrlValidator(wider), this.fetcher.withValidator(wider),
				this.listener, this.pause);
	}

	/**
	 * Resolve a batch if it is a pointer.
	 * @param batch any batch; taken over, also on failure
	 * @param allocator the owner of the resolved batch's memory
	 * @param logs receives the log messages stored with the batch, once they are verified
	 * @return the same batch if it is no pointer; otherwise the stored one with its own
	 * metadata, plus how long it took and where it came from; the caller closes it
	 * @throws VgiExternalException one subtype per cause; the last attempt's failure,
	 * with the earlier ones suppressed
	 * @throws ErrorBatchException if the stored stream holds an error
	 */
	public AnnotatedBatch resolve(AnnotatedBatch batch, BufferAllocator allocator, LogSink logs) {
		if (BatchKind.of(batch.rowCount(), batch.metadata()) != BatchKind.POINTER) {
			return batch;
		}
		try (batch) {
			return resolve(Pointer.from(batch.metadata()), batch.schema(), allocator, logs);
		}
	}

	private AnnotatedBatch resolve(Pointer pointer, Schema schema, BufferAllocator allocator, LogSink logs) {
		long start = System.nanoTime();
		// One deadline for all attempts and the pauses between them.
		Deadline deadline = this.fetcher.newDeadline();
		List<VgiExternalException> failures = new ArrayList<>();
		while (true) {
			try {
				return attempt(pointer, schema, allocator, logs, start, deadline);
			}
			catch (ErrorBatchException ex) {
				throw ex;
			}
			catch (VgiExternalException ex) {
				failures.add(ex);
				if (failures.size() > this.config.maxRetries() || !isRetryable(ex) || !pauseBeforeRetry(deadline)) {
					throw failed(pointer, failures, elapsedSince(start));
				}
				this.listener.fetchRetried(ex.kind());
			}
		}
	}

	private AnnotatedBatch attempt(Pointer pointer, Schema schema, BufferAllocator allocator, LogSink logs, long start,
			Deadline deadline) {
		this.config.urlValidator().validate(pointer.location());
		try (FetchedBody body = this.fetcher.fetch(pointer.location(), pointer.sha256(), allocator, deadline)) {
			List<LogMessage> messages = new ArrayList<>();
			AnnotatedBatch data = parse(body, schema, allocator, logs.isDiscarding() ? null : messages, deadline);
			// A retried attempt must not deliver its logs twice, so they waited until
			// here.
			messages.forEach(logs::log);
			this.listener.fetched(body.statistics());
			return data.withMetadata(data.metadata()
				.with(MetadataKeys.LOCATION_FETCH_MS,
						String.format(Locale.ROOT, "%.1f", elapsedSince(start).toNanos() / 1_000_000.0))
				.with(MetadataKeys.LOCATION_SOURCE, pointer.location().toString()));
		}
	}

	private AnnotatedBatch parse(FetchedBody body, Schema expected, BufferAllocator allocator,
			@Nullable List<LogMessage> messages, Deadline deadline) {
		AnnotatedBatch data = null;
		boolean complete = false;
		try (IpcStreamReader reader = IpcStreamReader.of(body.buffer(), body.length(), allocator,
				new ReadOptions(this.config.readLimits(), (bytes) -> requireGoingOn(deadline)))) {
			if (!reader.nextStream()) {
				throw new CorruptStreamException("The stored object is empty");
			}
			SchemaComparison.requireSame(expected, reader.schema());
			for (AnnotatedBatch next = reader.next(); next != null; next = reader.next()) {
				if (accept(next, messages)) {
					if (data != null) {
						next.close();
						throw new MalformedPayloadException("The stored object has multiple data batches");
					}
					data = next;
				}
			}
			if (data == null) {
				throw new MalformedPayloadException("The stored object has no data batch");
			}
			complete = true;
			return data;
		}
		finally {
			if (!complete && data != null) {
				data.close();
			}
		}
	}

	private static void requireGoingOn(Deadline deadline) {
		if (Thread.currentThread().isInterrupted()) {
			throw new TransferCancelledException("Interrupted while a fetched object was read");
		}
		if (deadline.hasPassed()) {
			throw new TransferTimeoutException(
					"Reading a fetched object did not finish within " + deadline.timeout().toMillis() + " ms", null);
		}
	}

	/**
	 * Look at one stored batch.
	 * @param batch the batch; closed unless it is the data
	 * @param messages receives a log message, {@code null} if nobody wants it
	 * @return whether it is data
	 */
	private static boolean accept(AnnotatedBatch batch, @Nullable List<LogMessage> messages) {
		BatchMetadata metadata = batch.metadata();
		BatchKind kind = BatchKind.of(batch.rowCount(), metadata);
		if (kind == BatchKind.DATA && !metadata.contains(MetadataKeys.LOCATION)) {
			return true;
		}
		batch.close();
		if (kind == BatchKind.ERROR) {
			throw ErrorBatchException.from(metadata);
		}
		if (kind != BatchKind.LOG) {
			throw new PointerLoopException("Redirect loop: the stored batch carries a location itself", null);
		}
		LogMessage message = (messages != null) ? LogMessage.from(metadata) : null;
		if (messages != null && message != null) {
			messages.add(message);
		}
		return false;
	}

	private static boolean isRetryable(VgiExternalException failure) {
		return !(failure instanceof MalformedPayloadException) && ExternalFetcher.isRetryable(failure);
	}

	private boolean pauseBeforeRetry(Deadline deadline) {
		if (deadline.remaining().compareTo(this.config.retryDelay()) <= 0) {
			return false;
		}
		try {
			this.pause.pause(this.config.retryDelay());
			return true;
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return false;
		}
	}

	private VgiExternalException failed(Pointer pointer, List<VgiExternalException> failures, Duration elapsed) {
		int attempts = failures.size();
		String url = RedactedUrl.of(pointer.location());
		VgiExternalException last = failures.get(attempts - 1);
		if (last.kind() == Kind.STORAGE_UNAVAILABLE && Thread.currentThread().isInterrupted()) {
			// The attempt failed, but that there is no further one is the caller's wish.
			last = new TransferCancelledException("Interrupted before a further attempt to fetch " + url);
		}
		else {
			failures.remove(attempts - 1);
		}
		this.listener.fetchFailed(last.kind(), elapsed);
		if (last.kind() == Kind.CANCELLED) {
			logger.debug("Fetch of " + url + " was cancelled in attempt " + attempts + " after " + elapsed.toMillis()
					+ " ms: " + last.getMessage());
		}
		else {
			logger.warn("Fetch of " + url + " failed in attempt " + attempts + " after " + elapsed.toMillis() + " ms: "
					+ last.getMessage());
		}
		if (last.kind() == Kind.STORAGE_UNAVAILABLE && last instanceof StorageUnavailableException unavailable
				&& attempts > 1) {
			last = new StorageUnavailableException(
					url + " could not be fetched in " + attempts + " attempts: " + last.getMessage(),
					unavailable.status(), unavailable);
		}
		failures.forEach(last::addSuppressed);
		return last;
	}

	private static Duration elapsedSince(long start) {
		return Duration.ofNanos(System.nanoTime() - start);
	}

	/**
	 * Waits between attempts.
	 */
	@FunctionalInterface
	interface Pause {

		void pause(Duration duration) throws InterruptedException;

	}

	/**
	 * A stream that is intact but not one data batch: the same on every attempt.
	 */
	private static final class MalformedPayloadException extends CorruptStreamException {

		MalformedPayloadException(String message) {
			super(message, (@Nullable Throwable) null);
		}

	}

}
