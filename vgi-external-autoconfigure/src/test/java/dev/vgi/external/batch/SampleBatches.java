package dev.vgi.external.batch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.BitVectorHelper;
import org.apache.arrow.vector.DecimalVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.FixedSizeBinaryVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.TimeStampMicroTZVector;
import org.apache.arrow.vector.TinyIntVector;
import org.apache.arrow.vector.UInt1Vector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.MapVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.complex.UnionVector;
import org.apache.arrow.vector.complex.impl.UnionListViewWriter;
import org.apache.arrow.vector.complex.impl.UnionListWriter;
import org.apache.arrow.vector.complex.impl.UnionMapWriter;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.holders.NullableFloat8Holder;
import org.apache.arrow.vector.holders.NullableIntHolder;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.IntervalUnit;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.Types;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/**
 * Batches of every layout the format has.
 */
public final class SampleBatches {

	static final ArrowType INT32 = new ArrowType.Int(32, true);

	static final ArrowType INT64 = new ArrowType.Int(64, true);

	static final ArrowType UTF8 = new ArrowType.Utf8();

	private SampleBatches() {
	}

	public static AnnotatedBatch numbers(BufferAllocator allocator, int rows) {
		BigIntVector vector = new BigIntVector("value", allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i * 3L);
		}
		return batch(rows, List.of(vector), BatchMetadata.of("k", "v"));
	}

	public static AnnotatedBatch flat(BufferAllocator allocator, int rows) {
		IntVector ints = new IntVector("ints", allocator);
		Float8Vector doubles = new Float8Vector(
				Field.notNullable("doubles", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE)), allocator);
		VarCharVector texts = new VarCharVector("texts", allocator);
		BitVector bits = new BitVector("bits", allocator);
		VarBinaryVector binaries = new VarBinaryVector("binaries", allocator);
		LargeVarCharVector largeTexts = new LargeVarCharVector("largeTexts", allocator);
		ViewVarCharVector views = new ViewVarCharVector("views", allocator);
		NullVector nulls = new NullVector("nulls");
		DecimalVector decimals = new DecimalVector("decimals", allocator, 20, 4);
		FixedSizeBinaryVector fixed = new FixedSizeBinaryVector("fixed", allocator, 5);
		TimeStampMicroTZVector times = new TimeStampMicroTZVector("times",
				FieldType.nullable(new ArrowType.Timestamp(TimeUnit.MICROSECOND, "UTC")), allocator);
		SmallIntVector noNulls = new SmallIntVector("noNulls", allocator);
		List<FieldVector> vectors = List.of(ints, doubles, texts, bits, binaries, largeTexts, views, nulls, decimals,
				fixed, times, noNulls);
		if (rows > 0) {
			vectors.forEach(FieldVector::allocateNew);
		}
		for (int i = 0; i < rows; i++) {
			doubles.setSafe(i, i / 7.0);
			noNulls.setSafe(i, i);
			if (i % 5 != 2) {
				ints.setSafe(i, i);
				texts.setSafe(i, utf8("text " + i));
				bits.setSafe(i, i & 1);
				binaries.setSafe(i, new byte[i % 40]);
				largeTexts.setSafe(i, utf8("Grüße " + i));
				views.setSafe(i, utf8("view".repeat(i % 9)));
				decimals.setSafe(i, i);
				fixed.setSafe(i, new byte[] { 1, 2, 3, 4, (byte) i });
				times.setSafe(i, i * 1_000_000L);
			}
		}
		return batch(rows, vectors, BatchMetadata.empty());
	}

	public static AnnotatedBatch nested(BufferAllocator allocator, int rows) {
		ListVector lists = ListVector.empty("lists", allocator);
		lists.addOrGetVector(FieldType.nullable(INT32));
		StructVector structs = StructVector.empty("structs", allocator);
		IntVector x = structs.addOrGet("x", FieldType.nullable(INT32), IntVector.class);
		VarCharVector label = structs.addOrGet("label", FieldType.nullable(UTF8), VarCharVector.class);
		FixedSizeListVector pairs = FixedSizeListVector.empty("pairs", 2, allocator);
		IntVector pairItems = (IntVector) pairs.addOrGetVector(FieldType.nullable(INT32)).getVector();
		MapVector maps = MapVector.empty("maps", allocator, false);
		UnionVector sparse = UnionVector.empty("sparse", allocator);
		DenseUnionVector dense = DenseUnionVector.empty("dense", allocator);
		LargeListVector largeLists = LargeListVector.empty("largeLists", allocator);
		largeLists.addOrGetVector(FieldType.nullable(INT64));
		ListViewVector listViews = ListViewVector.empty("listViews", allocator);
		listViews.addOrGetVector(FieldType.nullable(INT32));
		StructVector empties = StructVector.empty("empties", allocator);
		List<FieldVector> vectors = List.of(lists, structs, pairs, maps, sparse, dense, largeLists, listViews, empties);
		UnionMapWriter mapWriter = maps.getWriter();
		if (rows == 0) {
			// the key and value vectors come to be by writing
			mapWriter.setPosition(0);
			mapWriter.startMap();
			mapWriter.startEntry();
			mapWriter.key().varChar().writeVarChar("k");
			mapWriter.value().integer().writeInt(1);
			mapWriter.endEntry();
			mapWriter.endMap();
			maps.setValueCount(0);
			sparse.getIntVector();
			sparse.getFloat8Vector();
			// the stock writer leaves out the offsets of what was never allocated
			vectors.forEach(FieldVector::allocateNew);
			return batch(rows, vectors, BatchMetadata.empty());
		}
		vectors.forEach(FieldVector::allocateNew);
		UnionListWriter listWriter = lists.getWriter();
		UnionListViewWriter viewWriter = listViews.getWriter();
		byte intId = dense.registerNewTypeId(Field.nullable("i", INT32));
		byte doubleId = dense
			.registerNewTypeId(Field.nullable("d", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE)));
		int items = 0;
		for (int i = 0; i < rows; i++) {
			listWriter.setPosition(i);
			if (i % 4 != 3) {
				listWriter.startList();
				for (int j = 0; j < i % 4; j++) {
					listWriter.writeInt(i * 10 + j);
				}
				listWriter.endList();
				structs.setIndexDefined(i);
				x.setSafe(i, i);
				label.setSafe(i, utf8("label " + i));
				pairs.setNotNull(i);
				pairItems.setSafe(2 * i, i);
				pairItems.setSafe(2 * i + 1, -i);
				empties.setIndexDefined(i);
			}
			viewWriter.setPosition(i);
			viewWriter.startListView();
			viewWriter.writeInt(i);
			viewWriter.endListView();
			mapWriter.setPosition(i);
			mapWriter.startMap();
			mapWriter.startEntry();
			mapWriter.key().varChar().writeVarChar("key " + i);
			mapWriter.value().integer().writeInt(i);
			mapWriter.endEntry();
			mapWriter.endMap();
			NullableIntHolder number = new NullableIntHolder();
			number.isSet = 1;
			number.value = i;
			NullableFloat8Holder fraction = new NullableFloat8Holder();
			fraction.isSet = 1;
			fraction.value = i / 2.0;
			if (i % 2 == 0) {
				sparse.setType(i, Types.MinorType.INT);
				sparse.setSafe(i, number);
				dense.setTypeId(i, intId);
				dense.setSafe(i, number);
			}
			else {
				sparse.setType(i, Types.MinorType.FLOAT8);
				sparse.setSafe(i, fraction);
				dense.setTypeId(i, doubleId);
				dense.setSafe(i, fraction);
			}
			long start = largeLists.startNewValue(i);
			((BigIntVector) largeLists.getDataVector()).setSafe((int) start, i);
			largeLists.endValue(i, 1);
			items++;
		}
		((BigIntVector) largeLists.getDataVector()).setValueCount(items);
		return batch(rows, vectors, BatchMetadata.empty());
	}

	/**
	 * Return every temporal type, with values at both ends of what they can hold.
	 * @param allocator the owner
	 * @return the batch; the caller closes it
	 */
	public static AnnotatedBatch times(BufferAllocator allocator) {
		List<FieldVector> vectors = new ArrayList<>();
		List<ArrowType> types = new ArrayList<>();
		for (TimeUnit unit : TimeUnit.values()) {
			types.add(new ArrowType.Timestamp(unit, null));
			types.add(new ArrowType.Timestamp(unit, "Europe/Berlin"));
			types.add(new ArrowType.Duration(unit));
			types.add(new ArrowType.Time(unit, (unit.ordinal() < 2) ? 32 : 64));
		}
		for (IntervalUnit unit : IntervalUnit.values()) {
			types.add(new ArrowType.Interval(unit));
		}
		types.add(new ArrowType.Date(DateUnit.DAY));
		types.add(new ArrowType.Date(DateUnit.MILLISECOND));
		types.add(new ArrowType.Decimal(38, 10, 256));
		types.add(new ArrowType.FloatingPoint(FloatingPointPrecision.HALF));
		for (ArrowType type : types) {
			FieldVector vector = Field.nullable("c" + vectors.size(), type).createVector(allocator);
			((BaseFixedWidthVector) vector).allocateNew(4);
			vector.getDataBuffer().setZero(0, vector.getDataBuffer().capacity());
			for (int i = 0; i < 3; i++) {
				BitVectorHelper.setBit(vector.getValidityBuffer(), i);
				vector.getDataBuffer().setByte(2L * i, i);
			}
			vector.setValueCount(4);
			vectors.add(vector);
		}
		return batch(4, vectors, BatchMetadata.empty());
	}

	public static AnnotatedBatch runs(BufferAllocator allocator) {
		Field field = new Field("runs", FieldType.notNullable(new ArrowType.RunEndEncoded()),
				List.of(Field.notNullable("run_ends", INT32), Field.nullable("values", UTF8)));
		RunEndEncodedVector vector = new RunEndEncodedVector(field, allocator, null);
		vector.initializeChildrenFromFields(field.getChildren());
		IntVector ends = (IntVector) vector.getRunEndsVector();
		VarCharVector values = (VarCharVector) vector.getValuesVector();
		ends.setSafe(0, 2);
		ends.setSafe(1, 5);
		values.setSafe(0, utf8("two"));
		values.setSafe(1, utf8("three"));
		ends.setValueCount(2);
		values.setValueCount(2);
		vector.setValueCount(5);
		return batch(5, List.of(vector), BatchMetadata.empty());
	}

	/**
	 * Return dictionary columns: two that share one dictionary, one inside a list, one
	 * inside a struct.
	 * @param allocator the owner
	 * @param rows how many rows
	 * @return the batch; the caller closes it
	 */
	public static AnnotatedBatch dictionaries(BufferAllocator allocator, int rows) {
		DictionaryEncoding colors = new DictionaryEncoding(7, false, new ArrowType.Int(16, true));
		DictionaryEncoding cities = new DictionaryEncoding(3, true, new ArrowType.Int(8, false));
		DictionaryEncoding sizes = new DictionaryEncoding(11, false, null);
		MapDictionaryProvider provider = new MapDictionaryProvider();
		provider.put(new Dictionary(texts(allocator, "colors", "red", "green", "blue"), colors));
		provider.put(new Dictionary(texts(allocator, "cities", "Łódź", "Oslo"), cities));
		provider.put(new Dictionary(texts(allocator, "sizes", "S", "M", "L"), sizes));
		Field first = new Field("first", new FieldType(true, new ArrowType.Int(16, true), colors), null);
		Field second = new Field("second", new FieldType(true, new ArrowType.Int(16, true), colors), null);
		Field inList = new Field("inList", FieldType.nullable(new ArrowType.List()),
				List.of(new Field("item", new FieldType(true, new ArrowType.Int(8, false), cities), null)));
		Field inStruct = new Field("inStruct", FieldType.nullable(new ArrowType.Struct()),
				List.of(new Field("size", new FieldType(true, INT32, sizes), null)));
		SmallIntVector a = (SmallIntVector) first.createVector(allocator);
		SmallIntVector b = (SmallIntVector) second.createVector(allocator);
		ListVector list = (ListVector) inList.createVector(allocator);
		StructVector struct = (StructVector) inStruct.createVector(allocator);
		IntVector size = struct.getChild("size", IntVector.class);
		UInt1Vector items = (UInt1Vector) list.getDataVector();
		int item = 0;
		for (int i = 0; i < rows; i++) {
			a.setSafe(i, i % 3);
			if (i % 3 != 1) {
				b.setSafe(i, 2 - i % 3);
			}
			list.startNewValue(i);
			for (int j = 0; j < i % 3; j++) {
				items.setSafe(item++, (i + j) % 2);
			}
			list.endValue(i, i % 3);
			struct.setIndexDefined(i);
			size.setSafe(i, i % 3);
		}
		if (rows == 0) {
			list.allocateNew();
		}
		AnnotatedBatch batch = batch(rows, List.of(a, b, list, struct), BatchMetadata.of("n", "1"));
		return new AnnotatedBatch(batch.root(), provider, batch.metadata());
	}

	/**
	 * Return a column whose dictionary has a dictionary column itself.
	 * @param allocator the owner
	 * @return the batch; the caller closes it
	 */
	public static AnnotatedBatch nestedDictionaries(BufferAllocator allocator) {
		DictionaryEncoding inner = new DictionaryEncoding(40, false, new ArrowType.Int(32, true));
		DictionaryEncoding outer = new DictionaryEncoding(2, false, new ArrowType.Int(8, true));
		Field listField = new Field("outer", FieldType.nullable(new ArrowType.List()),
				List.of(new Field("item", new FieldType(true, INT32, inner), null)));
		ListVector list = (ListVector) listField.createVector(allocator);
		IntVector items = (IntVector) list.getDataVector();
		list.startNewValue(0);
		items.setSafe(0, 1);
		items.setSafe(1, 0);
		list.endValue(0, 2);
		list.startNewValue(1);
		list.endValue(1, 0);
		list.setValueCount(2);
		TinyIntVector column = (TinyIntVector) new Field("column",
				new FieldType(true, new ArrowType.Int(8, true), outer), null)
			.createVector(allocator);
		for (int i = 0; i < 4; i++) {
			column.setSafe(i, i % 2);
		}
		MapDictionaryProvider provider = new MapDictionaryProvider();
		provider.put(new Dictionary(texts(allocator, "inner", "a", "b"), inner));
		provider.put(new Dictionary(list, outer));
		AnnotatedBatch batch = batch(4, List.of(column), BatchMetadata.empty());
		return new AnnotatedBatch(batch.root(), provider, BatchMetadata.empty());
	}

	public static VarCharVector texts(BufferAllocator allocator, String name, String... texts) {
		VarCharVector vector = new VarCharVector(name, allocator);
		vector.allocateNew();
		for (int i = 0; i < texts.length; i++) {
			vector.setSafe(i, utf8(texts[i]));
		}
		vector.setValueCount(texts.length);
		return vector;
	}

	public static AnnotatedBatch batch(int rows, List<FieldVector> vectors, BatchMetadata metadata) {
		VectorSchemaRoot root = new VectorSchemaRoot(vectors);
		root.setRowCount(rows);
		return new AnnotatedBatch(root, new MapDictionaryProvider(), metadata);
	}

	static byte[] utf8(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	/**
	 * Read every value of a batch, those of its dictionaries included.
	 * @param batch the batch
	 * @return the values, column by column
	 */
	public static List<Object> values(AnnotatedBatch batch) {
		List<Object> columns = new ArrayList<>();
		batch.root().getFieldVectors().forEach((vector) -> columns.add(values(vector)));
		batch.dictionaries()
			.getDictionaryIds()
			.stream()
			.sorted()
			.forEach((id) -> columns.add(Map.of(id, values(batch.dictionaries().lookup(id).getVector()))));
		return columns;
	}

	private static List<String> values(FieldVector vector) {
		List<String> values = new ArrayList<>();
		for (int i = 0; i < vector.getValueCount(); i++) {
			Object value = vector.getObject(i);
			values.add((value instanceof byte[] bytes) ? Arrays.toString(bytes) : String.valueOf(value));
		}
		return values;
	}

	static AnnotatedBatch next(IpcStreamReader reader) {
		return Objects.requireNonNull(reader.next());
	}

	/**
	 * Write a stream of one batch.
	 * @param batch the batch; borrowed
	 * @param logs written before it
	 * @return the bytes
	 */
	public static byte[] stream(AnnotatedBatch batch, LogMessage... logs) {
		return bytes(IpcStreamWriter.gather(new OutputCycle(List.of(logs), batch)));
	}

	public static byte[] bytes(GatheredStream stream) {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (stream) {
			stream.writeTo(Channels.newChannel(out));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return out.toByteArray();
	}

	static ArrowBuf offHeap(BufferAllocator allocator, byte[] bytes) {
		ArrowBuf buffer = allocator.buffer(Math.max(1, bytes.length));
		buffer.setBytes(0, bytes);
		return buffer;
	}

}
