package dev.vgi.external.web;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.ResolvedReader;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.location.ResultBatches;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;

import org.springframework.core.ResolvableType;
import org.springframework.http.HttpInputMessage;
import org.springframework.http.HttpOutputMessage;
import org.springframework.http.MediaType;
import org.springframework.http.converter.SmartHttpMessageConverter;

/**
 * Adds external locations to a converter: resolves the pointers of what is read and, if
 * there is an externalizer, turns large batches of what is written into pointers. A batch
 * is uploaded before its first byte is written.
 */
public final class ExternalLocationHttpMessageConverter implements SmartHttpMessageConverter<Object> {

	private final ArrowStreamHttpMessageConverter delegate;

	private final Supplier<LocationResolver> resolver;

	private final @Nullable Externalizer externalizer;

	private final LogSink logs;

	/**
	 * Create a converter.
	 * @param delegate reads and writes the streams
	 * @param resolver supplies the resolver for the message that the current thread reads
	 * @param externalizer creates pointers, or {@code null} to write everything inline
	 * @param logs receives the log messages of what is read
	 */
	public ExternalLocationHttpMessageConverter(ArrowStreamHttpMessageConverter delegate,
			Supplier<LocationResolver> resolver, @Nullable Externalizer externalizer, LogSink logs) {
		this.delegate = delegate;
		this.resolver = resolver;
		this.externalizer = externalizer;
		this.logs = logs;
	}

	@Override
	public List<MediaType> getSupportedMediaTypes() {
		return this.delegate.getSupportedMediaTypes();
	}

	@Override
	public List<MediaType> getSupportedMediaTypes(Class<?> type) {
		return isLazy(ResolvableType.forClass(type)) ? getSupportedMediaTypes()
				: this.delegate.getSupportedMediaTypes(type);
	}

	@Override
	public boolean canRead(ResolvableType type, @Nullable MediaType mediaType) {
		// What can be read as one batch can be read batch by batch.
		return this.delegate.canRead(isLazy(type) ? ResolvableType.forClass(AnnotatedBatch.class) : type, mediaType);
	}

	private static boolean isLazy(ResolvableType type) {
		return ArrowValues.isReader(type) || type.toClass() == ReaderBody.class;
	}

	@Override
	public Object read(ResolvableType type, HttpInputMessage inputMessage, @Nullable Map<String, Object> hints)
			throws IOException {
		return read(type, inputMessage, this.resolver.get());
	}

	/**
	 * Read a message.
	 * @param type the expected type, for which {@link #canRead} holds
	 * @param inputMessage the message
	 * @param resolver resolves its pointers
	 * @return the value
	 * @throws IOException if the message fails
	 */
	public Object read(ResolvableType type, HttpInputMessage inputMessage, LocationResolver resolver)
			throws IOException {
		if (isLazy(type)) {
			return readLazily(type, inputMessage, resolver);
		}
		StreamContent content = this.delegate.readAll(inputMessage, type, this.logs);
		try {
			// Nothing is fetched for a message that will be refused.
			ArrowValues.checkCount(type, content);
			List<AnnotatedBatch> resolved = resolver.resolveAll(content.batches(), content.allocator(), this.logs);
			return ArrowValues.read(type,
					new StreamContent(content.logs(), resolved, content.allocator(), content.creating()));
		}
		catch (RuntimeException ex) {
			content.close();
			throw ex;
		}
	}

	private Object readLazily(ResolvableType type, HttpInputMessage message, LocationResolver resolver)
			throws IOException {
		boolean serving = this.delegate.isServing();
		if (!serving && type.toClass() != ReaderBody.class) {
			throw new IllegalStateException("The response would be closed before the ArrowReader has read anything of"
					+ " it. Use ArrowResponses.read(restClient.get().uri(...).retrieve()), or an interface of"
					+ " @HttpExchange methods");
		}
		BufferAllocator allocator = this.delegate.allocator();
		BodyBatches source = this.delegate.readLazily(message, this.logs);
		// The body of a request is read by the thread that serves it, as the container
		// expects.
		ArrowReader reader = new ResolvedReader(resolver.ahead(source, allocator, this.logs, !serving), allocator);
		return serving ? reader : new ReaderBody(reader);
	}

	@Override
	public boolean canWrite(ResolvableType targetType, Class<?> valueClass, @Nullable MediaType mediaType) {
		return this.delegate.canWrite(targetType, valueClass, mediaType);
	}

	@Override
	public void write(Object value, ResolvableType type, @Nullable MediaType contentType,
			HttpOutputMessage outputMessage, @Nullable Map<String, Object> hints) throws IOException {
		if (value instanceof ArrowReader reader) {
			write(open(reader), outputMessage, ResponseBudget.unlimited());
			return;
		}
		write(value, outputMessage, ResponseBudget.unlimited());
	}

	/**
	 * Write a value that is no reader.
	 * @param value an Arrow value
	 * @param outputMessage the HTTP message
	 * @param budget what may be stored; ignored without an externalizer
	 * @throws IOException if the message fails
	 */
	public void write(Object value, HttpOutputMessage outputMessage, ResponseBudget budget) throws IOException {
		Externalizer storing = this.externalizer;
		write(value, outputMessage,
				(storing != null) ? (cycle) -> storing.externalize(cycle, budget) : (cycle) -> cycle);
	}

	/**
	 * Take a reader over.
	 * @param reader the reader, not read yet; closed with the result, also on failure
	 * @return what it yields; the caller closes it
	 */
	public ReaderBatches open(ArrowReader reader) {
		return this.delegate.open(reader);
	}

	/**
	 * Write a result set.
	 * @param batches what a reader yields; taken over, also on failure
	 * @param outputMessage the HTTP message
	 * @param budget what may be stored; ignored without an externalizer
	 * @throws IOException if the message fails
	 */
	public void write(ReaderBatches batches, HttpOutputMessage outputMessage, ResponseBudget budget)
			throws IOException {
		try (ResultBatches result = (this.externalizer != null) ? this.externalizer.externalize(batches, budget)
				: ResultBatches.inline(batches)) {
			this.delegate.write(result, outputMessage);
		}
	}

	/**
	 * Write a value for a reader that does not resolve pointers: no pointer is created,
	 * and existing ones are resolved.
	 * @param value an Arrow value
	 * @param outputMessage the HTTP message
	 * @throws IOException if the message fails
	 */
	public void writeInline(Object value, HttpOutputMessage outputMessage) throws IOException {
		if (value instanceof ArrowReader reader) {
			writeInline(open(reader), outputMessage);
			return;
		}
		write(value, outputMessage, this::resolve);
	}

	/**
	 * Write a result set without pointers, its batches as they are.
	 * @param batches what a reader yields; taken over, also on failure
	 * @param outputMessage the HTTP message
	 * @throws IOException if the message fails
	 */
	public void writeInline(ReaderBatches batches, HttpOutputMessage outputMessage) throws IOException {
		try (ResultBatches result = ResultBatches.inline(batches)) {
			this.delegate.write(result, outputMessage);
		}
	}

	private OutputCycle resolve(OutputCycle cycle) {
		AnnotatedBatch batch = cycle.data();
		if (!batch.isPointer()) {
			return cycle;
		}
		List<LogMessage> logs = new ArrayList<>(cycle.logs());
		AnnotatedBatch data = this.resolver.get().resolve(batch, this.delegate.allocator(), logs::add);
		return new OutputCycle(logs, data);
	}

	private void write(Object value, HttpOutputMessage outputMessage, UnaryOperator<OutputCycle> step)
			throws IOException {
		try (ArrowValues.Cycles cycles = ArrowValues.cyclesOf(value);
				OutboundCycles outbound = new OutboundCycles(cycles.iterator(), step)) {
			this.delegate.writeAll(outbound, outputMessage);
		}
		finally {
			if (this.delegate.isServing()) {
				ArrowValues.close(value);
			}
		}
	}

	/**
	 * Applies a step to each cycle when it is requested. Owns the result and closes it
	 * once the next cycle is requested.
	 */
	private static final class OutboundCycles implements Iterator<OutputCycle>, AutoCloseable {

		private final Iterator<OutputCycle> cycles;

		private final UnaryOperator<OutputCycle> step;

		private @Nullable OutputCycle made;

		OutboundCycles(Iterator<OutputCycle> cycles, UnaryOperator<OutputCycle> step) {
			this.cycles = cycles;
			this.step = step;
		}

		@Override
		public boolean hasNext() {
			return this.cycles.hasNext();
		}

		@Override
		public OutputCycle next() {
			close();
			OutputCycle cycle = this.cycles.next();
			OutputCycle outbound = this.step.apply(cycle);
			if (outbound != cycle) {
				this.made = outbound;
			}
			return outbound;
		}

		@Override
		public void close() {
			if (this.made != null) {
				this.made.close();
				this.made = null;
			}
		}

	}

}
