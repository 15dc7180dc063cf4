package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BitVectorHelper;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.TinyIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.MapVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.complex.UnionVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link DictionaryDecoder}, with batches that were read.
 */
class DictionaryDecoderTests {

	private static final DictionaryEncoding WORDS = new DictionaryEncoding(5, false, new ArrowType.Int(8, true));

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void columnsListsAndStructsAreDecoded() {
		try (VectorSchemaRoot root = read(SampleBatches.dictionaries(this.allocator, 6)).decode(this.allocator)) {
			assertThat(values(root, "first")).containsExactly("red", "green", "blue", "red", "green", "blue");
			assertThat(values(root, "second")).containsExactly("blue", "null", "red", "blue", "null", "red");
			assertThat(values(root, "inList")).containsExactly("[]", "[\"Oslo\"]", "[\"Łódź\",\"Oslo\"]", "[]",
					"[\"Łódź\"]", "[\"Oslo\",\"Łódź\"]");
			assertThat(values(root, "inStruct")).startsWith("{\"size\":\"S\"}", "{\"size\":\"M\"}");
			assertThat(DictionaryDecoder.isEncoded(root.getSchema().getFields())).isFalse();
		}
	}

	@Test
	void dictionaryInsideADictionaryIsDecoded() {
		try (VectorSchemaRoot root = read(SampleBatches.nestedDictionaries(this.allocator)).decode(this.allocator)) {
			assertThat(values(root, "column")).containsExactly("[\"b\",\"a\"]", "[]", "[\"b\",\"a\"]", "[]");
			assertThat(root.getSchema().getFields())
				.containsExactly(new Field("column", FieldType.nullable(new ArrowType.List()),
						List.of(Field.nullable(ListVector.DATA_VECTOR_NAME, SampleBatches.UTF8))));
		}
	}

	@Test
	void batchWithoutIndicesIsHandedOver() {
		AnnotatedBatch batch = SampleBatches.flat(this.allocator, 3);
		VectorSchemaRoot root = batch.root();
		try (VectorSchemaRoot decoded = batch.decode(this.allocator)) {
			batch.close();
			assertThat(decoded).isSameAs(root);
			assertThat(decoded.getRowCount()).isEqualTo(3);
		}
	}

	@Test
	void mapsAreDecoded() {
		Field entries = new Field("entries", FieldType.notNullable(ArrowType.Struct.INSTANCE),
				List.of(Field.notNullable("key", SampleBatches.INT32), words("value", Map.of("k", "v"))));
		MapVector maps = (MapVector) new Field("c", FieldType.nullable(new ArrowType.Map(false)), List.of(entries))
			.createVector(this.allocator);
		StructVector entry = (StructVector) maps.getDataVector();
		for (int i = 0; i < 2; i++) {
			maps.startNewValue(i);
			entry.setIndexDefined(i);
			((IntVector) entry.getChild("key")).setSafe(i, i);
			((TinyIntVector) entry.getChild("value")).setSafe(i, 1 - i);
			maps.endValue(i, 1);
		}
		try (VectorSchemaRoot root = read(batch(maps, 2)).decode(this.allocator)) {
			assertThat(values(root, "c")).containsExactly("[{\"key\":0,\"value\":\"two\"}]",
					"[{\"key\":1,\"value\":\"one\"}]");
			Field value = root.getSchema().getFields().get(0).getChildren().get(0).getChildren().get(1);
			assertThat(value.getMetadata()).isEqualTo(Map.of("k", "v"));
		}
	}

	@Test
	void unionsAreDecoded() {
		try (VectorSchemaRoot root = read(batch(dense(), 2)).decode(this.allocator)) {
			assertThat(values(root, "c")).containsExactly("7", "two");
		}
		try (VectorSchemaRoot root = read(batch(sparse(SampleBatches.INT32), 2)).decode(this.allocator)) {
			assertThat(values(root, "c")).containsExactly("7", "two");
		}
	}

	@Test
	void unionWhoseMembersBecomeOneTypeIsRefused() {
		AnnotatedBatch batch = batch(sparse(SampleBatches.UTF8), 2);
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> batch.decode(this.allocator))
			.withMessageContaining("'c'")
			.withMessageContaining("AnnotatedBatch");
	}

	@Test
	void dictionaryOfUnionsOrRunsIsRefused() {
		for (FieldVector values : List.of(dense(), SampleBatches.runs(this.allocator).root().getVector(0))) {
			DictionaryEncoding encoding = new DictionaryEncoding(9, false, new ArrowType.Int(32, true));
			AnnotatedBatch made = batch(
					new IntVector("c", new FieldType(true, SampleBatches.INT32, encoding), this.allocator), 0);
			((MapDictionaryProvider) made.dictionaries()).put(new Dictionary(values, encoding));
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> made.decode(this.allocator))
				.withMessageContaining("'c'")
				.withMessageContaining("AnnotatedBatch");
		}
	}

	@Test
	void schemaThatSharesADictionaryOfOtherValuesIsRefused() {
		// each level uses the one below twice, and says only once what that is
		DictionaryEncoding inner = new DictionaryEncoding(1, false, WORDS.getIndexType());
		Field full = new Field("a", new FieldType(true, ArrowType.Struct.INSTANCE, inner),
				List.of(Field.nullable("x", SampleBatches.UTF8)));
		Field empty = new Field("b", new FieldType(true, ArrowType.Struct.INSTANCE, inner), List.of());
		byte[] message = new Schema(List.of(full, empty)).serializeAsMessage();
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(message), message.length,
				this.allocator)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::nextStream)
				.withMessageContaining("'b'");
		}
	}

	@Test
	void indexOutsideItsDictionaryIsRefusedAndNothingLeaks() {
		try (VectorSchemaRoot root = encoded(SampleBatches.texts(this.allocator, "words", "one", "two"), 1, 0)
			.decode(this.allocator)) {
			assertThat(values(root, "c")).containsExactly("two", "one");
		}
		AnnotatedBatch batch = encoded(SampleBatches.texts(this.allocator, "words", "one", "two"), 1, 2);
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> batch.decode(this.allocator))
			.withMessage("Column 'c' has an index outside its dictionary");
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void longTextsAreRepeated() {
		String text = "x".repeat(100_000);
		for (FieldVector words : List.of(SampleBatches.texts(this.allocator, "words", text),
				new LargeVarCharVector("words", this.allocator))) {
			if (words instanceof LargeVarCharVector large) {
				large.setSafe(0, SampleBatches.utf8(text));
				large.setValueCount(1);
			}
			try (VectorSchemaRoot root = encoded(words, 0, 0, 0).decode(this.allocator)) {
				assertThat(values(root, "c")).containsExactly(text, text, text);
			}
		}
	}

	@Test
	void textsThatBecomeLongerThan2GibibytesAreRefused() {
		int[] indices = new int[1 << 11];
		AnnotatedBatch batch = encoded(SampleBatches.texts(this.allocator, "words", "x".repeat(1 << 20)), indices);
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> batch.decode(this.allocator))
			.withMessageContaining("larger than 2 GiB");
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void firstListNeedNotBeginWithTheFirstElement() {
		for (FieldVector lists : List.of(ListVector.empty("lists", this.allocator),
				LargeListVector.empty("lists", this.allocator))) {
			IntVector items = (IntVector) ((lists instanceof ListVector list)
					? list.addOrGetVector(FieldType.nullable(SampleBatches.INT32))
					: ((LargeListVector) lists).addOrGetVector(FieldType.nullable(SampleBatches.INT32)))
				.getVector();
			lists.allocateNew();
			for (int i = 0; i < 4; i++) {
				items.setSafe(i, 10 + i);
			}
			items.setValueCount(4);
			for (int i = 0; i < 2; i++) {
				BitVectorHelper.setBit(lists.getValidityBuffer(), i);
			}
			if (lists instanceof ListVector list) {
				list.setLastSet(1);
				for (int i = 0; i < 3; i++) {
					list.getOffsetBuffer().setInt(4L * i, new int[] { 1, 2, 4 }[i]);
				}
			}
			else {
				((LargeListVector) lists).setLastSet(1);
				for (int i = 0; i < 3; i++) {
					lists.getOffsetBuffer().setLong(8L * i, new int[] { 1, 2, 4 }[i]);
				}
			}
			lists.setValueCount(2);
			try (VectorSchemaRoot root = encoded(lists, 1, 0, -1).decode(this.allocator)) {
				assertThat(values(root, "c")).containsExactly("[12,13]", "[11]", "null");
			}
		}
	}

	// a negative index stands for a null
	private AnnotatedBatch encoded(FieldVector values, int... indices) {
		DictionaryEncoding encoding = new DictionaryEncoding(9, false, new ArrowType.Int(32, true));
		IntVector column = new IntVector("c", new FieldType(true, SampleBatches.INT32, encoding), this.allocator);
		column.allocateNew(indices.length);
		for (int i = 0; i < indices.length; i++) {
			if (indices[i] >= 0) {
				column.set(i, indices[i]);
			}
		}
		AnnotatedBatch batch = batch(column, indices.length);
		((MapDictionaryProvider) batch.dictionaries()).put(new Dictionary(values, encoding));
		return batch;
	}

	private DenseUnionVector dense() {
		DenseUnionVector union = (DenseUnionVector) union(UnionMode.Dense, SampleBatches.INT32)
			.createVector(this.allocator);
		union.allocateNew();
		union.setTypeId(0, (byte) 0);
		union.setOffset(0, 0);
		union.setTypeId(1, (byte) 1);
		union.setOffset(1, 0);
		((IntVector) union.getChildrenFromFields().get(0)).setSafe(0, 7);
		((TinyIntVector) union.getChildrenFromFields().get(1)).setSafe(0, 1);
		union.setValueCount(2);
		return union;
	}

	private UnionVector sparse(ArrowType first) {
		UnionVector union = (UnionVector) union(UnionMode.Sparse, first).createVector(this.allocator);
		union.allocateNew();
		union.getTypeBuffer().setByte(0, 0);
		union.getTypeBuffer().setByte(1, 1);
		if (union.getChildrenFromFields().get(0) instanceof IntVector numbers) {
			numbers.setSafe(0, 7);
		}
		((TinyIntVector) union.getChildrenFromFields().get(1)).setSafe(1, 1);
		union.setValueCount(2);
		return union;
	}

	private static Field union(UnionMode mode, ArrowType first) {
		return new Field("c", FieldType.notNullable(new ArrowType.Union(mode, new int[] { 0, 1 })),
				List.of(Field.nullable("i", first), words("w", Map.of())));
	}

	private static Field words(String name, Map<String, String> metadata) {
		return new Field(name, new FieldType(true, WORDS.getIndexType(), WORDS, metadata), null);
	}

	// under the vector's declared field: a sparse union does not tell its own
	private AnnotatedBatch batch(FieldVector vector, int rows) {
		vector.setValueCount(rows);
		Field field = (vector instanceof UnionVector)
				? union(UnionMode.Sparse, vector.getChildrenFromFields().get(0).getField().getType())
				: vector.getField();
		MapDictionaryProvider dictionaries = new MapDictionaryProvider();
		dictionaries.put(new Dictionary(SampleBatches.texts(this.allocator, "words", "one", "two"), WORDS));
		return new AnnotatedBatch(new VectorSchemaRoot(new Schema(List.of(field)), List.of(vector), rows), dictionaries,
				BatchMetadata.empty());
	}

	private AnnotatedBatch read(AnnotatedBatch batch) {
		try (batch) {
			byte[] bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(batch)));
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
					this.allocator)) {
				assertThat(reader.nextStream()).isTrue();
				return SampleBatches.next(reader);
			}
		}
	}

	private static List<String> values(VectorSchemaRoot root, String name) {
		FieldVector vector = root.getVector(name);
		return IntStream.range(0, root.getRowCount()).mapToObj((i) -> String.valueOf(vector.getObject(i))).toList();
	}

}
