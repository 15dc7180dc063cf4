package dev.vgi.external.batch;

/**
 * Is told while a stream is read how far that has come, so that it may end it.
 */
@FunctionalInterface
public interface ReadWatch {

	/** Bytes of work between two calls. */
	int STRIDE = 1 << 20;

	/**
	 * Some bytes were worked on: read, or looked at again.
	 * @param bytes how many there were since the last time; about {@link #STRIDE}, more
	 * where one step cannot be divided
	 * @throws RuntimeException to end reading, for good
	 */
	void read(long bytes);

	/**
	 * Return a watch that lets everything pass.
	 * @return the watch
	 */
	static ReadWatch none() {
		return (bytes) -> {
		};
	}

}
