package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;

import dev.vgi.external.rpc.pipe.Pipe;

/**
 * What keeps the other end of a connection alive, apart from the bytes. Thread-safe.
 */
interface Lifeline {

	/**
	 * Return how messages name the other end.
	 * @return such as {@code the worker 'model'}, without secrets
	 */
	String describe();

	/**
	 * Return whether the other end may still answer.
	 * @return {@code false} once it is known to have ended
	 */
	boolean isAlive();

	/**
	 * Wait until the other end has ended by itself, since its input has ended.
	 * @param most how long
	 */
	void awaitEnd(Duration most);

	/**
	 * End the other end and everything that it has started. Returns soon, and nothing is
	 * left then. Idempotent.
	 */
	void destroy();

	/**
	 * Close a pipe to the other end, so that a thread that is blocked in it wakes up.
	 * Does not block.
	 * @param pipe the pipe
	 */
	void wake(Pipe pipe);

	/**
	 * Find out why there is no answer, and {@linkplain #destroy() destroy} the other end.
	 * @param problem what was noticed, as the rest of a sentence
	 * @param words what it has sent instead of an answer, or nothing
	 * @return the failure
	 */
	WorkerFailedException failure(String problem, String words);

}
