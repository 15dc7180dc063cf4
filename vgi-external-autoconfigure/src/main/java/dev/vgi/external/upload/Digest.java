package dev.vgi.external.upload;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;

import dev.vgi.external.batch.GatheredStream;

/**
 * SHA-256 of a gathered stream, computed in parallel with its upload. Reads memory that
 * it does not own, so closing it waits until no thread reads any more.
 */
public final class Digest implements AutoCloseable {

	private static final int STEP = 64 * 1024;

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
		MessageDigest sha256 = sha256();
		// The JDK's digest copies a direct buffer in small pieces; arrays are faster.
		byte[] step = new byte[STEP];
		for (ByteBuffer segment : stream.segments()) {
			while (segment.hasRemaining() && !this.cancelled) {
				int length = Math.min(step.length, segment.remaining());
				segment.get(step, 0, length);
				sha256.update(step, 0, length);
			}
		}
		return HexFormat.of().formatHex(sha256.digest());
	}

	private static MessageDigest sha256() {
		try {
			return MessageDigest.getInstance("SHA-256");
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("Every JDK has SHA-256", ex);
		}
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
