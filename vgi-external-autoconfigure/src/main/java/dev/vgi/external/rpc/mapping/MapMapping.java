package dev.vgi.external.rpc.mapping;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.complex.MapVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.jspecify.annotations.Nullable;

/**
 * Maps, in the order of their entries. Values read are immutable.
 */
final class MapMapping extends ValueMapping {

	private final Slot key;

	private final Slot value;

	MapMapping(Slot key, Slot value) {
		super(new ArrowType.Map(false), MapVector.class);
		this.key = key;
		this.value = value;
	}

	@Override
	List<Field> children() {
		return List.of(new Field(MapVector.DATA_VECTOR_NAME, FieldType.notNullable(ArrowType.Struct.INSTANCE),
				List.of(this.key.mapping().field(MapVector.KEY_NAME, false),
						this.value.mapping().field(MapVector.VALUE_NAME, true))));
	}

	@Override
	boolean accepts(Field actual, DictionaryProvider dictionaries) {
		if (!(actual.getType() instanceof ArrowType.Map) || actual.getChildren().size() != 1) {
			return false;
		}
		List<Field> entry = actual.getChildren().get(0).getChildren();
		return entry.size() == 2 && this.key.mapping().accepts(entry.get(0), dictionaries)
				&& this.value.mapping().accepts(entry.get(1), dictionaries);
	}

	@Override
	void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
		MapVector map = (MapVector) vector;
		StructVector entries = (StructVector) map.getDataVector();
		Map<?, ?> values = (Map<?, ?>) value;
		int at = map.startNewValue(index);
		for (Map.Entry<?, ?> entry : values.entrySet()) {
			entries.setIndexDefined(at);
			this.key.write(child(entries, 0), at, entry.getKey(), writing);
			this.value.write(child(entries, 1), at, entry.getValue(), writing);
			at++;
		}
		map.endValue(index, values.size());
	}

	@Override
	void chargeHeap(FieldVector vector, int index, HeapMeter heap) {
		MapVector map = (MapVector) vector;
		long count = map.getElementEndIndex(index) - map.getElementStartIndex(index);
		// An entry and its slot in the table.
		heap.charge(HeapMeter.TEXT + count * 72);
	}

	@Override
	Object readPresent(FieldVector vector, int index, RowReading reading) {
		MapVector map = (MapVector) vector;
		StructVector entries = (StructVector) map.getDataVector();
		int end = map.getElementEndIndex(index);
		Map<@Nullable Object, @Nullable Object> values = new LinkedHashMap<>();
		for (int at = map.getElementStartIndex(index); at < end; at++) {
			values.put(this.key.read(child(entries, 0), at, reading), this.value.read(child(entries, 1), at, reading));
		}
		return Collections.unmodifiableMap(values);
	}

	private FieldVector child(StructVector entries, int ordinal) {
		return (FieldVector) entries.getChildByOrdinal(ordinal);
	}

}
