package dev.vgi.external.web;

import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.location.ResultBatches;
import dev.vgi.external.memory.OutputStreamChannel;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.storage.ArrowMediaType;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.core.ResolvableType;
import org.springframework.http.HttpInputMessage;
import org.springframework.http.HttpOutputMessage;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.http.converter.AbstractSmartHttpMessageConverter;

/**
 * Converts between Arrow IPC streams and {@link AnnotatedBatch}, {@link OutputCycle},
 * {@link VectorSchemaRoot}, lists of batches or roots and, for writing,
 * {@link ArrowReader readers} and lazy {@link java.util.stream.Stream streams} of them.
 * Handles no other type, so it does not interfere with ordinary handlers.
 * <p>
 * The reader closes what is read. A converter that serves handlers closes what it has
 * written, also on failure. An {@code ArrowReader} is used up when it is written, and
 * always closed.
 */
public final class ArrowStreamHttpMessageConverter extends AbstractSmartHttpMessageConverter<Object> {

	/** The media type of Arrow IPC streams. */
	public static final MediaType ARROW_STREAM = MediaType.parseMediaType(ArrowMediaType.NAME);

	/** Heap factor of a log message that is kept: bytes per character of its metadata. */
	private static final long LOG_HEAP = 4;

	private final BufferAllocator allocator;

	private final long maxBodySize;

	private final boolean serving;

	private final ReadOptions options;

	/**
	 * Create a converter.
	 * @param allocator the owner of the memory of batches that are read
	 * @param maxBodySize most bytes of a body that is read; for a client also of what
	 * dictionaries in it become
	 * @param serving {@code true} to serve handlers: their arguments are charged to the
	 * request, and their results are closed once written; {@code false} for what a client
	 * sends and receives
	 */
	public ArrowStreamHttpMessageConverter(BufferAllocator allocator, long maxBodySize, boolean serving) {
		this(allocator, maxBodySize, serving, ReadLimits.defaults());
	}

	/**
	 * Create a converter.
	 * @param allocator the owner of the memory of batches that are read
	 * @param maxBodySize most bytes of a body that is read; for a client also of what
	 * dictionaries in it become
	 * @param serving {@code true} to serve handlers: their arguments are charged to the
	 * request, and their results are closed once written; {@code false} for what a client
	 * sends and receives
	 * @param limits limits on the heap objects created from a body that is read
	 */
	public ArrowStreamHttpMessageConverter(BufferAllocator allocator, long maxBodySize, boolean serving,
			ReadLimits limits) {
		super(ARROW_STREAM);
		this.allocator = allocator;
		this.maxBodySize = maxBodySize;
		this.serving = serving;
		this.options = ReadOptions.of(limits);
	}

	/**
	 * Return whether a request asks for Arrow by name.
	 * @param accept the values of its {@code Accept} header
	 * @return {@code false} also for a wildcard, and for a malformed value
	 */
	public static boolean isNamedIn(List<String> accept) {
		try {
			return MediaType.parseMediaTypes(accept)
				.stream()
				.anyMatch((accepted) -> accepted.equalsTypeAndSubtype(ARROW_STREAM));
		}
		catch (InvalidMediaTypeException ex) {
			return false;
		}
	}

	boolean isServing() {
		return this.serving;
	}

	/**
	 * Return the owner of the memory of the batches read by this thread.
	 * @return the allocator of the request being served, or else the configured one
	 */
	BufferAllocator allocator() {
		return this.serving ? RequestMemory.allocator(this.allocator) : this.allocator;
	}

	@Override
	public List<MediaType> getSupportedMediaTypes(Class<?> type) {
		// RestTemplate has already checked that the type can be read, and asks for lists
		// without their element type.
		boolean supported = canRead(type, null) || canWrite(type, null) || ArrowValues.isReadableSequence(type);
		return supported ? getSupportedMediaTypes() : List.of();
	}

	@Override
	public boolean canRead(ResolvableType type, @Nullable MediaType mediaType) {
		// Without a media type the question is what this converter can read at all: a
		// body without a type counts as octets.
		return canRead(mediaType) && ArrowValues.isReadable(type);
	}

	@Override
	public boolean canWrite(ResolvableType type, Class<?> valueClass, @Nullable MediaType mediaType) {
		return canWrite(mediaType) && ArrowValues.isWritable(type, valueClass);
	}

	@Override
	public Object read(ResolvableType type, HttpInputMessage inputMessage, @Nullable Map<String, Object> hints)
			throws IOException {
		return ArrowValues.read(type, readAll(inputMessage, type, LogSink.discarding()));
	}

	/**
	 * Read every batch of the body's stream.
	 * @param message the HTTP message
	 * @param type the target type: only a cycle keeps log messages
	 * @param logs also receives the log messages, once the body was read to its end
	 * @return the logs and data batches, pointers among them; the caller closes it
	 * @throws ErrorBatchException if the stream holds an error
	 * @throws CorruptStreamException if the body is not a stream, or more than one
	 * @throws IOException if the message fails
	 */
	StreamContent readAll(HttpInputMessage message, ResolvableType type, LogSink logs) throws IOException {
		boolean wantsLogs = ArrowValues.keepsLogs(type) || !logs.isDiscarding();
		List<LogMessage> messages = new ArrayList<>();
		List<AnnotatedBatch> batches = new ArrayList<>();
		BufferAllocator allocator = allocator();
		OpenBody body = new OpenBody(message.getBody(), null, false);
		try (BodyBatches source = BodyBatches.beginKeeping(body, reader(body, allocator), (metadata) -> {
			LogMessage log = wantsLogs ? LogMessage.from(metadata) : null;
			if (log != null) {
				RequestMemory.charge(allocator, LOG_HEAP * metadata.length());
				messages.add(log);
			}
		})) {
			for (AnnotatedBatch batch = source.read(); batch != null; batch = source.read()) {
				batches.add(batch);
			}
			messages.forEach(logs::log);
			if (batches.isEmpty() && ArrowValues.isSingle(type)) {
				// A complete stream without batches is a table without rows.
				batches.add(source.zeroRows());
			}
			// What a request creates is charged to it.
			LongConsumer creating = this.serving ? (bytes) -> {
			} : StreamTooLongException.meter(this.maxBodySize);
			return new StreamContent(messages, batches, allocator, creating);
		}
		catch (RuntimeException ex) {
			batches.forEach(AnnotatedBatch::close);
			if (ex instanceof ErrorBatchException) {
				messages.forEach(logs::log);
			}
			throw ex;
		}
	}

	/**
	 * Start to read the body's stream batch by batch.
	 * @param message the HTTP message
	 * @param logs receives each log message when it is passed
	 * @return the batches, pointers among them; the caller closes them
	 * @throws CorruptStreamException if the body is not a stream
	 * @throws IOException if the message fails
	 */
	BodyBatches readLazily(HttpInputMessage message, LogSink logs) throws IOException {
		OpenBody body = OpenBody.of(message);
		return BodyBatches.begin(body, reader(body, allocator()), logs);
	}

	private IpcStreamReader reader(OpenBody body, BufferAllocator allocator) {
		return IpcStreamReader.of(body.content(), this.maxBodySize, allocator, this.options);
	}

	@Override
	protected void writeInternal(Object value, ResolvableType type, HttpOutputMessage outputMessage,
			@Nullable Map<String, Object> hints) throws IOException {
		if (value instanceof ArrowReader reader) {
			try (ResultBatches result = ResultBatches.inline(open(reader))) {
				write(result, outputMessage);
			}
			return;
		}
		try (ArrowValues.Cycles cycles = ArrowValues.cyclesOf(value)) {
			writeAll(cycles.iterator(), outputMessage);
		}
		finally {
			if (this.serving) {
				ArrowValues.close(value);
			}
		}
	}

	/**
	 * Take a reader over. Its memory is the application's and not charged to the request:
	 * neither are the copies that stand in for it. Segments that are stored have a share
	 * of the budget of their own.
	 * @param reader the reader, not read yet; closed with the result, also on failure
	 * @return what it yields; the caller closes it
	 */
	ReaderBatches open(ArrowReader reader) {
		return new ReaderBatches(reader, this.allocator);
	}

	/**
	 * Write one stream. A single cycle is written with its exact length; several are
	 * written one by one as they become available.
	 * @param cycles the cycles; each borrowed until the next is asked for
	 * @param message the HTTP message
	 * @throws IOException if the message fails
	 */
	void writeAll(Iterator<OutputCycle> cycles, HttpOutputMessage message) throws IOException {
		message.getHeaders().setContentType(ARROW_STREAM);
		if (!cycles.hasNext()) {
			writeIncrementally(new Schema(List.of()), new DictionaryProvider.MapDictionaryProvider(), null, cycles,
					message, false);
			return;
		}
		OutputCycle first = cycles.next();
		if (!cycles.hasNext()) {
			try (GatheredStream stream = IpcStreamWriter.gather(first)) {
				message.getHeaders().setContentLength(stream.length());
				stream.writeTo(message.getBody());
			}
			return;
		}
		writeIncrementally(first.data().schema(), first.data().dictionaries(), first, cycles, message, false);
	}

	/**
	 * Write a result set. Each batch is on its way before the next one is requested.
	 * Nothing is sent before there is a first batch, or none.
	 * @param result borrowed
	 * @param message the HTTP message
	 * @throws IOException if the message fails
	 */
	void write(ResultBatches result, HttpOutputMessage message) throws IOException {
		message.getHeaders().setContentType(ARROW_STREAM);
		try (ResultCycles cycles = new ResultCycles(result); AnnotatedBatch shape = result.shape()) {
			OutputCycle first = cycles.hasNext() ? cycles.next() : null;
			writeIncrementally(shape.schema(), shape.dictionaries(), first, cycles, message, true);
		}
	}

	private void writeIncrementally(Schema schema, DictionaryProvider dictionaries, @Nullable OutputCycle first,
			Iterator<OutputCycle> rest, HttpOutputMessage message, boolean promptly) throws IOException {
		OutputStream body = message.getBody();
		OutputStreamChannel channel = new OutputStreamChannel(body);
		try (IpcStreamWriter writer = new IpcStreamWriter(channel, schema, dictionaries)) {
			try {
				OutputCycle cycle = first;
				while (cycle != null) {
					for (LogMessage log : cycle.logs()) {
						writer.writeEmpty(log.toMetadata());
					}
					writer.write(cycle.data());
					if (this.serving) {
						// The next cycle may take long.
						channel.flush();
					}
					if (promptly && message instanceof ServedMessage served) {
						served.flush();
					}
					cycle = rest.hasNext() ? rest.next() : null;
				}
				writer.end();
			}
			catch (RuntimeException | Error ex) {
				if (message instanceof ServedMessage served && served.isCommitted()) {
					BrokenOff.after(ex, writer, channel);
					served.flush();
				}
				throw ex;
			}
		}
		channel.flush();
		body.flush();
	}

}
