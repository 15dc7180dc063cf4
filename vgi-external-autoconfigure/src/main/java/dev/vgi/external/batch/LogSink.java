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
	 * Return a sink that drops everything, as a server does with the logs of a request.
	 * @return the sink
	 */
	static LogSink discarding() {
		return (message) -> {
		};
	}

}
