package dev.vgi.external.web;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.http.converter.SmartHttpMessageConverter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what {@link ArrowStreamHttpMessageConverter} and its wrapper say of types, as
 * {@code RestTemplate} asks: of lists without their elements.
 */
class ArrowStreamHttpMessageConverterTests {

	private final BufferAllocator allocator = new RootAllocator();

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(classes = { VectorSchemaRoot.class, AnnotatedBatch.class, OutputCycle.class, List.class,
			Collection.class, Iterable.class })
	void whatCanHoldBatchesIsReadFromArrow(Class<?> type) {
		forBoth((converter) -> assertThat(converter.getSupportedMediaTypes(type))
			.containsExactly(ArrowStreamHttpMessageConverter.ARROW_STREAM));
	}

	@ParameterizedTest
	@ValueSource(
			classes = { Object.class, String.class, byte[].class, Map.class, Set.class, ArrayList.class, Record.class })
	void nothingElseIs(Class<?> type) {
		forBoth((converter) -> assertThat(converter.getSupportedMediaTypes(type)).isEmpty());
	}

	private void forBoth(Consumer<SmartHttpMessageConverter<Object>> check) {
		ArrowStreamHttpMessageConverter arrow = new ArrowStreamHttpMessageConverter(this.allocator, 1 << 20, false);
		check.accept(arrow);
		check.accept(new ExternalLocationHttpMessageConverter(arrow, () -> {
			throw new IllegalStateException("nothing is resolved");
		}, null, LogSink.discarding()));
	}

}
