package dev.vgi.external.rpc.pipe.client;

/**
 * Lends connections to one service. Thread-safe.
 */
interface ConnectionSource {

	/**
	 * Take a connection for one call or one stream.
	 * @return a usable connection that nobody else uses; the caller gives it back
	 * @throws dev.vgi.external.VgiExternalException if there is none
	 */
	PipeConnection take();

	/**
	 * Give a connection back.
	 * @param connection the connection, which may have become unusable
	 */
	void giveBack(PipeConnection connection);

	/**
	 * Return what carries the calls.
	 * @return {@code stdio} or {@code unix}
	 */
	String transport();

}
