package dev.vgi.external.upload;

import java.nio.ByteBuffer;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.transfer.Sha256;

/**
 * SHA-256 of a gathered stream, computed in parallel with its upload. Reads memory that
 * it does not own, so closing it waits until no thread reads any more.
 */
public final class Digest implements AutoCloseable {

	private final FutureTask<String> task;

	private volatile boolean cancelled;

	private Digest(GatheredStream stream) {
		this.task = new FutureTask<>(() -> digest(stream));
	}

	/**
	 * Start to digest.
	 * @param stream borrowed until the digest is closed
	 * @param executor runs the computation; if it refuses, the caller's thread does
	 * @return the running digest; the caller closes it
	 */
	public static Digest start(GatheredStream stream, Executor executor) {
		Digest digest = new Digest(stream);
		try {
			executor.execute(digest.task);
		}
		catch (RejectedExecutionException ex) {
			digest.task.run();
		}
		return digest;
	}

	private String digest(GatheredStream stream) {
		Sha256 sha256 = new Sha256(stream.length());
		for (ByteBuffer segment : stream.segments()) {
			sha256.update(segment, () -> this.cancelled);
		}
		return sha256.finish();
	}

	/**
	 * Wait for the digest. Not interruptible, since the wait is bounded by computation.
	 * @return 64 lowercase hexadecimal digits
	 */
	public String await() {
		// If the pool is busy with other work, this thread computes instead of waiting.
		this.task.run();
		boolean interrupted = false;
		try {
			while (true) {
				try {
					return this.task.get();
				}
				catch (InterruptedException ex) {
					interrupted = true;
				}
				catch (ExecutionException ex) {
					throw new CompletionException(ex.getCause());
				}
			}
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	@Override
	public void close() {
		this.cancelled = true;
		await();
	}

}
