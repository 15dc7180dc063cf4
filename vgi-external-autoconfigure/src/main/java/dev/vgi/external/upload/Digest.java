package dev.vgi.external.upload;

import java.nio.ByteBuffer;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.Sha256;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;

/**
 * SHA-256 of a gathered stream, computed on its own thread in parallel with the upload.
 * Reads memory that it does not own, so closing it waits until the thread has ended.
 */
@Internal
public final class Digest implements AutoCloseable {

	private final FutureTask<String> task;

	private final Thread thread;

	private volatile boolean cancelled;

	private Digest(GatheredStream stream, TransferThreads threads, TransferTrace trace) {
		this.task = new FutureTask<>(() -> digest(stream, trace));
		this.thread = threads.serving("digest").newThread(this.task);
	}

	/**
	 * Start to digest.
	 * @param stream borrowed until the digest is closed
	 * @param threads creates the thread
	 * @param trace the transfer that the stream belongs to
	 * @return the running digest; the caller closes it
	 */
	public static Digest start(GatheredStream stream, TransferThreads threads, TransferTrace trace) {
		Digest digest = new Digest(stream, threads, trace);
		try {
			digest.thread.start();
		}
		catch (OutOfMemoryError ex) {
			// No further thread can be started, so the caller's computes at the end.
		}
		return digest;
	}

	private String digest(GatheredStream stream, TransferTrace trace) {
		trace.begins(Phase.DIGEST);
		try {
			Sha256 sha256 = new Sha256(stream.length());
			for (ByteBuffer segment : stream.segments()) {
				sha256.update(segment, () -> this.cancelled);
			}
			return sha256.finish();
		}
		finally {
			trace.over(Phase.DIGEST);
		}
	}

	/**
	 * Wait for the digest. Not interruptible, since the wait is bounded by computation.
	 * @return 64 lowercase hexadecimal digits
	 */
	public String await() {
		// If the thread has not begun, this one computes instead of waiting.
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
		Uninterruptibles.join(this.thread);
	}

}
