package dev.vgi.external.web;

import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import org.jspecify.annotations.Nullable;

import org.springframework.core.ResolvableType;
import org.springframework.http.HttpInputMessage;
import org.springframework.http.HttpOutputMessage;
import org.springframework.http.MediaType;
import org.springframework.http.converter.SmartHttpMessageConverter;

/**
 * Carries batches through storage: resolves the pointers of what is read and, where there
 * is an externalizer, turns large batches of what is written into pointers. Uploads
 * finish before the batch's first byte is written.
 */
public final class ExternalLocationHttpMessageConverter implements SmartHttpMessageConverter<Object> {

	private final ArrowStreamHttpMessageConverter delegate;

	private final Supplier<LocationResolver> resolver;

	private final @Nullable Externalizer externalizer;

	private final LogSink logs;

	/**
	 * Create a converter.
	 * @param delegate reads and writes the streams
	 * @param resolver gives what resolves the pointers of the message that the current
	 * thread reads
	 * @param externalizer makes pointers, or {@code null} to write everything inline
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
	public boolean canRead(ResolvableType type, @Nullable MediaType mediaType) {
		return this.delegate.canRead(type, mediaType);
	}

	@Override
	public Object read(ResolvableType type, HttpInputMessage inputMessage, @Nullable Map<String, Object> hints)
			throws IOException {
		StreamContent content = this.delegate.readAll(inputMessage, type, this.logs);
		try {
			// Nothing is fetched for what will be refused.
			ArrowValues.checkCount(type, content);
			LocationResolver resolver = this.resolver.get();
			content.batches().replaceAll((batch) -> resolver.resolve(batch, content.allocator(), this.logs));
		}
		catch (RuntimeException ex) {
			content.close();
			throw ex;
		}
		return ArrowValues.read(type, content);
	}

	@Override
	public boolean canWrite(ResolvableType targetType, Class<?> valueClass, @Nullable MediaType mediaType) {
		return valueClass == Inline.class || this.delegate.canWrite(targetType, valueClass, mediaType);
	}

	@Override
	public void write(Object value, ResolvableType type, @Nullable MediaType contentType,
			HttpOutputMessage outputMessage, @Nullable Map<String, Object> hints) throws IOException {
		boolean inline = value instanceof Inline;
		Object body = (value instanceof Inline wrapped) ? wrapped.value() : value;
		try (ArrowValues.Cycles cycles = ArrowValues.cyclesOf(body);
				PointerIterator outbound = new PointerIterator(cycles.iterator(), inline ? null : this.externalizer)) {
			this.delegate.writeAll(outbound, outputMessage);
		}
		finally {
			if (this.delegate.isServing()) {
				ArrowValues.close(body);
			}
		}
	}

	/**
	 * A value that must stay inline, whatever its size.
	 *
	 * @param value the value
	 */
	public record Inline(Object value) {

	}

	/**
	 * Externalises cycle by cycle as they are asked for. Pointers are its own and closed
	 * once the next cycle is asked for.
	 */
	private static final class PointerIterator implements Iterator<OutputCycle>, AutoCloseable {

		private final Iterator<OutputCycle> cycles;

		private final @Nullable Externalizer externalizer;

		private @Nullable OutputCycle pointer;

		PointerIterator(Iterator<OutputCycle> cycles, @Nullable Externalizer externalizer) {
			this.cycles = cycles;
			this.externalizer = externalizer;
		}

		@Override
		public boolean hasNext() {
			return this.cycles.hasNext();
		}

		@Override
		public OutputCycle next() {
			close();
			OutputCycle cycle = this.cycles.next();
			if (this.externalizer == null) {
				return cycle;
			}
			OutputCycle outbound = this.externalizer.externalize(cycle);
			if (outbound != cycle) {
				this.pointer = outbound;
			}
			return outbound;
		}

		@Override
		public void close() {
			if (this.pointer != null) {
				this.pointer.close();
				this.pointer = null;
			}
		}

	}

}
