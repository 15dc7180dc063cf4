package dev.vgi.external.location;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.RunningTransfers;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.upload.Digest;
import dev.vgi.external.upload.EncodedPayload;
import dev.vgi.external.upload.StreamedPayload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Stores Arrow streams, complete ones and those that are still being written, and reports
 * each upload. Thread-safe.
 */
final class StreamUploads {

	private final ExternalLocationConfig config;

	private final TransferResources resources;

	StreamUploads(ExternalLocationConfig config, TransferResources resources) {
		this.config = config;
		this.resources = resources;
	}

	private ExternalStorage storage() {
		ExternalStorage storage = this.config.storage();
		if (storage == null) {
			throw new IllegalStateException("There is no storage to externalise to");
		}
		return storage;
	}

	private @Nullable Compression compression(boolean compress) {
		return compress ? this.config.compression() : null;
	}

	/**
	 * Store a complete stream.
	 * @param stream borrowed
	 * @param schema its schema, as a hint
	 * @param compress whether it may be compressed, if so configured
	 * @param segment the number of the segment of a result set, from 1; 0 for a stream of
	 * its own
	 * @param owner for whom it is stored
	 * @return location and digest
	 */
	Pointer upload(GatheredStream stream, Schema schema, boolean compress, int segment, ObjectOwner owner) {
		TransferTrace trace = this.resources.begin(Direction.UPLOAD, storage().name(), null, segment);
		try (RunningTransfers.Transfer transfer = this.resources.budget().transfers().begin();
				Digest digest = Digest.start(stream, this.resources.threads(), trace)) {
			Stored stored = store(stream, schema, compression(compress), owner, trace);
			Pointer pointer = new Pointer(stored.url(), digest.await());
			succeeded(trace, stored.url(), stored.length(), stream.length(), stored.contentCoding());
			return pointer;
		}
		catch (Throwable ex) {
			throw trace.failed(ex);
		}
	}

	private static void succeeded(TransferTrace trace, URI url, long storedBytes, long rawBytes,
			@Nullable String contentCoding) {
		trace.located(url);
		trace.succeeded(
				new TransferStatistics(storedBytes, rawBytes, contentCoding, trace.requests(), 0, trace.elapsed()));
	}

	private Stored store(GatheredStream stream, Schema schema, @Nullable Compression compression, ObjectOwner owner,
			TransferTrace trace) {
		try {
			return storeEncoded(stream, schema, compression, owner, trace);
		}
		catch (BudgetExhaustedException ex) {
			if (compression == null || ex.kind() == VgiExternalException.Kind.CANCELLED) {
				throw ex;
			}
			// A request that already holds memory must not wait for room to compress in.
			// An uncompressed upload needs none.
			return storeEncoded(stream, schema, null, owner, trace);
		}
	}

	private Stored storeEncoded(GatheredStream stream, Schema schema, @Nullable Compression compression,
			ObjectOwner owner, TransferTrace trace) {
		try (EncodedPayload payload = EncodedPayload.of(stream, compression, this.resources.slabs(),
				this.resources.budget(), this.config.fetchConfig().timeout(), trace)) {
			URI url = storage().upload(payload, schema, payload.contentCoding(), owner);
			return new Stored(url, payload.takenLength(), payload.contentCoding());
		}
		finally {
			trace.over(Phase.UPLOAD);
		}
	}

	/**
	 * Store everything that a reader yields as one stream, while it is read.
	 * @param batches read on this thread; borrowed
	 * @param compress whether it may be compressed, if so configured
	 * @param budget the budget of the response that the stream belongs to
	 * @return the URL that serves the stream
	 */
	URI upload(ReaderBatches batches, boolean compress, ResponseBudget budget) {
		ExternalStorage storage = storage();
		TransferTrace trace = this.resources.begin(Direction.UPLOAD, storage.name(), null, 0);
		try (RunningTransfers.Transfer transfer = this.resources.budget().transfers().begin();
				StreamedPayload payload = new StreamedPayload(compression(compress), this.resources.slabs(),
						this.resources.budget(), this.config.fetchConfig().timeout(), trace)) {
			FutureTask<URI> upload = new FutureTask<>(() -> {
				try {
					return storage.upload(payload, batches.schema(), payload.contentCoding(),
							budget.pointers().owner());
				}
				finally {
					trace.over(Phase.UPLOAD);
				}
			});
			URI url = produce(batches, payload, budget, upload);
			succeeded(trace, url, payload.takenLength(), payload.writtenLength(), payload.contentCoding());
			return url;
		}
		catch (Throwable ex) {
			throw trace.failed(ex);
		}
	}

	private URI produce(ReaderBatches batches, StreamedPayload payload, ResponseBudget budget, FutureTask<URI> upload) {
		Thread thread = this.resources.threads().serving("upload").newThread(() -> {
			upload.run();
			payload.abandon();
		});
		thread.start();
		Throwable failure = null;
		boolean complete = false;
		try {
			write(batches, payload, budget);
			payload.end();
			complete = true;
		}
		catch (Throwable ex) {
			// Kotlin and others throw any exception. An upload that has failed is the
			// reason why writing to it fails.
			failure = payload.fail(ex, thread) ? ex : null;
		}
		URI url = await(upload, thread, payload, failure);
		Assert.state(complete, "a stream that was not written to its end must not be stored");
		return url;
	}

	private static void write(ReaderBatches batches, StreamedPayload payload, ResponseBudget budget)
			throws IOException {
		try (AnnotatedBatch shape = batches.zeroRows();
				IpcStreamWriter writer = new IpcStreamWriter(payload, shape.schema(), shape.dictionaries())) {
			long charged = 0;
			while (writeNext(batches, writer)) {
				// From here on it waits for the reader.
				payload.trace().over(Phase.CODING);
				budget.store(payload.writtenLength() - charged);
				charged = payload.writtenLength();
			}
			writer.end();
		}
	}

	private static boolean writeNext(ReaderBatches batches, IpcStreamWriter writer) throws IOException {
		try (AnnotatedBatch batch = batches.next()) {
			if (batch == null) {
				return false;
			}
			writer.write(batch);
			return true;
		}
	}

	// The payload is borrowed, so nothing reads it any more when this returns.
	private static URI await(FutureTask<URI> upload, Thread thread, StreamedPayload payload,
			@Nullable Throwable failure) {
		boolean interrupted = false;
		while (true) {
			try {
				thread.join();
				break;
			}
			catch (InterruptedException ex) {
				if (!interrupted && failure == null) {
					payload.fail(new TransferCancelledException("Interrupted while a result set was stored"), thread);
				}
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
		try {
			return upload.get();
		}
		catch (InterruptedException ex) {
			throw new TransferCancelledException("Interrupted while a result set was stored");
		}
		catch (ExecutionException ex) {
			throw unchecked((failure != null) ? failure : ex.getCause());
		}
	}

	private static RuntimeException unchecked(@Nullable Throwable failure) {
		if (failure instanceof Error error) {
			throw error;
		}
		if (failure instanceof IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return (failure instanceof RuntimeException ex) ? ex : new IllegalStateException(failure);
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
