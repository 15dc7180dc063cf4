package dev.vgi.external.batch.segment;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.IntervalUnit;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Batches of all types whose values can be appended, with random bytes wherever the
 * format allows any: below nulls, after the last bit, before the first offset.
 */
final class RandomBatches {

	static final ArrowType INT32 = new ArrowType.Int(32, true);

	static final ArrowType UTF8 = new ArrowType.Utf8();

	private RandomBatches() {
	}

	static Schema schema() {
		List<Field> fields = new ArrayList<>();
		List<ArrowType> types = List.of(new ArrowType.Null(), new ArrowType.Bool(), new ArrowType.Int(8, true),
				new ArrowType.Int(16, false), INT32, new ArrowType.Int(64, true),
				new ArrowType.FloatingPoint(FloatingPointPrecision.HALF),
				new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE),
				new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE), new ArrowType.Decimal(30, 4, 128),
				new ArrowType.Decimal(60, 4, 256), new ArrowType.Date(DateUnit.DAY),
				new ArrowType.Date(DateUnit.MILLISECOND), new ArrowType.Time(TimeUnit.SECOND, 32),
				new ArrowType.Time(TimeUnit.NANOSECOND, 64), new ArrowType.Timestamp(TimeUnit.MICROSECOND, null),
				new ArrowType.Timestamp(TimeUnit.NANOSECOND, "Europe/Berlin"), new ArrowType.Duration(TimeUnit.SECOND),
				new ArrowType.Interval(IntervalUnit.YEAR_MONTH), new ArrowType.Interval(IntervalUnit.DAY_TIME),
				new ArrowType.Interval(IntervalUnit.MONTH_DAY_NANO), new ArrowType.FixedSizeBinary(5), UTF8,
				new ArrowType.Binary(), new ArrowType.LargeUtf8(), new ArrowType.LargeBinary());
		for (ArrowType type : types) {
			fields.add(Field.nullable("c" + fields.size(), type));
		}
		fields.add(list("lists", new ArrowType.List(), Field.nullable("item", INT32)));
		fields.add(list("lists of bits", new ArrowType.List(), Field.nullable("item", new ArrowType.Bool())));
		fields.add(list("large lists", new ArrowType.LargeList(), Field.nullable("item", UTF8)));
		fields.add(list("pairs", new ArrowType.FixedSizeList(2), Field.nullable("item", INT32)));
		fields.add(list("lists of lists", new ArrowType.List(), list("item", new ArrowType.LargeList(),
				list("item", new ArrowType.FixedSizeList(3), Field.nullable("item", new ArrowType.Bool())))));
		fields.add(list("structs", new ArrowType.Struct(), Field.nullable("x", INT32), Field.nullable("y", UTF8),
				Field.nullable("nothing", new ArrowType.Null()),
				list("z", new ArrowType.List(), Field.nullable("item", new ArrowType.Binary()))));
		fields.add(list("no members", new ArrowType.Struct()));
		fields.add(list("maps", new ArrowType.Map(false),
				new Field("entries", FieldType.notNullable(new ArrowType.Struct()),
						List.of(Field.notNullable("key", UTF8), Field.nullable("value", INT32)))));
		return new Schema(fields);
	}

	static Field list(String name, ArrowType type, Field... children) {
		return new Field(name, FieldType.nullable(type), List.of(children));
	}

	static AnnotatedBatch batch(Schema schema, int rows, Random random, BufferAllocator allocator) {
		List<FieldVector> vectors = new ArrayList<>();
		for (Field field : schema.getFields()) {
			FieldVector vector = field.createVector(allocator);
			fill(vector, field, rows, random, allocator);
			vectors.add(vector);
		}
		return new AnnotatedBatch(new VectorSchemaRoot(schema, vectors, rows), new MapDictionaryProvider(),
				BatchMetadata.empty());
	}

	static void fill(FieldVector vector, Field field, int rows, Random random, BufferAllocator allocator) {
		BufferKinds kinds = Objects.requireNonNull(BufferKinds.of(field));
		List<ArrowBuf> buffers = new ArrayList<>();
		if (kinds.validity()) {
			buffers.add(bytes((rows + 7) / 8, random, allocator));
		}
		int width = kinds.offsetWidth();
		long end = 0;
		if (width > 0) {
			ArrowBuf offsets = allocator.buffer((rows + 1L) * width);
			buffers.add(offsets);
			end = random.nextInt(5);
			for (long i = 0; i <= rows; i++) {
				if (width == Integer.BYTES) {
					offsets.setInt(i * width, (int) end);
				}
				else {
					offsets.setLong(i * width, end);
				}
				end += (i < rows) ? random.nextInt(4) : 0;
			}
		}
		if (kinds.isText()) {
			buffers.add(texts(end + random.nextInt(4), random, allocator));
		}
		else if (kinds.valueBits() > 0) {
			buffers.add(bytes(Math.toIntExact(((long) rows * kinds.valueBits() + 7) / 8), random, allocator));
		}
		vector.loadFieldBuffers(new ArrowFieldNode(rows, 0), buffers);
		buffers.forEach((buffer) -> buffer.getReferenceManager().release());
		for (int i = 0; i < field.getChildren().size(); i++) {
			int count = (int) kinds.element(rows, end) + ((width > 0) ? random.nextInt(4) : 0);
			fill(vector.getChildrenFromFields().get(i), field.getChildren().get(i), count, random, allocator);
		}
	}

	private static ArrowBuf texts(long size, Random random, BufferAllocator allocator) {
		ArrowBuf buffer = allocator.buffer(size);
		for (int i = 0; i < size; i++) {
			buffer.setByte(i, 'a' + random.nextInt(26));
		}
		return buffer;
	}

	private static ArrowBuf bytes(int size, Random random, BufferAllocator allocator) {
		byte[] bytes = new byte[size];
		random.nextBytes(bytes);
		ArrowBuf buffer = allocator.buffer(size);
		buffer.setBytes(0, bytes);
		return buffer;
	}

}
