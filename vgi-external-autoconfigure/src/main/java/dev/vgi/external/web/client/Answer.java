package dev.vgi.external.web.client;

import java.io.UncheckedIOException;
import java.util.function.Supplier;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.call.AnswerBatches;
import dev.vgi.external.web.client.ServiceResponse.AnswerReader;
import org.jspecify.annotations.Nullable;

/**
 * The Arrow streams of one response, read in the protocol's order. Logs go to the sink
 * once the body was read to its end, since the checksum of a content coding comes last.
 * Pointers are not resolved.
 */
final class Answer {

	private final IpcStreamReader streams;

	private final int status;

	private final boolean failed;

	private final AnswerBatches batches;

	/**
	 * Create an answer.
	 * @param streams the streams of the body; borrowed
	 * @param status the HTTP status
	 * @param failed whether status or headers say that the call failed
	 * @param logs receives the log messages
	 */
	Answer(IpcStreamReader streams, int status, boolean failed, LogSink logs) {
		this.streams = streams;
		this.status = status;
		this.failed = failed;
		this.batches = new AnswerBatches(streams, logs);
	}

	/**
	 * Read the answer of a unary call: one stream with exactly one data batch.
	 * @return the batch; the caller closes it
	 * @throws ErrorBatchException if the stream holds an error, at any position
	 */
	AnnotatedBatch one() {
		AnnotatedBatch data = single();
		boolean complete = false;
		try {
			requireSuccess();
			AnnotatedBatch read = require(data);
			end();
			complete = true;
			return read;
		}
		finally {
			if (!complete && data != null) {
				data.close();
			}
		}
	}

	/**
	 * Read the answer of a call that failed.
	 * @param <T> no result
	 * @return nothing
	 * @throws ErrorBatchException if the stream holds an error
	 * @throws UnexpectedResponseException otherwise
	 */
	<T> T failure() {
		skipped();
		throw unexpected("that it failed, and with no error");
	}

	/**
	 * Read the opening of a stream.
	 * @param header whether an Arrow stream with a header comes first
	 * @param first reads the first turn
	 * @return the first turn, which owns the header
	 * @throws ErrorBatchException if the call failed: its error then takes the place of
	 * the header
	 */
	TurnReply opening(boolean header, AnswerReader<TurnReply> first) {
		// The turn that follows may contain an error.
		AnnotatedBatch read = header ? require(single()) : null;
		try {
			return first.read(this).withHeader(read);
		}
		catch (RuntimeException | Error ex) {
			if (read != null) {
				read.close();
			}
			throw ex;
		}
	}

	private @Nullable AnnotatedBatch single() {
		nextStream();
		return untilError(this.batches::single);
	}

	private AnnotatedBatch require(@Nullable AnnotatedBatch data) {
		if (data == null) {
			throw unexpected("without data");
		}
		return data;
	}

	/**
	 * Read one turn of a producer.
	 * @return its batches and tokens; an error after the first batch is part of the turn
	 * @throws ErrorBatchException if there is nothing but an error
	 */
	TurnReply producerTurn() {
		nextStream();
		TurnReply turn = new TurnReply();
		boolean complete = false;
		try {
			for (AnnotatedBatch batch = nextBatch(turn); batch != null; batch = nextBatch(turn)) {
				BatchMetadata metadata = batch.metadata();
				if (BatchKind.ofStreamResponse(batch.rowCount(), metadata) == BatchKind.TOKEN) {
					batch.close();
					turn.token(metadata);
				}
				else {
					turn.add(batch);
				}
			}
			if (turn.failure() == null) {
				requireSuccess();
				requireLast(turn);
			}
			end();
			complete = true;
			return turn;
		}
		finally {
			if (!complete) {
				turn.close();
			}
		}
	}

	/**
	 * Read the opening of an exchange.
	 * @return its tokens
	 */
	TurnReply exchangeOpening() {
		TurnReply turn = producerTurn();
		// A service treats an exchange without input columns as a producer and returns a
		// first batch, although no input was sent that it could answer.
		turn.close();
		if (turn.failure() != null) {
			throw turn.failure();
		}
		if (turn.cursor() == null) {
			throw unexpected("to the opening of an exchange without a token");
		}
		return turn;
	}

	/**
	 * Read one turn of an exchange.
	 * @return exactly one batch, and the tokens that come with it, if any
	 */
	TurnReply exchangeTurn() {
		nextStream();
		TurnReply turn = new TurnReply();
		boolean complete = false;
		try {
			for (AnnotatedBatch batch = nextBatch(); batch != null; batch = nextBatch()) {
				if (turn.isEmpty()) {
					// An answer without rows may carry a token, but it is data and not a
					// token batch.
					turn.add(batch);
					continue;
				}
				BatchMetadata metadata = batch.metadata();
				BatchKind kind = BatchKind.ofStreamResponse(batch.rowCount(), metadata);
				batch.close();
				if (kind != BatchKind.TOKEN) {
					throw new CorruptStreamException("The service answered one batch with more than one");
				}
				turn.token(metadata);
			}
			requireSuccess();
			if (turn.isEmpty()) {
				throw unexpected("without data");
			}
			end();
			complete = true;
			return turn;
		}
		finally {
			if (!complete) {
				turn.close();
			}
		}
	}

	/**
	 * Read and drop the rest.
	 * @return nothing
	 */
	TurnReply skipped() {
		nextStream();
		for (AnnotatedBatch batch = nextBatch(); batch != null; batch = nextBatch()) {
			batch.close();
		}
		end();
		return new TurnReply();
	}

	private void nextStream() {
		if (!this.streams.nextStream()) {
			throw new CorruptStreamException("The service answered with too few Arrow streams");
		}
	}

	// an error leaves the batches before it valid
	private @Nullable AnnotatedBatch nextBatch(TurnReply turn) {
		try {
			return nextBatch();
		}
		catch (ErrorBatchException ex) {
			if (turn.isEmpty()) {
				throw ex;
			}
			turn.fail(ex);
			return null;
		}
	}

	private @Nullable AnnotatedBatch nextBatch() {
		return untilError(this.batches::next);
	}

	private @Nullable AnnotatedBatch untilError(Supplier<@Nullable AnnotatedBatch> reading) {
		try {
			return reading.get();
		}
		catch (ErrorBatchException ex) {
			try {
				end();
			}
			catch (UncheckedIOException broken) {
				// The error says more than the connection that broke off behind it.
				ex.addSuppressed(broken);
			}
			throw ex;
		}
	}

	private void end() {
		this.streams.readToEnd();
		this.batches.deliverLogs();
	}

	// a failure that is announced but not described must not pass for a success
	private void requireSuccess() {
		if (this.failed) {
			throw unexpected("that it failed, and with no error");
		}
	}

	// an unexpected header would be taken for data
	private void requireLast(TurnReply turn) {
		if (turn.cursor() == null && this.streams.nextStream()) {
			throw unexpected("with a header that the method is not declared with");
		}
	}

	private UnexpectedResponseException unexpected(String what) {
		// The log messages may say why.
		end();
		return new UnexpectedResponseException("The service answered with status " + this.status + ' ' + what,
				this.status);
	}

}
