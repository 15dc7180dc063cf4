package dev.vgi.external.batch;

/**
 * Receives the log messages that come with a batch. Thread-safe if calls are concurrent.
 */
@FunctionalInterface
public interface LogSink {

	/**
	 * Receive one message.
	 * @param message the message
	 */
	void log(LogMessage message);

	/**
	 * Return whether messages are dropped, so that they need not be read or kept.
	 * @return {@code true} if messages have no effect
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
