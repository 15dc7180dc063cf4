package dev.vgi.external.web;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.StreamTooLongException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.VariableWidthFieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.core.ResolvableType;
import org.springframework.http.converter.SmartHttpMessageConverter;
import org.springframework.mock.http.MockHttpInputMessage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

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

	@ParameterizedTest
	@MethodSource("texts")
	void whatDictionariesOfAnAnswerBecomeIsLimited(ArrowType texts) throws IOException {
		byte[] answer = dictionaryOfOne(texts, 100_000, 1_000);
		assertThat(answer.length).isLessThan(1 << 18);
		ArrowStreamHttpMessageConverter client = new ArrowStreamHttpMessageConverter(this.allocator, 1 << 20, false);
		long before = this.allocator.getPeakMemoryAllocation();
		for (Class<?> type : List.of(VectorSchemaRoot.class, AnnotatedBatch.class)) {
			MockHttpInputMessage message = new MockHttpInputMessage(answer);
			message.getHeaders().setContentType(ArrowStreamHttpMessageConverter.ARROW_STREAM);
			if (type == AnnotatedBatch.class) {
				((AnnotatedBatch) client.read(ResolvableType.forClass(type), message, null)).close();
			}
			else {
				assertThatExceptionOfType(StreamTooLongException.class)
					.isThrownBy(() -> client.read(ResolvableType.forClass(type), message, null));
			}
		}
		assertThat(this.allocator.getPeakMemoryAllocation() - before).isLessThan(1 << 20);
	}

	static List<ArrowType> texts() {
		return List.of(ArrowType.Utf8.INSTANCE, ArrowType.LargeUtf8.INSTANCE);
	}

	private byte[] dictionaryOfOne(ArrowType type, int length, int rows) throws IOException {
		DictionaryEncoding encoding = new DictionaryEncoding(0, false, new ArrowType.Int(16, true));
		SmallIntVector indices = new SmallIntVector("v", new FieldType(true, encoding.getIndexType(), encoding),
				this.allocator);
		indices.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			indices.set(i, 0);
		}
		indices.setValueCount(rows);
		FieldVector text = Field.nullable("text", type).createVector(this.allocator);
		((VariableWidthFieldVector) text).setSafe(0, new byte[length]);
		text.setValueCount(1);
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (AnnotatedBatch batch = new AnnotatedBatch(new VectorSchemaRoot(List.of(indices)),
				new DictionaryProvider.MapDictionaryProvider(new Dictionary(text, encoding)), BatchMetadata.empty());
				GatheredStream stream = IpcStreamWriter.gather(batch.schema(), List.of(batch))) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		return bytes.toByteArray();
	}

}
