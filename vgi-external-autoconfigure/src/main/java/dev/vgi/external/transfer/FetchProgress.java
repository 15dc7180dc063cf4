package dev.vgi.external.transfer;

import dev.vgi.external.Internal;

/**
 * Receives the progress of a fetch. Called often, on the fetching thread, so
 * implementations are quick and do not throw.
 */
@FunctionalInterface
@Internal
public interface FetchProgress {

	/**
	 * Bytes have arrived.
	 * @param received encoded bytes of this attempt so far
	 * @param size encoded bytes in all, or -1 if unknown
	 */
	void progress(long received, long size);

}
