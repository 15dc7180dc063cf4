package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
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
	 * End the input of the other end, and wait until it has ended by itself, and with it
	 * everything that it has started.
	 * @param pipe the pipe to it
	 * @param most how long
	 * @throws IOException if the input cannot be ended
	 */
	void awaitEnd(Pipe pipe, Duration most) throws IOException;

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
