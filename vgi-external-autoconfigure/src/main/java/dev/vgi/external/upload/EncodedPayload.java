package dev.vgi.external.upload;

import java.time.Duration;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferTrace;
import org.jspecify.annotations.Nullable;

/**
 * A stream in the form in which it is stored: the batches' own memory, one zstd frame
 * that is compressed while its parts are taken, or what is written meanwhile. Reports
 * when the first part is taken, which begins the phase {@link Phase#UPLOAD}, what it
 * waits for, and its size once that is known.
 */
@Internal
public interface EncodedPayload extends Payload, AutoCloseable {

	/**
	 * Encode a stream.
	 * @param stream borrowed until the payload is closed
	 * @param compression how to compress, or {@code null} for not at all; ignored if the
	 * stream would hardly become smaller
	 * @param slabs memory for the coded parts
	 * @param budget the budget charged for that memory
	 * @param maxWait longest wait for room in the budget
	 * @param trace the transfer that it belongs to
	 * @return the payload; the caller closes it
	 */
	static EncodedPayload of(GatheredStream stream, @Nullable Compression compression, SlabPool slabs,
			TransferBudget budget, Duration maxWait, TransferTrace trace) {
		if (compression == null || !Compressibility.isWorthwhile(stream, slabs)) {
			return new PlainPayload(stream, trace);
		}
		return new ZstdPayload(stream, compression, slabs, budget, maxWait, trace);
	}

	@Override
	TransferTrace trace();

	/**
	 * Return the coding of the bytes.
	 * @return the coding, or {@code null} for none
	 */
	@Nullable String contentCoding();

	/**
	 * Return how many bytes have been taken so far, which after an upload are all.
	 * @return bytes
	 */
	long takenLength();

	/**
	 * Free the memory that is left. Every part has to be closed by then.
	 */
	@Override
	void close();

}
