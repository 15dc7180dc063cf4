package dev.vgi.external.transfer;

/**
 * Hears how far a fetch is. Called on the fetching thread, often, so implementations are
 * quick and do not throw.
 */
@FunctionalInterface
public interface FetchProgress {

	/**
	 * Bytes have arrived.
	 * @param received encoded bytes of this attempt so far
	 * @param size encoded bytes in all, or -1 if unknown
	 */
	void progress(long received, long size);

}
