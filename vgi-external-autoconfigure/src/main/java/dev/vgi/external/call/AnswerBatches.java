package dev.vgi.external.call;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import org.jspecify.annotations.Nullable;

/**
 * The batches of an answer: data is returned, an error is thrown, and log messages are
 * kept until the transport has verified what it read. Pointers are data here. Used by one
 * thread.
 */
@Internal
public final class AnswerBatches {

	private final IpcStreamReader streams;

	private final LogSink logs;

	private final List<LogMessage> untold = new ArrayList<>();

	/**
	 * Create an answer.
	 * @param streams where its batches are read; borrowed
	 * @param logs receives the log messages
	 */
	public AnswerBatches(IpcStreamReader streams, LogSink logs) {
		this.streams = streams;
		this.logs = logs;
	}

	/**
	 * Read the next data batch of the current Arrow stream.
	 * @return the batch, which the caller closes; or {@code null} at the end of the Arrow
	 * stream
	 * @throws ErrorBatchException if an error comes first
	 */
	public @Nullable AnnotatedBatch next() {
		for (AnnotatedBatch batch = this.streams.next(); batch != null; batch = this.streams.next()) {
			BatchMetadata metadata = batch.metadata();
			BatchKind kind = BatchKind.of(batch.rowCount(), metadata);
			if (kind != BatchKind.LOG && kind != BatchKind.ERROR) {
				return batch;
			}
			batch.close();
			if (kind == BatchKind.ERROR) {
				throw ErrorBatchException.from(metadata);
			}
			LogMessage message = this.logs.isDiscarding() ? null : LogMessage.from(metadata);
			if (message != null) {
				this.untold.add(message);
			}
		}
		return null;
	}

	/**
	 * Read the current Arrow stream to its end, which may hold one data batch.
	 * @return the batch, which the caller closes; or {@code null} if there is none
	 * @throws ErrorBatchException if the stream holds an error, at any position
	 * @throws CorruptStreamException if there is a second data batch
	 */
	public @Nullable AnnotatedBatch single() {
		AnnotatedBatch data = null;
		try {
			for (AnnotatedBatch batch = next(); batch != null; batch = next()) {
				if (data != null) {
					batch.close();
					throw new CorruptStreamException("The service answered with more than one data batch");
				}
				data = batch;
			}
			AnnotatedBatch read = data;
			data = null;
			return read;
		}
		finally {
			if (data != null) {
				data.close();
			}
		}
	}

	/**
	 * Deliver the log messages that were read since the last delivery.
	 */
	public void deliverLogs() {
		this.untold.forEach(this.logs::log);
		this.untold.clear();
	}

}
