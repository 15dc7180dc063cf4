package dev.vgi.external.web;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.location.BatchSource;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The batches of a body that consists of one Arrow stream, in order and as they arrive.
 * Pointers are not resolved. Used by one thread at a time, except for {@link #close()}.
 */
@Internal
public final class BodyBatches implements BatchSource {

	private final OpenBody body;

	private final IpcStreamReader reader;

	private final Consumer<BatchMetadata> logs;

	/** Guards the three fields below. */
	private final ReentrantLock lock = new ReentrantLock();

	private boolean reading;

	private boolean complete;

	private boolean closed;

	/** Whether the last batch was a pointer. */
	private boolean behindPointer;

	private BodyBatches(OpenBody body, IpcStreamReader reader, Consumer<BatchMetadata> logs) {
		this.body = body;
		this.reader = reader;
		this.logs = logs;
	}

	/**
	 * Start to read a body.
	 * @param body the body; taken over, also on failure
	 * @param reader reads its bytes; taken over, also on failure
	 * @param logs receives the metadata of each log message when it is passed
	 * @return the batches; the caller closes them
	 * @throws CorruptStreamException if the body does not start with a schema
	 */
	static BodyBatches beginKeeping(OpenBody body, IpcStreamReader reader, Consumer<BatchMetadata> logs) {
		BodyBatches batches = new BodyBatches(body, reader, logs);
		try {
			if (!reader.nextStream()) {
				throw new CorruptStreamException("The body is empty: expected an Arrow stream");
			}
			return batches;
		}
		catch (RuntimeException ex) {
			batches.close();
			throw ex;
		}
	}

	/**
	 * Start to read a body whose log messages are delivered and not kept.
	 * @param body the body; taken over, also on failure
	 * @param reader reads its bytes; taken over, also on failure
	 * @param logs receives each log message when it is passed
	 * @return the batches; the caller closes them
	 * @throws CorruptStreamException if the body does not start with a schema
	 */
	public static BodyBatches begin(OpenBody body, IpcStreamReader reader, LogSink logs) {
		return beginKeeping(body, reader, (metadata) -> {
			LogMessage message = logs.isDiscarding() ? null : LogMessage.from(metadata);
			if (message != null) {
				logs.log(message);
			}
		});
	}

	@Override
	public Schema schema() {
		return this.reader.schema();
	}

	@Override
	public AnnotatedBatch zeroRows() throws IOException {
		enter();
		try {
			return this.reader.zeroRows();
		}
		finally {
			leave(true);
		}
	}

	@Override
	public @Nullable AnnotatedBatch next() throws IOException {
		enter();
		AnnotatedBatch batch = null;
		boolean last = false;
		boolean closedMeanwhile;
		try {
			batch = read();
			last = batch == null;
		}
		catch (UncheckedIOException ex) {
			throw ex.getCause();
		}
		finally {
			closedMeanwhile = leave(last);
		}
		if (closedMeanwhile) {
			if (batch != null) {
				batch.close();
			}
			// The body of some HTTP clients seems to end when it is closed.
			throw closed();
		}
		return batch;
	}

	/**
	 * Return the next batch, for the only thread that uses this object.
	 * @return the batch, which the caller closes; or {@code null} at the end of the body
	 * @throws ErrorBatchException if an error comes first
	 * @throws CorruptStreamException if the body is corrupt or has a second stream
	 * @throws UncheckedIOException if it cannot be read
	 */
	@Nullable AnnotatedBatch read() {
		for (AnnotatedBatch batch = this.reader.next(); batch != null; batch = this.reader.next()) {
			BatchMetadata metadata = batch.metadata();
			BatchKind kind = BatchKind.of(batch.rowCount(), metadata);
			if (kind != BatchKind.LOG && kind != BatchKind.ERROR) {
				this.behindPointer = kind == BatchKind.POINTER;
				return batch;
			}
			batch.close();
			if (kind == BatchKind.ERROR) {
				throw failure(metadata);
			}
			this.logs.accept(metadata);
		}
		if (this.reader.readToEnd()) {
			throw new CorruptStreamException(
					"The body has a second Arrow stream behind the first: send all batches in one");
		}
		return null;
	}

	// A service that fails in the middle of an answer breaks the connection off behind
	// its error. The error says more than the broken rest.
	private ErrorBatchException failure(BatchMetadata metadata) {
		ErrorBatchException error = ErrorBatchException.from(metadata);
		try {
			this.reader.readToEnd();
		}
		catch (UncheckedIOException ex) {
			error.addSuppressed(ex);
		}
		return error;
	}

	/**
	 * Return whether {@link #next()} would probably not wait. What follows a pointer is
	 * probably one, too, and small. What follows another batch may be large, and have
	 * only begun to arrive.
	 * @return {@code false} if that is unknown
	 */
	@Override
	public boolean isReady() {
		try {
			return this.behindPointer && this.body.content().available() > 0;
		}
		catch (IOException ex) {
			// The next reading fails at once.
			return true;
		}
	}

	private void enter() throws IOException {
		this.lock.lock();
		try {
			if (this.closed) {
				throw closed();
			}
			this.reading = true;
		}
		finally {
			this.lock.unlock();
		}
	}

	private static IOException closed() {
		return new IOException("The body was closed before its end");
	}

	private boolean leave(boolean last) {
		boolean closedMeanwhile;
		this.lock.lock();
		try {
			this.reading = false;
			this.complete |= last;
			closedMeanwhile = this.closed;
		}
		finally {
			this.lock.unlock();
		}
		if (closedMeanwhile) {
			free();
		}
		return closedMeanwhile;
	}

	/**
	 * End the response without reading its rest. A thread that waits in {@link #next()}
	 * fails, and then frees what it has used. Idempotent.
	 */
	@Override
	public void close() {
		boolean inUse;
		boolean read;
		this.lock.lock();
		try {
			if (this.closed) {
				return;
			}
			this.closed = true;
			inUse = this.reading;
			read = this.complete;
		}
		finally {
			this.lock.unlock();
		}
		this.body.end(read);
		if (!inUse) {
			free();
		}
	}

	private void free() {
		this.reader.close();
		// Once more: a body of Reactor's client that was being read while it was closed
		// does not end its transfer.
		this.body.end(this.complete);
		this.body.release();
	}

}
