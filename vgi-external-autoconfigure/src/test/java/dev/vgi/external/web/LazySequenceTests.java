package dev.vgi.external.web;

import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.core.ResolvableType;
import org.springframework.mock.http.MockHttpOutputMessage;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * What a lazy sequence has made is closed, however its writing ends.
 */
class LazySequenceTests {

	private static final ResolvableType TYPE = ResolvableType.forClassWithGenerics(Stream.class,
			VectorSchemaRoot.class);

	private final RootAllocator allocator = new RootAllocator();

	private final ArrowStreamHttpMessageConverter converter = new ArrowStreamHttpMessageConverter(this.allocator,
			Long.MAX_VALUE, true);

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
	}

	@Test
	void whenTheCallerGoesAwayTheBatchMadeAheadIsClosed() {
		MockHttpOutputMessage gone = new MockHttpOutputMessage() {

			@Override
			public OutputStream getBody() {
				return new OutputStream() {

					@Override
					public void write(int value) throws IOException {
						throw new IOException("gone");
					}

				};
			}

		};
		Stream<VectorSchemaRoot> roots = IntStream.range(0, 3).mapToObj((i) -> numbers());
		assertThatExceptionOfType(IOException.class).isThrownBy(
				() -> this.converter.write(roots, TYPE, ArrowStreamHttpMessageConverter.ARROW_STREAM, gone, null));
	}

	@Test
	void whenAnElementCannotBeWrittenItIsClosed() {
		Stream<VectorSchemaRoot> roots = Stream.of(1, 2).map((i) -> (i == 1) ? numbers() : indices());
		assertThatIllegalArgumentException().isThrownBy(() -> this.converter.write(roots, TYPE,
				ArrowStreamHttpMessageConverter.ARROW_STREAM, new MockHttpOutputMessage(), null));
	}

	private VectorSchemaRoot numbers() {
		BigIntVector vector = new BigIntVector("v", this.allocator);
		vector.setSafe(0, 1);
		vector.setValueCount(1);
		return new VectorSchemaRoot(List.of(vector));
	}

	private VectorSchemaRoot indices() {
		FieldType type = new FieldType(true, new ArrowType.Int(32, true), new DictionaryEncoding(0, false, null));
		IntVector vector = new IntVector(new Field("v", type, null), this.allocator);
		vector.setSafe(0, 0);
		vector.setValueCount(1);
		return new VectorSchemaRoot(List.of(vector));
	}

}
