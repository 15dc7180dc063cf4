package dev.vgi.external.batch;

/**
 * Observes the progress of reading a stream, and can end it.
 */
@FunctionalInterface
public interface ReadWatch {

	/** Bytes of work between two calls. */
	int STRIDE = 1 << 20;

	/**
	 * Some bytes were processed: read, or examined again.
	 * @param bytes bytes since the last call; about {@link #STRIDE}, more if a step
	 * cannot be divided
	 * @throws RuntimeException to end reading permanently
	 */
	void read(long bytes);

	/**
	 * Return a watch that never ends reading.
	 * @return the watch
	 */
	static ReadWatch none() {
		return (bytes) -> {
		};
	}

}
