package dev.vgi.external.batch;

/**
 * Receives the log messages that travel with a batch. Thread-safe where calls are
 * concurrent.
 */
@FunctionalInterface
public interface LogSink {

	/**
	 * Receive one message.
	 * @param message the message
	 */
	void log(LogMessage message);

	/**
	 * Return whether messages are dropped, so that nobody needs to read or keep them.
	 * @return {@code true} if nothing comes of a message
	 */
	default boolean isDiscarding() {
		return false;
	}

	/**
	 * Return a sink that drops everything, as a server does with the logs of a request.
	 * @return the sink
	 */
	static LogSink discarding() {
		return new LogSink() {

			@Override
			public void log(LogMessage message) {
				// Dropped.
			}

			@Override
			public boolean isDiscarding() {
				return true;
			}

		};
	}

}
