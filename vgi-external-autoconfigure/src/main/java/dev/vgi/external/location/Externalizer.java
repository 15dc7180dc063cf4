package dev.vgi.external.location;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ObjectGoneException;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.transfer.TransferResources;
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

	private final StreamUploads uploads;

	private final BufferAllocator allocator;

	private final LongSupplier nanoTime;

	private final Supplier<ObjectOwner> owner;

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
		this(config, resources, allocator, nanoTime, ObjectOwner::nobody);
	}

	private Externalizer(ExternalLocationConfig config, TransferResources resources, BufferAllocator allocator,
			LongSupplier nanoTime, Supplier<ObjectOwner> owner) {
		this.config = config;
		this.resources = resources;
		this.uploads = new StreamUploads(config, resources);
		this.allocator = allocator;
		this.nanoTime = nanoTime;
		this.owner = owner;
		this.lastWarning = new AtomicLong(nanoTime.getAsLong() - WARN_INTERVAL);
	}

	/**
	 * Return an externalizer that knows for whom it stores what belongs to no
	 * {@link ResponseBudget}, such as published batches.
	 * @param owner supplies the owner, in the thread that stores something
	 * @return an externalizer that shares everything else
	 */
	public Externalizer storingFor(Supplier<ObjectOwner> owner) {
		return new Externalizer(this.config, this.resources, this.allocator, this.nanoTime, owner);
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
		ExternalStorage storage = this.config.storage();
		return externalize(cycle,
				(storage != null) ? ResponseBudget.unlimited().forCaller(CallerPointers.of(storage, this.owner.get()))
						: ResponseBudget.unlimited());
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
			if (cycle.data().isPointer()) {
				AnnotatedBatch pointer = budget.renewable(cycle.data());
				keep = true;
				return (pointer != cycle.data()) ? new OutputCycle(cycle.logs(), pointer) : cycle;
			}
			keep = !exceedsThreshold(cycle.data()) && !isRescued(cycle.data(), budget);
			return keep ? cycle : OutputCycle.of(pointerTo(cycle, budget));
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

	// An interrupted caller wants no result, neither stored nor inline, and a result that
	// is too large for storage is not meant to travel inline.
	boolean mayFallBack(VgiExternalException failure) {
		return this.config.inlineOnFailure() && failure.kind() != VgiExternalException.Kind.CANCELLED
				&& !(failure instanceof ResponseTooLargeException);
	}

	void fallBack(VgiExternalException failure) {
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
			return this.uploads.upload(stream, schema, compress, 0, this.owner.get()).location();
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
			Pointer pointer = this.uploads.upload(stream, batch.schema(), true, 0, this.owner.get());
			return new ExternalRef(pointer.location(), pointer.sha256(), batch.schema(),
					storage.expiresAt(pointer.location()));
		}
	}

	/**
	 * Sign the object of a reference again, so that it can be used for longer. Uploads
	 * nothing.
	 * @param ref the reference, expired or not
	 * @return a reference to the same object; {@code null} if the object is gone, is not
	 * one of this storage, or the storage does not sign again
	 * @throws VgiExternalException if the storage fails; contains no signed URL
	 * @see Publications
	 */
	public @Nullable ExternalRef signAgain(ExternalRef ref) {
		ExternalStorage storage = this.config.storage();
		String key = (storage != null) ? storage.renewableKey(ref.url()) : null;
		if (storage == null || key == null) {
			return null;
		}
		try {
			URI url = storage.signAgain(key);
			return new ExternalRef(url, ref.sha256(), ref.schema(), storage.expiresAt(url));
		}
		catch (ObjectGoneException ex) {
			return null;
		}
	}

	private AnnotatedBatch pointerTo(OutputCycle cycle, ResponseBudget budget) {
		Schema schema = cycle.data().schema();
		try (GatheredStream stream = IpcStreamWriter.gather(cycle)) {
			budget.store(stream.length());
			Pointer pointer = this.uploads.upload(stream, schema, true, 0, budget.pointers().owner());
			return cycle.data().zeroRows(budget.metadata(pointer), this.allocator);
		}
	}

	/**
	 * Externalise what a reader yields. A result that stays below the threshold travels
	 * inline as it is. Otherwise its batches are appended to one another, each such
	 * segment is stored as one object, and becomes one pointer.
	 * @param batches taken over, also on failure
	 * @param budget the budget of the response that the result belongs to
	 * @return the batches of the response; the caller closes it
	 */
	public ResultBatches externalize(ReaderBatches batches, ResponseBudget budget) {
		try {
			return isLarge(batches) ? new StoredSegments(batches, this.config, this.resources, this, this.uploads,
					budget, this.allocator) : ResultBatches.inline(batches);
		}
		catch (RuntimeException | Error ex) {
			batches.close();
			throw ex;
		}
	}

	/**
	 * Return whether a result set has to go to storage.
	 * @param batches borrowed; read until the threshold is reached
	 * @return {@code true} if there is a storage and the threshold is reached
	 */
	public boolean isLarge(ReaderBatches batches) {
		return this.config.storage() != null && batches.reaches(Math.max(1, this.config.externalizeThreshold()));
	}

	/**
	 * Return whether the storage takes a stream whose length is not known.
	 * @return {@code false} also if there is no storage
	 */
	public boolean storesWhileReading() {
		ExternalStorage storage = this.config.storage();
		return storage != null && storage.takesUnknownLength();
	}

	/**
	 * Store everything that a reader yields as one stream, its batches as they are, for a
	 * caller who follows a redirect instead of pointers. The stream is stored while it is
	 * read.
	 * @param batches borrowed
	 * @param compress whether the caller can decode the compressed stream
	 * @param budget the budget of the response that the result belongs to
	 * @return the URL that serves the stream
	 * @throws ResponseTooLargeException if the budget does not allow storing it; nothing
	 * remains stored
	 * @throws VgiExternalException if the upload fails, even if large batches would then
	 * travel inline; contains no signed URL
	 */
	public URI store(ReaderBatches batches, boolean compress, ResponseBudget budget) {
		return this.uploads.upload(batches, compress, budget);
	}

}
