package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Function;

/**
 * Stores what the calling thread writes meanwhile.
 */
public final class StreamedUpload {

	private StreamedUpload() {
	}

	/**
	 * Write a stream while another thread stores it.
	 * @param <R> the storage's answer
	 * @param payload the stream; not closed
	 * @param storage takes the parts, in another thread
	 * @param producer writes in the calling thread
	 * @return the storage's answer
	 * @throws Exception the first failure of either
	 */
	public static <R> R run(StreamedPayload payload, Function<StreamedPayload, R> storage, Producer producer)
			throws Exception {
		FutureTask<R> upload = new FutureTask<>(() -> {
			try {
				return storage.apply(payload);
			}
			finally {
				payload.abandon();
			}
		});
		Thread thread = new Thread(upload, "streamed-upload");
		thread.start();
		boolean interrupted = false;
		try {
			producer.writeTo(payload);
			payload.end();
		}
		catch (Exception | Error ex) {
			payload.fail(ex);
			interrupted = Thread.interrupted();
		}
		try {
			return upload.get();
		}
		catch (ExecutionException ex) {
			if (ex.getCause() instanceof Error error) {
				throw error;
			}
			throw (Exception) ex.getCause();
		}
		finally {
			thread.join();
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	/**
	 * Write bytes in pieces of any size, of the heap and off it.
	 * @param bytes the bytes
	 * @return the producer
	 */
	public static Producer of(byte[] bytes) {
		return (stream) -> {
			ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
			int position = 0;
			for (int i = 1; position < bytes.length; i++) {
				int length = Math.min(bytes.length - position, 1 + (i * 7919 * 31) % 300_000);
				stream.write((i % 2 == 0) ? ByteBuffer.wrap(bytes, position, length) : direct.slice(position, length));
				position += length;
			}
		};
	}

	/**
	 * Produces a stream.
	 */
	@FunctionalInterface
	public interface Producer {

		void writeTo(StreamedPayload stream) throws IOException;

	}

}
