package dev.vgi.external.batch;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;

import dev.vgi.external.memory.RequestMemory;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.BaseLargeVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.BitVectorHelper;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.Types;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Replaces the indices of one batch by values, at every depth. Everything else keeps its
 * memory. Arrow's own decoder handles top-level columns only, names them after the
 * dictionary, and copies nested values through writers that do not support every type.
 * Used once.
 */
final class DictionaryDecoder implements AutoCloseable {

	private final DictionaryProvider dictionaries;

	private final BufferAllocator allocator;

	/** The values of those dictionaries that contain indices themselves. */
	private final Map<Long, FieldVector> decoded = new HashMap<>();

	/** Asked before anything is created. */
	private final LongConsumer creating;

	/** Charged for positions. */
	private long charged;

	/**
	 * Create a decoder.
	 * @param dictionaries the batch's dictionaries; borrowed
	 * @param allocator the owner of the values
	 * @param creating receives how many bytes are about to be created; throws to refuse
	 */
	DictionaryDecoder(DictionaryProvider dictionaries, BufferAllocator allocator, LongConsumer creating) {
		this.dictionaries = dictionaries;
		this.allocator = allocator;
		this.creating = creating;
	}

	/**
	 * Return whether there are indices at any depth.
	 * @param fields the fields in memory format
	 * @return {@code false} if there is nothing to decode
	 */
	static boolean isEncoded(List<Field> fields) {
		return fields.stream().anyMatch((field) -> field.getDictionary() != null || isEncoded(field.getChildren()));
	}

	/**
	 * Decode a batch.
	 * @param root its vectors; borrowed
	 * @return vectors that share memory with them; the caller closes them
	 */
	VectorSchemaRoot decode(VectorSchemaRoot root) {
		Schema schema = root.getSchema();
		List<Field> fields = decoded(schema.getFields(), false);
		List<FieldVector> vectors = new ArrayList<>();
		try {
			for (int i = 0; i < fields.size(); i++) {
				FieldVector vector = fields.get(i).createVector(this.allocator);
				vectors.add(vector);
				decode(schema.getFields().get(i), root.getVector(i), vector);
				discharge();
			}
			return new VectorSchemaRoot(new Schema(fields, schema.getCustomMetadata()), vectors, root.getRowCount());
		}
		catch (RuntimeException ex) {
			vectors.forEach(FieldVector::close);
			throw ex;
		}
	}

	private List<Field> decoded(List<Field> fields, boolean inDictionary) {
		List<Field> decoded = new ArrayList<>();
		for (Field field : fields) {
			DictionaryEncoding encoding = field.getDictionary();
			Field values = (encoding != null) ? dictionary(encoding).getVector().getField() : field;
			boolean picked = inDictionary || encoding != null;
			List<Field> children = decoded(values.getChildren(), picked);
			checkType(field, values.getType(), children, picked);
			decoded.add(new Field(field.getName(),
					new FieldType(field.isNullable(), values.getType(), null, field.getMetadata()), children));
		}
		return decoded;
	}

	private static void checkType(Field field, ArrowType type, List<Field> children, boolean picked) {
		ArrowType storage = type;
		while (storage instanceof ArrowType.ExtensionType extension) {
			storage = extension.storageType();
		}
		if (picked && (storage instanceof ArrowType.Union || storage instanceof ArrowType.RunEndEncoded)) {
			throw refused(field, "has a dictionary of unions or runs");
		}
		if (storage instanceof ArrowType.Union union && union.getMode() == UnionMode.Sparse) {
			// Arrow's vector has one member of each type
			Set<Types.MinorType> types = EnumSet.noneOf(Types.MinorType.class);
			for (Field child : children) {
				if (!types.add(Types.getMinorTypeForArrowType(child.getType()))) {
					throw refused(field, "is a union that has two members of one type once it is decoded");
				}
			}
		}
	}

	private static CorruptStreamException refused(Field field, String problem) {
		return new CorruptStreamException(
				"Column '" + field.getName() + "' " + problem + ": only an AnnotatedBatch can hold it");
	}

	private Dictionary dictionary(DictionaryEncoding encoding) {
		Dictionary dictionary = this.dictionaries.lookup(encoding.getId());
		if (dictionary == null) {
			throw new CorruptStreamException("There is no dictionary " + encoding.getId());
		}
		return dictionary;
	}

	private FieldVector values(DictionaryEncoding encoding) {
		FieldVector vector = dictionary(encoding).getVector();
		Field field = vector.getField();
		if (!isEncoded(field.getChildren())) {
			return vector;
		}
		FieldVector values = this.decoded.get(encoding.getId());
		if (values == null) {
			values = decoded(List.of(field), true).get(0).createVector(this.allocator);
			this.decoded.put(encoding.getId(), values);
			decode(field, vector, values);
		}
		return values;
	}

	private void decode(Field field, FieldVector from, FieldVector to) {
		if (field.getDictionary() != null) {
			FieldVector values = values(field.getDictionary());
			take(values, positions(field, from, values.getValueCount()), to);
			return;
		}
		to.loadFieldBuffers(new ArrowFieldNode(from.getValueCount(), 0), from.getFieldBuffers());
		List<FieldVector> children = from.getChildrenFromFields();
		for (int i = 0; i < children.size(); i++) {
			decode(field.getChildren().get(i), children.get(i), to.getChildrenFromFields().get(i));
		}
	}

	private int[] positions(Field field, FieldVector indices, int size) {
		int[] positions = newPositions(indices.getValueCount());
		for (int i = 0; i < positions.length; i++) {
			long index = indices.isNull(i) ? -1 : ((BaseIntVector) indices).getValueAsLong(i);
			if (index >= size) {
				throw new CorruptStreamException(
						"Column '" + field.getName() + "' has an index outside its dictionary");
			}
			positions[i] = (int) index;
		}
		return positions;
	}

	private int[] newPositions(long count) {
		if (count > Integer.MAX_VALUE - Long.BYTES) {
			throw tooLarge();
		}
		this.creating.accept(count * Integer.BYTES);
		RequestMemory.charge(this.allocator, count * Integer.BYTES);
		this.charged += count * Integer.BYTES;
		return new int[(int) count];
	}

	private static CorruptStreamException tooLarge() {
		return new CorruptStreamException("A dictionary column is larger than 2 GiB once it is decoded");
	}

	/**
	 * Copy values.
	 * @param from the source
	 * @param positions positions in the source, or -1 for a null
	 * @param to an empty vector of the same type
	 */
	private void take(FieldVector from, int[] positions, FieldVector to) {
		if (from instanceof ExtensionTypeVector<?> extension) {
			take(storage(extension), positions, storage((ExtensionTypeVector<?>) to));
		}
		else if (from instanceof NullVector) {
			to.setValueCount(positions.length);
		}
		else if (from instanceof BaseFixedWidthVector values) {
			this.creating.accept((long) values.getTypeWidth() * positions.length);
			((BaseFixedWidthVector) to).allocateNew(positions.length);
			copy(from, positions, to);
		}
		else if (from instanceof BaseVariableWidthVector texts) {
			long size = 0;
			for (int position : positions) {
				size += (position >= 0) ? texts.getValueLength(position) : 0;
			}
			if (size > Integer.MAX_VALUE) {
				throw tooLarge();
			}
			this.creating.accept(size);
			((BaseVariableWidthVector) to).allocateNew(size, positions.length);
			copy(from, positions, to);
		}
		else if (from instanceof BaseLargeVariableWidthVector texts) {
			long size = 0;
			for (int position : positions) {
				size += (position >= 0) ? texts.getValueLength(position) : 0;
			}
			this.creating.accept(size);
			((BaseLargeVariableWidthVector) to).allocateNew(size, positions.length);
			copy(from, positions, to);
		}
		else if (from instanceof BaseVariableWidthViewVector) {
			List<ArrowBuf> buffers = from.getFieldBuffers();
			load(to, from, positions, List.of(BaseVariableWidthViewVector.ELEMENT_SIZE),
					buffers.subList(2, buffers.size()));
		}
		else if (from instanceof StructVector) {
			load(to, from, positions, List.of(), List.of());
			for (int i = 0; i < from.getChildrenFromFields().size(); i++) {
				take(from.getChildrenFromFields().get(i), positions, to.getChildrenFromFields().get(i));
			}
		}
		else if (from instanceof ListViewVector || from instanceof LargeListViewVector) {
			int width = (from instanceof ListViewVector) ? Integer.BYTES : Long.BYTES;
			load(to, from, positions, List.of(width, width), List.of());
			ReaderDictionary.share(from.getChildrenFromFields().get(0), to.getChildrenFromFields().get(0));
		}
		else if (from instanceof ListVector || from instanceof LargeListVector || from instanceof FixedSizeListVector) {
			takeLists(from, positions, to);
		}
		else {
			throw new CorruptStreamException("A dictionary has values of the type " + from.getField().getType()
					+ ", which cannot be decoded here");
		}
	}

	private static FieldVector storage(ExtensionTypeVector<?> vector) {
		return (FieldVector) vector.getUnderlyingVector();
	}

	private static void copy(FieldVector from, int[] positions, FieldVector to) {
		for (int i = 0; i < positions.length; i++) {
			if (positions[i] >= 0) {
				to.copyFrom(positions[i], i, from);
			}
		}
		to.setValueCount(positions.length);
	}

	// copies validity and fixed-width elements selectively, shares all further buffers
	private void load(FieldVector to, FieldVector from, int[] positions, List<Integer> widths, List<ArrowBuf> shared) {
		List<ArrowBuf> buffers = new ArrayList<>();
		try {
			ArrowBuf validity = zeros(buffers, BitVectorHelper.getValidityBufferSizeFromCount(positions.length));
			for (int width : widths) {
				zeros(buffers, (long) width * positions.length);
			}
			for (int i = 0; i < positions.length; i++) {
				if (positions[i] >= 0 && !from.isNull(positions[i])) {
					BitVectorHelper.setBit(validity, i);
					for (int j = 0; j < widths.size(); j++) {
						long width = widths.get(j);
						buffers.get(j + 1)
							.setBytes(i * width, from.getFieldBuffers().get(j + 1), positions[i] * width, width);
					}
				}
			}
			load(to, positions.length, buffers, shared);
		}
		finally {
			buffers.forEach((buffer) -> buffer.getReferenceManager().release());
		}
	}

	private static void load(FieldVector to, int count, List<ArrowBuf> own, List<ArrowBuf> shared) {
		List<ArrowBuf> buffers = new ArrayList<>(own);
		buffers.addAll(shared);
		to.loadFieldBuffers(new ArrowFieldNode(count, 0), buffers);
	}

	private ArrowBuf zeros(List<ArrowBuf> buffers, long size) {
		this.creating.accept(size);
		ArrowBuf buffer = this.allocator.buffer(size);
		buffers.add(buffer);
		buffer.setZero(0, buffer.capacity());
		return buffer;
	}

	private void takeLists(FieldVector from, int[] positions, FieldVector to) {
		long count = 0;
		for (int position : positions) {
			count += length(from, position);
		}
		int[] elements = newPositions(count);
		int width = (from instanceof FixedSizeListVector) ? 0
				: (from instanceof ListVector) ? Integer.BYTES : Long.BYTES;
		List<ArrowBuf> offsets = new ArrayList<>();
		try {
			if (width > 0) {
				zeros(offsets, (positions.length + 1L) * width);
			}
			int next = 0;
			for (int i = 0; i < positions.length; i++) {
				int length = (int) length(from, positions[i]);
				long start = start(from, positions[i]);
				for (int j = 0; j < length; j++) {
					elements[next++] = (positions[i] >= 0) ? (int) (start + j) : -1;
				}
				if (width == Integer.BYTES) {
					offsets.get(0).setInt((i + 1L) * width, next);
				}
				else if (width == Long.BYTES) {
					offsets.get(0).setLong((i + 1L) * width, next);
				}
			}
			load(to, from, positions, List.of(), offsets);
		}
		finally {
			offsets.forEach((buffer) -> buffer.getReferenceManager().release());
		}
		take(from.getChildrenFromFields().get(0), elements, to.getChildrenFromFields().get(0));
	}

	private static long length(FieldVector lists, int position) {
		if (lists instanceof FixedSizeListVector list) {
			return list.getListSize();
		}
		return (position < 0 || lists.isNull(position)) ? 0 : start(lists, position + 1) - start(lists, position);
	}

	private static long start(FieldVector lists, int position) {
		if (position < 0) {
			return 0;
		}
		if (lists instanceof FixedSizeListVector list) {
			return (long) list.getListSize() * position;
		}
		return (lists instanceof ListVector list) ? list.getOffsetBuffer().getInt((long) position * Integer.BYTES)
				: lists.getOffsetBuffer().getLong((long) position * Long.BYTES);
	}

	private void discharge() {
		RequestMemory.discharge(this.allocator, this.charged);
		this.charged = 0;
	}

	/**
	 * Free intermediate results.
	 */
	@Override
	public void close() {
		this.decoded.values().forEach(FieldVector::close);
		discharge();
	}

}
