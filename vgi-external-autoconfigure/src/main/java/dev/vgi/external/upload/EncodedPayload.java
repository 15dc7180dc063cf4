package dev.vgi.external.upload;

import java.time.Duration;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import org.jspecify.annotations.Nullable;

/**
 * A stream in the form in which it is stored: the batches' own memory, one zstd frame
 * that is compressed while its parts are taken, or what is written meanwhile.
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
	 * @return the payload; the caller closes it
	 */
	static EncodedPayload of(GatheredStream stream, @Nullable Compression compression, SlabPool slabs,
			TransferBudget budget, Duration maxWait) {
		if (compression == null || !Compressibility.isWorthwhile(stream, slabs)) {
			return new PlainPayload(stream);
		}
		return new ZstdPayload(stream, compression, slabs, budget, maxWait);
	}

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
