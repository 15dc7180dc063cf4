package dev.vgi.external.location;

import java.net.URI;
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
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.fetch.ExternalFetcher;
import dev.vgi.external.fetch.FetchGroup;
import dev.vgi.external.fetch.FetchMember;
import dev.vgi.external.fetch.FetchedBody;
import dev.vgi.external.fetch.ObjectLink;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.Retries;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.url.AbsoluteUrl;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Turns pointers into batches. Fetches, verifies and parses, and returns either one
 * verified, complete batch or an error. Thread-safe.
 */
public final class LocationResolver {

	private static final Log logger = LogFactory.getLog(LocationResolver.class);

	/** The backend's name for objects that are not the service's own. */
	private static final String FOREIGN = "foreign";

	private static final String NOT_RENEWED = "; its pointer says how to renew it, which VgiClient and typed clients"
			+ " over HTTP do";

	private final ExternalLocationConfig config;

	private final TransferResources resources;

	private final RetryPolicy retryPolicy;

	private final ExternalFetcher fetcher;

	/** Renews links that have expired, or {@code null}. */
	private final @Nullable LinkRenewal renewal;

	/**
	 * Create a resolver.
	 * @param config how pointers are resolved
	 * @param resources what it shares with all transfers of the process; not closed by
	 * this resolver
	 */
	public LocationResolver(ExternalLocationConfig config, TransferResources resources) {
		this(config, resources, new RetryPolicy(config.maxRetries(), config.retryDelay(), resources.transport()));
	}

	LocationResolver(ExternalLocationConfig config, TransferResources resources, RetryPolicy retryPolicy) {
		this(config, resources, retryPolicy,
				new ExternalFetcher(config.fetchConfig(), config.urlValidator(), config.storage(), resources)
					.withRetryPolicy(retryPolicy),
				null);
	}

	private LocationResolver(ExternalLocationConfig config, TransferResources resources, RetryPolicy retryPolicy,
			ExternalFetcher fetcher, @Nullable LinkRenewal renewal) {
		this.config = config;
		this.resources = resources;
		this.retryPolicy = retryPolicy;
		this.fetcher = fetcher;
		this.renewal = renewal;
	}

	/**
	 * Return a resolver with a wider policy.
	 * @param additional accepts URLs that the configured policy refuses
	 * @return a resolver that shares everything else
	 */
	public LocationResolver alsoAccepting(UrlValidator additional) {
		return withValidator(this.config.urlValidator().or(additional));
	}

	LocationResolver withValidator(UrlValidator validator) {
		return new LocationResolver(this.config.withUrlValidator(validator), this.resources, this.retryPolicy,
				this.fetcher.withValidator(validator), this.renewal);
	}

	/**
	 * Return a resolver that renews links that have expired, for pointers that say how.
	 * @param renewal asks the service that the pointers came from
	 * @return a resolver that shares everything else
	 */
	public LocationResolver renewing(LinkRenewal renewal) {
		return new LocationResolver(this.config, this.resources, this.retryPolicy, this.fetcher, renewal);
	}

	/**
	 * Return how this resolver resolves.
	 * @return its configuration
	 */
	public ExternalLocationConfig config() {
		return this.config;
	}

	/**
	 * Return what this resolver shares with all transfers of the process.
	 * @return the resources, closed by their creator
	 */
	public TransferResources resources() {
		return this.resources;
	}

	/**
	 * Resolve a batch if it is a pointer.
	 * @param batch any batch; taken over, also on failure
	 * @param allocator the owner of the resolved batch's memory
	 * @param logs receives the log messages stored with the batch, once the stream is
	 * verified
	 * @return the same batch if it is not a pointer; otherwise the stored one with its
	 * own metadata, the duration of the fetch and its source; the caller closes it
	 * @throws VgiExternalException one subtype per cause; the last attempt's failure,
	 * with the earlier ones suppressed
	 * @throws ErrorBatchException if the stored stream holds an error
	 */
	public AnnotatedBatch resolve(AnnotatedBatch batch, BufferAllocator allocator, LogSink logs) {
		if (!batch.isPointer()) {
			return batch;
		}
		try (batch) {
			BatchMetadata pointer = batch.metadata();
			return resolve(Pointer.from(pointer), link(pointer), batch.schema(), allocator, logs, null);
		}
	}

	/**
	 * Create the link of a pointer, which is the same in all attempts.
	 * @param pointer metadata of the pointer
	 * @return the link
	 */
	ObjectLink link(BatchMetadata pointer) {
		URI url = Pointer.from(pointer).location();
		PointerToken token = PointerToken.from(pointer);
		LinkRenewal asked = this.renewal;
		if (token == null || asked == null) {
			return ObjectLink.fixed(url, (token != null) ? NOT_RENEWED : "");
		}
		return ObjectLink.renewable(url, this.config.maxRetries(), () -> renew(token, asked),
				this.resources.threads().named("renewal"));
	}

	private URI renew(PointerToken token, LinkRenewal asked) {
		Kind failure = Kind.SERVICE_UNAVAILABLE;
		try {
			token.requireValid();
			URI fresh = asked.renew(token.token(), token.path());
			if (!AbsoluteUrl.matches(fresh)) {
				throw new CorruptStreamException("The renewed link " + AbsoluteUrl.RULE);
			}
			this.config.urlValidator().requireAccepted(fresh);
			failure = null;
			logger.debug("A link was renewed: " + RedactedUrl.of(fresh));
			return fresh;
		}
		catch (VgiExternalException ex) {
			failure = ex.kind();
			throw ex;
		}
		finally {
			this.resources.listener().linkRenewed(failure);
		}
	}

	/**
	 * Resolve a pointer, perhaps as one of a group.
	 * @param pointer the pointer
	 * @param link its link
	 * @param schema schema of the pointer
	 * @param allocator the owner of the resolved batch's memory
	 * @param logs receives the stored log messages
	 * @param member the member of the group, which has started; or {@code null}
	 * @return the stored batch; the caller closes it
	 */
	AnnotatedBatch resolve(Pointer pointer, ObjectLink link, Schema schema, BufferAllocator allocator, LogSink logs,
			@Nullable FetchMember member) {
		TransferTrace trace = this.resources.begin(Direction.FETCH, storageOf(link.current()), pointer.location(),
				(member != null) ? member.segment() : 0);
		try {
			return resolve(pointer, link, schema, allocator, logs, member, trace);
		}
		catch (Throwable ex) {
			if (member != null && member.givesWay()) {
				trace.gaveWay();
				throw ex;
			}
			throw trace.failed(ex);
		}
	}

	private String storageOf(URI url) {
		ExternalStorage storage = this.config.storage();
		return (storage != null && storage.isOwn(url)) ? storage.name() : FOREIGN;
	}

	private AnnotatedBatch resolve(Pointer pointer, ObjectLink link, Schema schema, BufferAllocator allocator,
			LogSink logs, @Nullable FetchMember member, TransferTrace trace) {
		// One deadline for all attempts and the pauses between them.
		Deadline deadline = this.fetcher.newDeadline();
		Retries retries = this.retryPolicy.tracedBy(trace, Retried.WHOLE).begin(deadline);
		while (true) {
			try {
				return attempt(pointer, link, schema, allocator, logs, deadline, member, trace);
			}
			catch (VgiExternalException ex) {
				if (ex instanceof BudgetExhaustedException && member != null && member.giveWay()) {
					throw new TransferCancelledException("A fetch ahead had no memory and gave way");
				}
				retries.pauseAfter(ex);
			}
		}
	}

	/**
	 * Create a group of pointers that are resolved in order.
	 * @param changed as for {@link ExternalFetcher#newGroup}
	 * @return the group
	 */
	FetchGroup newGroup(Runnable changed) {
		return this.fetcher.newGroup(changed);
	}

	/**
	 * Resolve the pointers among batches that are all at hand. They are fetched at the
	 * same time; the first failure ends all of them.
	 * @param batches any batches; taken over, also on failure
	 * @param allocator the owner of the resolved batches' memory
	 * @param logs receives the log messages stored with the batches, in order
	 * @return the batches in the same order, as {@link #resolve} returns them; the caller
	 * closes them
	 * @throws VgiExternalException as for {@link #resolve}
	 * @throws ErrorBatchException if a stored stream holds an error
	 */
	public List<AnnotatedBatch> resolveAll(List<AnnotatedBatch> batches, BufferAllocator allocator, LogSink logs) {
		List<AnnotatedBatch> resolved = new ArrayList<>();
		try (ResolvedBatches ahead = ahead(new BatchList(batches), allocator, logs, false)) {
			for (AnnotatedBatch batch = ahead.next(); batch != null; batch = ahead.next()) {
				resolved.add(batch);
			}
			return resolved;
		}
		catch (RuntimeException ex) {
			resolved.forEach(AnnotatedBatch::close);
			throw ex;
		}
	}

	/**
	 * Resolve the pointers of a stream while it is read.
	 * @param source where the batches come from; taken over
	 * @param allocator the owner of the resolved batches' memory
	 * @param logs receives the log messages stored with the batches, when a batch is
	 * handed out
	 * @param ownThread {@code true} to read the source ahead on a thread of its own;
	 * {@code false} if only the thread that takes the batches may read it
	 * @return the batches; the caller closes them
	 */
	public ResolvedBatches ahead(BatchSource source, BufferAllocator allocator, LogSink logs, boolean ownThread) {
		return new ResolvedBatches(this, source, allocator, logs, ownThread);
	}

	private AnnotatedBatch attempt(Pointer pointer, ObjectLink link, Schema schema, BufferAllocator allocator,
			LogSink logs, Deadline deadline, @Nullable FetchMember member, TransferTrace trace) {
		try (FetchedBody body = this.fetcher.fetch(link, pointer.sha256(), allocator, deadline, member, trace)) {
			List<LogMessage> messages = new ArrayList<>();
			AnnotatedBatch data;
			trace.begins(Phase.PARSING);
			try {
				data = parse(body, schema, allocator, logs.isDiscarding() ? null : messages, deadline);
			}
			catch (ErrorBatchException ex) {
				// What was transferred is an error.
				trace.succeeded(body.statistics());
				throw ex;
			}
			finally {
				trace.over(Phase.PARSING);
			}
			// Logs are delivered only now, so that a retried attempt does not deliver
			// them twice.
			deliver(messages, logs, data);
			trace.succeeded(body.statistics());
			return data.withMetadata(data.metadata()
				.with(MetadataKeys.LOCATION_FETCH_MS,
						String.format(Locale.ROOT, "%.1f", trace.elapsed().toNanos() / 1_000_000.0))
				.with(MetadataKeys.LOCATION_SOURCE, pointer.location().toString()));
		}
	}

	private static void deliver(List<LogMessage> messages, LogSink logs, AnnotatedBatch data) {
		try {
			messages.forEach(logs::log);
		}
		catch (Throwable ex) {
			data.close();
			throw ex;
		}
	}

	private AnnotatedBatch parse(FetchedBody body, Schema expected, BufferAllocator allocator,
			@Nullable List<LogMessage> messages, Deadline deadline) {
		AnnotatedBatch data = null;
		boolean complete = false;
		try (IpcStreamReader reader = IpcStreamReader.of(body.buffer(), body.length(), allocator,
				ReadOptions.of(this.config.readLimits())
					.withWatch((bytes) -> checkCancelled(deadline))
					.withMaxSize(this.config.fetchConfig().maxDecompressedSize()))) {
			if (!reader.nextStream()) {
				throw new CorruptStreamException("The stored object is empty");
			}
			SchemaComparison.requireSame(expected, reader.schema());
			for (AnnotatedBatch next = reader.next(); next != null; next = reader.next()) {
				if (accept(next, messages)) {
					if (data != null) {
						next.close();
						throw new CorruptStreamException("The stored object has multiple data batches");
					}
					data = next;
				}
			}
			if (data == null) {
				throw new CorruptStreamException("The stored object has no data batch");
			}
			complete = true;
			return data;
		}
		catch (StreamTooLongException ex) {
			// Unlike the body of a request, see ExternalErrorResolver.
			throw this.config.fetchConfig().decodedTooLarge();
		}
		finally {
			if (!complete && data != null) {
				data.close();
			}
		}
	}

	private static void checkCancelled(Deadline deadline) {
		if (Thread.currentThread().isInterrupted()) {
			throw new TransferCancelledException("Interrupted while a fetched object was read");
		}
		if (deadline.hasPassed()) {
			throw new TransferTimeoutException(
					"Reading a fetched object did not finish within " + deadline.timeout().toMillis() + " ms", null);
		}
	}

	/**
	 * Examine one stored batch.
	 * @param batch the batch; closed unless it is the data
	 * @param messages receives a log message, or {@code null} to drop it
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

}
