package dev.vgi.external.rpc.pipe.client;

import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.AnswerBatches;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.StreamTransport;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A stream over a pipe: an input and an output that go in step, one batch each a turn.
 * The peer sends nothing of the output before it knows the schema of the input, which is
 * sent with the first turn. Used by one thread at a time.
 */
final class PipeStream implements StreamTransport {

	private static final Log logger = LogFactory.getLog(PipeStream.class);

	private static final BatchMetadata CANCEL = BatchMetadata.of(MetadataKeys.CANCEL, "1");

	private final PipeConnection connection;

	private @Nullable AnnotatedBatch header;

	private @Nullable IpcStreamWriter input;

	private @Nullable Schema inputSchema;

	private @Nullable IpcStreamReader output;

	/** Log messages that came after the data of their turn. */
	private final List<LogMessage> early = new ArrayList<>();

	/** Whether the header or a turn has come, so that the peer has surely opened it. */
	private boolean answered;

	private boolean over;

	private Runnable whenOver = () -> {
	};

	/**
	 * Create a stream.
	 * @param connection carries it
	 * @param header the header, taken over, or {@code null}
	 */
	PipeStream(PipeConnection connection, @Nullable AnnotatedBatch header) {
		this.connection = connection;
		this.header = header;
		this.answered = header != null;
	}

	/**
	 * Set what happens once the connection is no longer needed.
	 * @param action called once
	 */
	void whenOver(Runnable action) {
		this.whenOver = action;
	}

	@Override
	public @Nullable AnnotatedBatch takeHeader() {
		AnnotatedBatch taken = this.header;
		this.header = null;
		return taken;
	}

	@Override
	public boolean isLive() {
		return !this.over;
	}

	@Override
	public @Nullable AnnotatedBatch turn(@Nullable AnnotatedBatch batch, CallContext context) {
		Assert.state(!this.over, "The stream is over");
		Schema schema = (batch != null) ? batch.schema() : TransportOptions.NO_COLUMNS;
		if (this.inputSchema != null && !this.inputSchema.getFields().equals(schema.getFields())) {
			throw new IllegalArgumentException("All inputs of an exchange have the same columns");
		}
		Turn turn = carried(batch, schema, context);
		this.connection.served();
		this.answered |= turn.data() != null;
		if (turn.data() == null) {
			end(turn.error() != null);
		}
		boolean complete = false;
		try {
			turn.logs().forEach(context.logs()::log);
			if (turn.error() != null) {
				throw turn.error();
			}
			complete = true;
			return turn.data();
		}
		finally {
			if (!complete && turn.data() != null) {
				turn.data().close();
			}
		}
	}

	private Turn carried(@Nullable AnnotatedBatch batch, Schema schema, CallContext context) {
		try {
			return this.connection.pipe().within(this.connection.settings().callTimeout(), () -> {
				Turn ended = (this.output != null) ? endedBefore(this.output) : null;
				return (ended != null) ? ended : carry(batch, schema, context);
			});
		}
		catch (RuntimeException | Error ex) {
			if (!this.connection.pipe().isOpen()) {
				release();
			}
			throw ex;
		}
	}

	// What is there before the input was sent is the end of the stream, or the log
	// messages of the last turn, or too much.
	private @Nullable Turn endedBefore(IpcStreamReader output) throws IOException {
		while (this.connection.pipe().isReady()) {
			this.connection.pipe().pipe().mark();
			AnnotatedBatch batch = output.next();
			if (batch == null) {
				requireMarker(output);
				return new Turn(null, null, logs(List.of()));
			}
			batch.close();
			BatchKind kind = BatchKind.of(batch.rowCount(), batch.metadata());
			if (kind == BatchKind.ERROR) {
				return new Turn(null, ErrorBatchException.from(batch.metadata()), logs(List.of()));
			}
			LogMessage message = (kind == BatchKind.LOG) ? LogMessage.from(batch.metadata()) : null;
			if (message == null) {
				throw new CorruptStreamException("The service answered one turn with more than one batch");
			}
			this.early.add(message);
		}
		return null;
	}

	private Turn carry(@Nullable AnnotatedBatch batch, Schema schema, CallContext context) throws IOException {
		boolean sent = this.connection.pipe().isSent(() -> write(batch, schema, context));
		List<LogMessage> told = new ArrayList<>();
		boolean first = this.output == null;
		IpcStreamReader output = output();
		long before = output.position();
		AnswerBatches batches = new AnswerBatches(output, context.logs().isDiscarding() ? context.logs() : told::add);
		AnnotatedBatch data = null;
		ErrorBatchException error = null;
		try {
			if (first) {
				PipeConnection.nextStream(output);
			}
			data = batches.next();
		}
		catch (ErrorBatchException ex) {
			error = ex;
		}
		finally {
			context.received(output.position() - before);
		}
		if (data == null && error == null) {
			requireMarker(output);
		}
		if (!sent) {
			if (data != null) {
				data.close();
			}
			if (error == null) {
				throw new EOFException("The input was not read");
			}
		}
		batches.deliverLogs();
		return new Turn(data, error, logs(told));
	}

	private List<LogMessage> logs(List<LogMessage> told) {
		List<LogMessage> logs = new ArrayList<>(this.early);
		logs.addAll(told);
		this.early.clear();
		return logs;
	}

	private static void requireMarker(IpcStreamReader output) throws EOFException {
		if (output.isBrokenOff()) {
			throw new EOFException("The stream has no end");
		}
	}

	private void write(@Nullable AnnotatedBatch batch, Schema schema, CallContext context) throws IOException {
		IpcStreamWriter input = this.input;
		if (input == null) {
			input = (batch != null)
					? new IpcStreamWriter(this.connection.pipe().pipe().output(), schema, batch.dictionaries())
					: this.connection.emptyInput();
			this.input = input;
			this.inputSchema = schema;
		}
		context.sent((batch != null) ? input.write(batch) : input.writeEmpty(BatchMetadata.empty()));
	}

	private IpcStreamReader output() {
		IpcStreamReader output = this.output;
		if (output == null) {
			output = this.connection.reader();
			this.output = output;
		}
		else {
			this.connection.pipe().pipe().mark();
			output.newAccount();
		}
		return output;
	}

	@Override
	public boolean isInterruptible() {
		return false;
	}

	@Override
	public BatchMetadata accept(BatchMetadata metadata) {
		return metadata;
	}

	@Override
	public void cancel(CallContext context) {
		if (!this.over) {
			finish(true, false, false);
		}
	}

	// the service has ended the stream
	private void end(boolean failed) {
		try {
			finish(false, failed, !failed);
		}
		catch (VgiExternalException ex) {
			logger.debug("A connection is given up after a stream: " + ex.getMessage());
		}
	}

	/**
	 * End the input, read the output to its end, and free the connection.
	 * @param cancel whether the peer is told that nobody wants the rest
	 * @param failed whether the peer has ended the stream by an error
	 * @param ended whether the output was read to its end
	 */
	private void finish(boolean cancel, boolean failed, boolean ended) {
		this.over = true;
		boolean inStep = false;
		try {
			inStep = this.connection.pipe().within(this.connection.settings().callTimeout(), () -> {
				IpcStreamWriter input = (this.input != null) ? this.input : this.connection.emptyInput();
				this.input = input;
				if (cancel) {
					input.writeEmpty(CANCEL);
				}
				input.end();
				boolean error = failed;
				if (!ended) {
					error |= isFailedAtEnd();
				}
				return !error || this.answered || this.connection.isInStep();
			});
		}
		finally {
			if (!inStep) {
				this.connection.destroy();
			}
			release();
		}
	}

	// reads the output to its end: returns whether there was an error
	private boolean isFailedAtEnd() throws IOException {
		boolean first = this.output == null;
		IpcStreamReader output = output();
		if (first) {
			PipeConnection.nextStream(output);
		}
		boolean error = false;
		AnswerBatches batches = new AnswerBatches(output, LogSink.discarding());
		try {
			for (AnnotatedBatch batch = batches.next(); batch != null; batch = batches.next()) {
				batch.close();
			}
		}
		catch (ErrorBatchException ex) {
			error = true;
			output.endStream();
		}
		requireMarker(output);
		return error;
	}

	private void release() {
		this.over = true;
		if (this.output != null) {
			this.output.close();
		}
		if (this.input != null) {
			this.input.close();
		}
		this.connection.released();
		Runnable action = this.whenOver;
		this.whenOver = () -> {
		};
		action.run();
	}

	@Override
	public void close() {
		AnnotatedBatch untaken = takeHeader();
		if (untaken != null) {
			untaken.close();
		}
		if (!this.over) {
			try {
				finish(false, false, false);
			}
			catch (VgiExternalException ex) {
				logger.debug("A stream could not be ended: " + ex.getMessage());
			}
		}
	}

	/**
	 * What a turn was answered with.
	 *
	 * @param data the batch, or {@code null} at the end of the stream
	 * @param error the error that has ended the stream, or {@code null}
	 * @param logs log messages
	 */
	private record Turn(@Nullable AnnotatedBatch data, @Nullable ErrorBatchException error, List<LogMessage> logs) {

	}

}
