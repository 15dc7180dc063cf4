package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.memory.util.hash.ArrowBufHasher;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarBinaryVector;
import org.apache.arrow.vector.ValueVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarBinaryVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.writer.FieldWriter;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.ExtensionTypeRegistry;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for columns of extension types and for dictionaries, over every storage type.
 */
class WrappedTypesTests {

	private static final ArrowType.Int INDEX = new ArrowType.Int(32, true);

	private static final ArrowType.ExtensionType WRAPPED = new Wrapped(ArrowType.Null.INSTANCE, 1);

	private final RootAllocator allocator = new RootAllocator();

	@BeforeAll
	static void register() {
		ExtensionTypeRegistry.register(WRAPPED);
	}

	@AfterAll
	static void unregister() {
		ExtensionTypeRegistry.unregister(WRAPPED);
	}

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	static Stream<Sample> samples() {
		return Stream.of(new Sample("flat", (allocator) -> SampleBatches.flat(allocator, 37)),
				new Sample("flat without rows", (allocator) -> SampleBatches.flat(allocator, 0)),
				new Sample("nested", (allocator) -> SampleBatches.nested(allocator, 23)),
				new Sample("nested without rows", (allocator) -> SampleBatches.nested(allocator, 0)),
				new Sample("views", WrappedTypesTests::views), new Sample("times", SampleBatches::times),
				new Sample("runs", SampleBatches::runs),
				new Sample("dictionaries", (allocator) -> SampleBatches.dictionaries(allocator, 12)));
	}

	@ParameterizedTest
	@MethodSource("samples")
	void extensionIsWrittenAsItsStorage(Sample sample) {
		roundTrip(sample, 1);
	}

	@ParameterizedTest
	@MethodSource("samples")
	void extensionOfAnExtensionIsWrittenAsTheInnermostStorage(Sample sample) {
		roundTrip(sample, 2);
	}

	private void roundTrip(Sample sample, int depth) {
		try (AnnotatedBatch plain = sample.make().apply(this.allocator).withMetadata(BatchMetadata.empty())) {
			byte[] expected = SampleBatches.bytes(IpcStreamWriter.gather(plain.schema(), List.of(plain)));
			AnnotatedBatch wrapped = wrapped(plain, depth, this.allocator);
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(wrapped.schema(), List.of(wrapped)));
			assertThat(withoutSchema(bytes)).isEqualTo(withoutSchema(expected));
			assertReads(bytes, wrapped, SampleBatches.values(plain));
		}
	}

	private static byte[] withoutSchema(byte[] stream) {
		int length = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN).getInt(Integer.BYTES);
		return Arrays.copyOfRange(stream, 2 * Integer.BYTES + length, stream.length);
	}

	@ParameterizedTest
	@MethodSource("samples")
	void batchWithoutRowsIsWrittenAsThatOfTheStorage(Sample sample) throws IOException {
		try (AnnotatedBatch plain = sample.make().apply(this.allocator)) {
			AnnotatedBatch wrapped = wrapped(plain, 2, this.allocator);
			ByteArrayOutputStream out = new ByteArrayOutputStream();
			try (IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), wrapped.schema(),
					wrapped.dictionaries())) {
				writer.writeEmpty(BatchMetadata.empty());
				writer.end();
			}
			try (IpcStreamReader reader = reader(out.toByteArray())) {
				assertThat(reader.nextStream()).isTrue();
				try (AnnotatedBatch read = SampleBatches.next(reader)) {
					assertThat(read.rowCount()).isZero();
				}
			}
		}
	}

	@ParameterizedTest
	@MethodSource("samples")
	void dictionaryHoldsValuesOfAnyType(Sample sample) {
		try (AnnotatedBatch encoded = encoded(sample.make().apply(this.allocator))) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(encoded.schema(), List.of(encoded)));
			assertReads(bytes, encoded, SampleBatches.values(encoded));
		}
	}

	@ParameterizedTest
	@MethodSource("decodable")
	void dictionaryOfAnyTypeIsDecoded(Sample sample) {
		List<Field> fields;
		List<List<@Nullable Object>> backwards = new ArrayList<>();
		try (AnnotatedBatch plain = sample.make().apply(this.allocator)) {
			fields = plain.schema().getFields();
			for (FieldVector vector : plain.root().getFieldVectors()) {
				List<@Nullable Object> values = values(vector);
				Collections.reverse(values);
				backwards.add(values);
			}
		}
		AnnotatedBatch encoded = encoded(sample.make().apply(this.allocator));
		try (VectorSchemaRoot decoded = encoded.decode(this.allocator)) {
			assertThat(decoded.getSchema().getFields()).extracting(Field::getType)
				.isEqualTo(fields.stream().map(Field::getType).toList());
			assertThat(decoded.getSchema().getFields()).extracting(Field::getName)
				.isEqualTo(fields.stream().map(Field::getName).toList());
			assertThat(decoded.getFieldVectors().stream().map(WrappedTypesTests::values).toList()).isEqualTo(backwards);
		}
	}

	@ParameterizedTest
	@MethodSource("decodable")
	void dictionaryOfExtensionsIsDecoded(Sample sample) {
		AnnotatedBatch plain = sample.make().apply(this.allocator);
		List<List<@Nullable Object>> backwards = new ArrayList<>();
		for (FieldVector vector : plain.root().getFieldVectors()) {
			List<@Nullable Object> values = values(vector);
			Collections.reverse(values);
			backwards.add(values);
		}
		AnnotatedBatch wrapped = wrapped(plain, 1, this.allocator);
		List<ArrowType> types = wrapped.schema().getFields().stream().map(Field::getType).toList();
		try (VectorSchemaRoot decoded = encoded(wrapped).decode(this.allocator)) {
			assertThat(decoded.getSchema().getFields()).extracting(Field::getType).isEqualTo(types);
			assertThat(decoded.getFieldVectors().stream().map(WrappedTypesTests::values).toList()).isEqualTo(backwards);
		}
	}

	static Stream<Sample> decodable() {
		Function<Sample, Sample> plain = (sample) -> new Sample(sample.name(),
				(allocator) -> without(sample.make().apply(allocator), "sparse", "dense"));
		return samples().filter((sample) -> !List.of("runs", "dictionaries").contains(sample.name())).map(plain);
	}

	private static AnnotatedBatch without(AnnotatedBatch batch, String... names) {
		List<FieldVector> vectors = new ArrayList<>();
		for (FieldVector vector : batch.root().getFieldVectors()) {
			if (List.of(names).contains(vector.getName())) {
				vector.close();
			}
			else {
				vectors.add(vector);
			}
		}
		return SampleBatches.batch(batch.rowCount(), vectors, batch.metadata());
	}

	private static List<@Nullable Object> values(FieldVector vector) {
		List<@Nullable Object> values = new ArrayList<>();
		for (int i = 0; i < vector.getValueCount(); i++) {
			Object value = vector.getObject(i);
			values.add((value instanceof byte[] bytes) ? Arrays.toString(bytes) : value);
		}
		return values;
	}

	@ParameterizedTest
	@MethodSource("samples")
	void streamWithoutBatchesIsABatchWithoutRows(Sample sample) throws IOException {
		try (AnnotatedBatch encoded = encoded(sample.make().apply(this.allocator))) {
			ByteArrayOutputStream out = new ByteArrayOutputStream();
			try (IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(out), encoded.schema(),
					encoded.dictionaries())) {
				writer.end();
			}
			try (IpcStreamReader reader = reader(out.toByteArray())) {
				assertThat(reader.nextStream()).isTrue();
				assertThat(reader.next()).isNull();
				AnnotatedBatch none = reader.zeroRows();
				Schema schema = reader.schema();
				reader.close();
				try (none) {
					assertThat(none.schema()).isEqualTo(schema);
					assertThat(none.rowCount()).isZero();
					assertThat(none.metadata().isEmpty()).isTrue();
					byte[] again = SampleBatches.bytes(IpcStreamWriter.gather(schema, List.of(none)));
					assertReads(again, none, SampleBatches.values(none));
				}
			}
		}
	}

	private void assertReads(byte[] bytes, AnnotatedBatch expected, List<Object> values) {
		try (IpcStreamReader reader = reader(bytes)) {
			assertThat(reader.nextStream()).isTrue();
			assertThat(reader.schema().getFields()).extracting(Field::getType)
				.isEqualTo(expected.schema().getFields().stream().map(Field::getType).toList());
			try (AnnotatedBatch read = SampleBatches.next(reader)) {
				assertThat(SampleBatches.values(read)).isEqualTo(values);
				assertThat(read.bufferSize()).isEqualTo(expected.bufferSize());
				assertThat(SampleBatches.bytes(IpcStreamWriter.gather(reader.schema(), List.of(read))))
					.isEqualTo(bytes);
			}
		}
	}

	private IpcStreamReader reader(byte[] bytes) {
		return IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, this.allocator);
	}

	// the vectors stay the batch's
	private static AnnotatedBatch wrapped(AnnotatedBatch batch, int depth, BufferAllocator allocator) {
		List<FieldVector> vectors = new ArrayList<>();
		for (FieldVector vector : batch.root().getFieldVectors()) {
			FieldVector wrapped = vector;
			for (int i = 1; i <= depth; i++) {
				Field storage = wrapped.getField();
				FieldType type = new FieldType(storage.isNullable(), new Wrapped(storage.getType(), i), null);
				wrapped = new WrappedVector(new Field(storage.getName(), type, storage.getChildren()), allocator,
						wrapped);
			}
			vectors.add((vector.getField().getDictionary() != null) ? vector : wrapped);
		}
		List<Field> fields = vectors.stream().map(FieldVector::getField).toList();
		return new AnnotatedBatch(new VectorSchemaRoot(fields, vectors, batch.rowCount()), batch.dictionaries(),
				BatchMetadata.empty());
	}

	// the columns become dictionaries whose values are used backwards
	private AnnotatedBatch encoded(AnnotatedBatch batch) {
		MapDictionaryProvider dictionaries = new MapDictionaryProvider();
		for (long id : batch.dictionaries().getDictionaryIds()) {
			dictionaries.put(Objects.requireNonNull(batch.dictionaries().lookup(id)));
		}
		List<FieldVector> columns = new ArrayList<>();
		int rows = batch.rowCount();
		for (FieldVector vector : batch.root().getFieldVectors()) {
			if (vector.getField().getDictionary() != null) {
				columns.add(vector);
				continue;
			}
			DictionaryEncoding encoding = new DictionaryEncoding(100 + columns.size(), false, INDEX);
			dictionaries.put(new Dictionary(vector, encoding));
			IntVector indices = new IntVector(vector.getName(), new FieldType(true, INDEX, encoding), this.allocator);
			for (int i = 0; i < rows; i++) {
				indices.setSafe(i, rows - 1 - i);
			}
			columns.add(indices);
		}
		AnnotatedBatch made = SampleBatches.batch(rows, columns, BatchMetadata.empty());
		return new AnnotatedBatch(made.root(), dictionaries, BatchMetadata.empty());
	}

	private static AnnotatedBatch views(BufferAllocator allocator) {
		ViewVarBinaryVector binaries = new ViewVarBinaryVector("binaries", allocator);
		LargeVarBinaryVector large = new LargeVarBinaryVector("large", allocator);
		LargeListViewVector lists = LargeListViewVector.empty("lists", allocator);
		lists.addOrGetVector(FieldType.nullable(SampleBatches.INT32));
		List<FieldVector> vectors = List.of(binaries, large, lists);
		vectors.forEach(FieldVector::allocateNew);
		IntVector items = (IntVector) lists.getDataVector();
		for (int i = 0; i < 50; i++) {
			if (i % 7 != 3) {
				binaries.setSafe(i, new byte[i]);
				large.setSafe(i, new byte[i]);
			}
			lists.startNewValue(i);
			items.setSafe(i, i);
			lists.endValue(i, 1);
		}
		items.setValueCount(50);
		return SampleBatches.batch(50, vectors, BatchMetadata.empty());
	}

	/**
	 * A batch to be made.
	 *
	 * @param name what it is
	 * @param make makes it
	 */
	record Sample(String name, Function<BufferAllocator, AnnotatedBatch> make) {

		@Override
		public String toString() {
			return this.name;
		}

	}

	/**
	 * A type that says nothing about its values.
	 */
	private static final class Wrapped extends ArrowType.ExtensionType {

		private final ArrowType storage;

		private final int depth;

		Wrapped(ArrowType storage, int depth) {
			this.storage = storage;
			this.depth = depth;
		}

		@Override
		public ArrowType storageType() {
			return this.storage;
		}

		@Override
		public String extensionName() {
			return "test.wrapped";
		}

		@Override
		public boolean extensionEquals(ExtensionType other) {
			return other instanceof Wrapped wrapped && this.storage.equals(wrapped.storage);
		}

		@Override
		public String serialize() {
			return String.valueOf(this.depth);
		}

		@Override
		public ArrowType deserialize(ArrowType storageType, String data) {
			ArrowType type = storageType;
			for (int i = 1; i <= Integer.parseInt(data); i++) {
				type = new Wrapped(type, i);
			}
			return type;
		}

		@Override
		public FieldVector getNewVector(String name, FieldType fieldType, BufferAllocator allocator) {
			FieldType inner = new FieldType(fieldType.isNullable(), this.storage, null);
			return new WrappedVector(new Field(name, fieldType, null), allocator,
					inner.createNewSingleVector(name, allocator, null));
		}

		@Override
		public FieldWriter getNewFieldWriter(ValueVector vector) {
			throw new UnsupportedOperationException();
		}

	}

	/**
	 * A vector of such a type.
	 */
	private static final class WrappedVector extends ExtensionTypeVector<FieldVector> {

		private final Field field;

		WrappedVector(Field field, BufferAllocator allocator, FieldVector storage) {
			super(field, allocator, storage);
			this.field = field;
		}

		@Override
		public Field getField() {
			return new Field(this.field.getName(), this.field.getFieldType(),
					getUnderlyingVector().getField().getChildren());
		}

		@Override
		public Object getObject(int index) {
			return getUnderlyingVector().getObject(index);
		}

		@Override
		public int hashCode(int index) {
			return getUnderlyingVector().hashCode(index);
		}

		@Override
		public int hashCode(int index, ArrowBufHasher hasher) {
			return getUnderlyingVector().hashCode(index, hasher);
		}

	}

}
