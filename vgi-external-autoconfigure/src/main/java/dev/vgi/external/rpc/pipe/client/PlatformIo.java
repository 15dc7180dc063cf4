package dev.vgi.external.rpc.pipe.client;

import java.io.Closeable;
import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.channels.ClosedByInterruptException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

import org.jspecify.annotations.Nullable;

/**
 * Does what blocks in a file on a thread of the platform. A virtual thread that is
 * blocked there neither notices that the file is closed, nor lets it be closed.
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
		this.executor.execute(task);
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

	@Override
	public void close() {
		this.executor.shutdown();
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
