package dev.vgi.external.web;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.TinyIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.core.ResolvableType;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpInputMessage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link ArrowStreamHttpMessageConverter} with dictionary columns.
 */
class DictionaryStreamsTests {

	private static final DictionaryEncoding ENCODING = new DictionaryEncoding(0, false, new ArrowType.Int(8, true));

	private static final Field INDICES = new Field("c",
			new FieldType(false, ENCODING.getIndexType(), ENCODING, Map.of("unit", "metre")), null);

	private static final Field STRUCT = new Field("s",
			new FieldType(true, ArrowType.Struct.INSTANCE, null, Map.of("of", "one")), List.of(INDICES));

	private static final Field NULLS = Field.nullable("n", ArrowType.Null.INSTANCE);

	private static final Schema SCHEMA = new Schema(List.of(NULLS, INDICES, STRUCT), Map.of("source", "a sensor"));

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void streamWithoutBatchesIsATableWithoutRows() throws IOException {
		byte[] stream = stream(0);
		try (AnnotatedBatch batch = (AnnotatedBatch) read(AnnotatedBatch.class, stream)) {
			assertThat(batch.schema()).isEqualTo(SCHEMA);
			assertThat(batch.rowCount()).isZero();
		}
		try (OutputCycle cycle = (OutputCycle) read(OutputCycle.class, stream)) {
			assertThat(cycle.data().schema()).isEqualTo(SCHEMA);
			assertThat(cycle.data().rowCount()).isZero();
		}
		try (VectorSchemaRoot root = (VectorSchemaRoot) read(VectorSchemaRoot.class, stream)) {
			assertDecoded(root);
			assertThat(root.getRowCount()).isZero();
		}
		for (Class<?> type : List.of(AnnotatedBatch.class, OutputCycle.class, VectorSchemaRoot.class)) {
			ResolvableType list = ResolvableType.forClassWithGenerics(List.class, type);
			assertThat(read(list, stream)).isEqualTo(List.of());
		}
	}

	@Test
	void bareRootHasTheValuesUnderTheirNamesAtEveryDepth() throws IOException {
		byte[] stream = stream(1);
		try (VectorSchemaRoot root = (VectorSchemaRoot) read(VectorSchemaRoot.class, stream)) {
			assertDecoded(root);
			assertThat(root.getRowCount()).isEqualTo(2);
			assertThat(root.getVector("c").getObject(0)).hasToString("first");
			assertThat(root.getVector("s").getObject(0)).hasToString("{\"c\":\"second\"}");
			assertThat(root.getVector("n").getValueCount()).isEqualTo(2);
		}
	}

	@Test
	void listOfBareRootsIsDecoded() throws IOException {
		Object roots = read(ResolvableType.forClassWithGenerics(List.class, VectorSchemaRoot.class), stream(3));
		assertThat((List<?>) roots).hasSize(3)
			.allSatisfy(
					(root) -> assertThat(((VectorSchemaRoot) root).getVector("c").getObject(1)).hasToString("second"));
		ArrowValues.close(roots);
	}

	@Test
	void whenOneOfAListDoesNotFitNothingIsLeft() throws IOException {
		byte[] stream = stream(2, "x".repeat(1 << 20));
		try (BufferAllocator small = this.allocator.newChildAllocator("small", 0, 7 << 20)) {
			ArrowStreamHttpMessageConverter converter = new ArrowStreamHttpMessageConverter(small, stream.length, true);
			ResolvableType type = ResolvableType.forClassWithGenerics(List.class, VectorSchemaRoot.class);
			assertThatExceptionOfType(OutOfMemoryException.class)
				.isThrownBy(() -> converter.read(type, new Body(stream), null));
			assertThat(small.getPeakMemoryAllocation()).isGreaterThan(5 << 20);
		}
	}

	@Test
	void bareRootWithIndicesInsideAColumnIsNotWritten() {
		try (VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, this.allocator)) {
			assertThatIllegalArgumentException().isThrownBy(() -> ArrowValues.cyclesOf(root).iterator().next())
				.withMessageMatching("Columns \\[(c, s|s, c)] .*")
				.withMessageContaining("AnnotatedBatch");
		}
	}

	private static void assertDecoded(VectorSchemaRoot root) {
		assertThat(root.getSchema().getCustomMetadata()).isEqualTo(SCHEMA.getCustomMetadata());
		Field text = new Field("c", new FieldType(false, ArrowType.Utf8.INSTANCE, null, INDICES.getMetadata()), null);
		assertThat(root.getSchema().getFields()).containsExactly(NULLS, text,
				new Field("s", STRUCT.getFieldType(), List.of(text)));
		assertThat(root.getFieldVectors()).extracting(FieldVector::getField).isEqualTo(root.getSchema().getFields());
	}

	private Object read(Class<?> type, byte[] stream) throws IOException {
		return read(ResolvableType.forClass(type), stream);
	}

	private Object read(ResolvableType type, byte[] stream) throws IOException {
		return new ArrowStreamHttpMessageConverter(this.allocator, stream.length, true).read(type, new Body(stream),
				null);
	}

	private byte[] stream(int batches) throws IOException {
		return stream(batches, "first");
	}

	// of as many batches of two rows
	private byte[] stream(int batches, String first) throws IOException {
		VarCharVector values = new VarCharVector("v", this.allocator);
		values.allocateNew();
		values.setSafe(0, first.getBytes(StandardCharsets.UTF_8));
		values.setSafe(1, "second".getBytes(StandardCharsets.UTF_8));
		values.setValueCount(2);
		VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, this.allocator);
		StructVector struct = (StructVector) root.getVector("s");
		for (int i = 0; i < 2; i++) {
			((TinyIntVector) root.getVector("c")).setSafe(i, i);
			((TinyIntVector) struct.getChild("c")).setSafe(i, 1 - i);
			struct.setIndexDefined(i);
		}
		((NullVector) root.getVector("n")).setValueCount(2);
		root.setRowCount(2);
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (AnnotatedBatch batch = new AnnotatedBatch(root,
				new MapDictionaryProvider(new Dictionary(values, ENCODING)), BatchMetadata.empty());
				IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), SCHEMA, batch.dictionaries())) {
			for (int i = 0; i < batches; i++) {
				writer.write(batch);
			}
			writer.end();
		}
		return out.toByteArray();
	}

	private static final class Body implements HttpInputMessage {

		private final byte[] bytes;

		Body(byte[] bytes) {
			this.bytes = bytes;
		}

		@Override
		public InputStream getBody() {
			return new ByteArrayInputStream(this.bytes);
		}

		@Override
		public HttpHeaders getHeaders() {
			HttpHeaders headers = new HttpHeaders();
			headers.setContentType(ArrowStreamHttpMessageConverter.ARROW_STREAM);
			return headers;
		}

	}

}
