package dev.vgi.external.rpc.mapping;

import java.util.ArrayList;
import java.util.List;

import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * A record inside another record, a list or a map.
 */
final class StructMapping extends ValueMapping {

	private final RecordBinding binding;

	private final List<String> names;

	private final List<Slot> slots;

	StructMapping(RecordBinding binding, List<String> names, List<Slot> slots) {
		super(ArrowType.Struct.INSTANCE, StructVector.class);
		this.binding = binding;
		this.names = names;
		this.slots = slots;
	}

	@Override
	List<Field> children() {
		List<Field> children = new ArrayList<>();
		for (int i = 0; i < this.names.size(); i++) {
			children.add(this.slots.get(i).field(this.names.get(i)));
		}
		return children;
	}

	@Override
	boolean accepts(Field actual, DictionaryProvider dictionaries) {
		List<Field> children = actual.getChildren();
		if (!super.accepts(actual, dictionaries) || children.size() != this.names.size()) {
			return false;
		}
		for (int i = 0; i < this.names.size(); i++) {
			if (!children.get(i).getName().equals(this.names.get(i))
					|| !this.slots.get(i).mapping().accepts(children.get(i), dictionaries)) {
				return false;
			}
		}
		return true;
	}

	@Override
	void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
		StructVector struct = (StructVector) vector;
		struct.setIndexDefined(index);
		for (int i = 0; i < this.slots.size(); i++) {
			FieldVector child = (FieldVector) struct.getChildByOrdinal(i);
			RowMapping.writeNamed(this.slots.get(i), this.names.get(i), child, index, this.binding.get(value, i),
					writing);
		}
	}

	@Override
	void chargeHeap(FieldVector vector, int index, HeapMeter heap) {
		heap.charge(HeapMeter.OBJECT + (long) Long.BYTES * this.slots.size());
	}

	@Override
	Object readPresent(FieldVector vector, int index, RowReading reading) {
		StructVector struct = (StructVector) vector;
		@Nullable Object[] values = new @Nullable Object[this.slots.size()];
		for (int i = 0; i < values.length; i++) {
			FieldVector child = struct.getChild(this.names.get(i));
			values[i] = RowMapping.readNamed(this.slots.get(i), this.names.get(i), child, index, reading);
		}
		return this.binding.create(values);
	}

}
