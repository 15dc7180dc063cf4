package dev.vgi.external.location;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.RunningTransfers;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.UploadStatistics;
import dev.vgi.external.upload.Digest;
import dev.vgi.external.upload.EncodedPayload;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Turns batches into pointers. Serialises an output cycle once, computes its digest and
 * compresses it in parallel, stores it, and replaces it by a zero-row batch with the URL.
 * Thread-safe.
 */
public final class Externalizer {

	private static final Log logger = LogFactory.getLog(Externalizer.class);

	private static final long WARN_INTERVAL = Duration.ofMinutes(1).toNanos();

	private final ExternalLocationConfig config;

	private final TransferResources resources;

	private final BufferAllocator allocator;

	private final LongSupplier nanoTime;

	private final AtomicLong lastWarning;

	/**
	 * Create an externalizer.
	 * @param config without a storage, everything stays inline
	 * @param resources what it shares with all transfers of the process; not closed by
	 * this externalizer
	 * @param allocator the owner of the memory of pointers
	 */
	public Externalizer(ExternalLocationConfig config, TransferResources resources, BufferAllocator allocator) {
		this(config, resources, allocator, System::nanoTime);
	}

	Externalizer(ExternalLocationConfig config, TransferResources resources, BufferAllocator allocator,
			LongSupplier nanoTime) {
		this.config = config;
		this.resources = resources;
		this.allocator = allocator;
		this.nanoTime = nanoTime;
		this.lastWarning = new AtomicLong(nanoTime.getAsLong() - WARN_INTERVAL);
	}

	/**
	 * Return whether a batch has to go to storage.
	 * @param batch the batch; borrowed
	 * @return {@code true} if there is a storage, the batch has rows and its buffers
	 * reach the threshold: zero-row, log, error and token batches always stay inline
	 */
	public boolean exceedsThreshold(AnnotatedBatch batch) {
		return this.config.storage() != null && batch.rowCount() > 0
				&& batch.bufferSize() >= this.config.externalizeThreshold();
	}

	/**
	 * Externalise a whole output cycle, logs included, as one object. A cycle that stays
	 * inline is returned unchanged.
	 * @param cycle the cycle; taken over, also on failure
	 * @return the same cycle, or one without logs whose data batch is a pointer; the
	 * caller closes it
	 * @throws VgiExternalException if the upload fails; contains no signed URL
	 */
	public OutputCycle externalize(OutputCycle cycle) {
		return externalize(cycle, ResponseBudget.unlimited());
	}

	/**
	 * Externalise a whole output cycle, logs included, as one object, if it is large or
	 * does not fit into the response.
	 * @param cycle the cycle; taken over, also on failure
	 * @param budget the budget of the response that the cycle belongs to
	 * @return the same cycle, or one without logs whose data batch is a pointer; the
	 * caller closes it
	 * @throws ResponseTooLargeException if the budget does not allow storing it; nothing
	 * was uploaded
	 * @throws VgiExternalException if the upload fails; contains no signed URL
	 */
	public OutputCycle externalize(OutputCycle cycle, ResponseBudget budget) {
		boolean keep = false;
		try {
			keep = !exceedsThreshold(cycle.data()) && !isRescued(cycle.data(), budget);
			return keep ? cycle : OutputCycle.of(pointerTo(cycle, budget));
		}
		catch (ResponseTooLargeException ex) {
			throw ex;
		}
		catch (VgiExternalException ex) {
			keep = mayFallBack(ex);
			if (!keep) {
				throw ex;
			}
			fallBack(ex);
			return cycle;
		}
		finally {
			if (!keep) {
				cycle.close();
			}
		}
	}

	private boolean isRescued(AnnotatedBatch batch, ResponseBudget budget) {
		return this.config.storage() != null && batch.rowCount() > 0 && !budget.fitsInline(batch.bufferSize());
	}

	// An interrupted caller wants no result, neither stored nor inline.
	private boolean mayFallBack(VgiExternalException failure) {
		return this.config.inlineOnFailure() && failure.kind() != VgiExternalException.Kind.CANCELLED;
	}

	private void fallBack(VgiExternalException failure) {
		this.resources.listener().fellBackInline(failure.kind());
		long now = this.nanoTime.getAsLong();
		long last = this.lastWarning.get();
		if (now - last >= WARN_INTERVAL && this.lastWarning.compareAndSet(last, now)) {
			logger.warn("Batches travel inline because they cannot be stored: " + failure.getMessage());
		}
	}

	/**
	 * Externalise only the data batch, if it is large or does not fit into the response:
	 * the logs of a unary call stay inline.
	 * @param cycle the cycle; taken over, also on failure
	 * @param budget the budget of the response that the cycle belongs to
	 * @return the same cycle, or one with the same logs whose data batch is a pointer;
	 * the caller closes it
	 * @throws ResponseTooLargeException if the budget does not allow storing it; nothing
	 * was uploaded
	 * @throws VgiExternalException if the upload fails; contains no signed URL
	 */
	public OutputCycle externalizeData(OutputCycle cycle, ResponseBudget budget) {
		OutputCycle data = externalize(OutputCycle.of(cycle.data()), budget);
		return (data.data() == cycle.data()) ? cycle : new OutputCycle(cycle.logs(), data.data());
	}

	/**
	 * Store a complete stream, whatever its size, for a caller who follows a redirect
	 * instead of a pointer.
	 * @param schema the schema in memory format
	 * @param batches its batches; borrowed
	 * @param compress whether the caller can decode the compressed stream
	 * @return the URL that serves the stream, or {@code null} if the upload failed and
	 * the stream is to travel inline instead
	 * @throws VgiExternalException if the upload fails; contains no signed URL
	 */
	public @Nullable URI store(Schema schema, List<AnnotatedBatch> batches, boolean compress) {
		try (GatheredStream stream = IpcStreamWriter.gather(schema, batches)) {
			return upload(stream, schema, compress ? this.config.compression() : null).location();
		}
		catch (VgiExternalException ex) {
			if (!mayFallBack(ex)) {
				throw ex;
			}
			fallBack(ex);
			return null;
		}
	}

	/**
	 * Store a batch, whatever its size, for any number of responses. It is not charged to
	 * the budget of any response.
	 * @param batch borrowed; its metadata is stored with it, except for the protocol's
	 * own keys
	 * @return the reference, valid until the URL expires
	 * @throws IllegalStateException if there is no storage
	 * @throws VgiExternalException if the upload fails, even if large batches would then
	 * travel inline; contains no signed URL
	 * @see Publications
	 */
	public ExternalRef publish(AnnotatedBatch batch) {
		ExternalStorage storage = this.config.storage();
		Assert.state(storage != null, "Publishing needs a storage: set 'vgi.external.storage'");
		// A second owner of the same memory, which is never closed.
		AnnotatedBatch published = new AnnotatedBatch(batch.root(), batch.dictionaries(),
				batch.metadata().withoutProtocolKeys());
		try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(published))) {
			Pointer pointer = upload(stream, batch.schema(), this.config.compression());
			return new ExternalRef(pointer.location(), pointer.sha256(), batch.schema(),
					storage.expiresAt(pointer.location()));
		}
	}

	private AnnotatedBatch pointerTo(OutputCycle cycle, ResponseBudget budget) {
		Schema schema = cycle.data().schema();
		try (GatheredStream stream = IpcStreamWriter.gather(cycle)) {
			budget.store(stream.length());
			Pointer pointer = upload(stream, schema, this.config.compression());
			return cycle.data().zeroRows(pointer.toMetadata(), this.allocator);
		}
	}

	private Pointer upload(GatheredStream stream, Schema schema, @Nullable Compression compression) {
		ExternalStorage storage = this.config.storage();
		if (storage == null) {
			throw new IllegalStateException("There is no storage to externalise to");
		}
		long start = System.nanoTime();
		try (RunningTransfers.Transfer transfer = this.resources.budget().transfers().begin();
				Digest digest = Digest.start(stream, this.resources.threads())) {
			Stored stored = store(storage, stream, schema, compression);
			Pointer pointer = new Pointer(stored.url(), digest.await());
			this.resources.listener()
				.uploaded(new UploadStatistics(storage.name(), stream.length(), stored.length(), stored.contentCoding(),
						Duration.ofNanos(System.nanoTime() - start)));
			return pointer;
		}
		catch (VgiExternalException ex) {
			Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
			this.resources.listener().uploadFailed(storage.name(), ex.kind(), elapsed);
			String what = "Upload of " + stream.length() + " bytes to " + storage.name();
			if (ex.kind() == VgiExternalException.Kind.CANCELLED) {
				logger.debug(what + " was cancelled after " + elapsed.toMillis() + " ms: " + ex.getMessage());
			}
			else {
				logger.warn(what + " failed after " + elapsed.toMillis() + " ms: " + ex.getMessage());
			}
			throw ex;
		}
	}

	private Stored store(ExternalStorage storage, GatheredStream stream, Schema schema,
			@Nullable Compression compression) {
		try (EncodedPayload payload = EncodedPayload.of(stream, compression, this.resources.slabs(),
				this.resources.budget(), this.config.fetchConfig().timeout())) {
			URI url = storage.upload(payload, schema, payload.contentCoding());
			return new Stored(url, payload.takenLength(), payload.contentCoding());
		}
		catch (BudgetExhaustedException ex) {
			if (compression == null) {
				throw ex;
			}
			// A request that already holds memory must not wait for room to compress in.
			// An uncompressed upload needs none.
			return store(storage, stream, schema, null);
		}
	}

	/**
	 * The result of storing a stream.
	 *
	 * @param url the URL of the object
	 * @param length its length in bytes, coded
	 * @param contentCoding its coding, or {@code null} for none
	 */
	private record Stored(URI url, long length, @Nullable String contentCoding) {

	}

}
