package dev.vgi.external.rpc.pipe.client;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ReadableByteChannel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

import org.jspecify.annotations.Nullable;

/**
 * Does what blocks on a thread of the platform where that matters. A virtual thread that
 * is blocked in a file neither notices that the file is closed, nor lets it be closed,
 * and no thread that is blocked in a stream notices it.
 */
final class PlatformIo implements AutoCloseable {

	private static final @Nullable MethodHandle IS_VIRTUAL = isVirtual();

	private final ThreadPoolExecutor executor;

	PlatformIo() {
		// Reads and writes of one connection follow each other: one thread does.
		this.executor = new ThreadPoolExecutor(1, 1, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), (task) -> {
			Thread thread = new Thread(task, "vgi-external-pipe");
			thread.setDaemon(true);
			return thread;
		});
		this.executor.allowCoreThreadTimeOut(true);
	}

	private static @Nullable MethodHandle isVirtual() {
		try {
			return MethodHandles.publicLookup()
				.findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class));
		}
		catch (ReflectiveOperationException ex) {
			return null; // before JDK 21
		}
	}

	private static boolean isOnVirtualThread() {
		try {
			return IS_VIRTUAL != null && (boolean) IS_VIRTUAL.invokeExact(Thread.currentThread());
		}
		catch (Throwable ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Read or write.
	 * @param <T> the result
	 * @param transfer reads or writes; has ended when this method returns
	 * @param file the file, which an interrupt closes
	 * @return the result
	 * @throws IOException if the transfer fails
	 */
	<T> T run(Transfer<T> transfer, Closeable file) throws IOException {
		if (!isOnVirtualThread()) {
			return transfer.run();
		}
		FutureTask<T> task = new FutureTask<>(transfer::run);
		execute(task);
		boolean interrupted = false;
		try {
			while (true) {
				try {
					T result = task.get();
					if (interrupted) {
						throw new ClosedByInterruptException();
					}
					return result;
				}
				catch (InterruptedException ex) {
					interrupted = true;
					file.close();
				}
			}
		}
		catch (ExecutionException ex) {
			if (interrupted) {
				throw new ClosedByInterruptException();
			}
			throw (ex.getCause() instanceof IOException failure) ? failure : new IOException(ex.getCause());
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	private void execute(Runnable task) throws ClosedChannelException {
		try {
			this.executor.execute(task);
		}
		catch (RejectedExecutionException ex) {
			throw new ClosedChannelException();
		}
	}

	@Override
	public void close() {
		this.executor.shutdown();
	}

	/**
	 * Read a stream that does not let go of a blocked thread: only a thread of the
	 * platform is ever blocked in it, at worst until whoever holds the other end has
	 * ended.
	 * @param stream the stream; closed with the input
	 * @return the input
	 */
	PeerInput input(InputStream stream) {
		Stream input = new Stream(stream);
		return new PeerInput(input, input::isReady);
	}

	/**
	 * A stream that is read by the thread of the platform, through an array of its own.
	 */
	private final class Stream implements ReadableByteChannel {

		private static final int PIECE = 1 << 16;

		private final InputStream stream;

		private final byte[] piece = new byte[PIECE];

		private @Nullable CompletableFuture<Integer> reading;

		private volatile boolean closed;

		Stream(InputStream stream) {
			this.stream = stream;
		}

		// A blocked thread has locked the stream.
		synchronized boolean isReady() throws IOException {
			return (this.reading == null || this.reading.isDone()) && this.stream.available() > 0;
		}

		@Override
		public int read(ByteBuffer target) throws IOException {
			CompletableFuture<Integer> reading = new CompletableFuture<>();
			synchronized (this) {
				if (this.closed) {
					throw new ClosedChannelException();
				}
				this.reading = reading;
			}
			int most = Math.min(PIECE, target.remaining());
			execute(() -> read(most, reading));
			try {
				int got = reading.get();
				target.put(this.piece, 0, Math.max(0, got));
				return got;
			}
			catch (InterruptedException ex) {
				close();
				Thread.currentThread().interrupt();
				throw new ClosedByInterruptException();
			}
			catch (ExecutionException ex) {
				throw (ex.getCause() instanceof IOException failure) ? failure : new IOException(ex.getCause());
			}
		}

		private void read(int most, CompletableFuture<Integer> reading) {
			try {
				reading.complete(this.stream.read(this.piece, 0, most));
			}
			catch (IOException | RuntimeException ex) {
				reading.completeExceptionally(ex);
			}
		}

		@Override
		public boolean isOpen() {
			return !this.closed;
		}

		@Override
		public void close() throws IOException {
			synchronized (this) {
				this.closed = true;
				if (this.reading != null) {
					this.reading.completeExceptionally(new AsynchronousCloseException());
				}
			}
			PlatformIo.this.close();
			this.stream.close();
		}

	}

	/**
	 * Reads or writes.
	 *
	 * @param <T> the result
	 */
	@FunctionalInterface
	interface Transfer<T> {

		/**
		 * Do it.
		 * @return the result
		 * @throws IOException if it fails
		 */
		T run() throws IOException;

	}

}
