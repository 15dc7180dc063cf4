package dev.vgi.external.upload;

import java.time.Duration;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.Payload;
import org.jspecify.annotations.Nullable;

/**
 * A gathered stream as it is to be stored: the batches' own memory, or one zstd frame
 * that is made while it is taken.
 */
public interface EncodedPayload extends Payload, AutoCloseable {

	/**
	 * Encode a stream.
	 * @param stream borrowed until the payload is closed
	 * @param compression how, or {@code null} for not at all; left aside if the stream
	 * hardly gets smaller
	 * @param slabs memory for the coded parts
	 * @param budget charged for it
	 * @param maxWait longest wait for room in it
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
	 * Return how many bytes were taken so far: all of them after an upload.
	 * @return bytes
	 */
	long takenLength();

	/**
	 * Free what is left. Every part has to be closed by then.
	 */
	@Override
	void close();

}
