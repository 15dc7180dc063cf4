package dev.vgi.external.rpc.mapping;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * Lists and sets. Values read are immutable.
 */
final class ListMapping extends ValueMapping {

	private final Slot element;

	private final boolean set;

	ListMapping(Slot element, boolean set) {
		super(ArrowType.List.INSTANCE, ListVector.class);
		this.element = element;
		this.set = set;
	}

	@Override
	List<Field> children() {
		// Peers declare every element nullable.
		return List.of(this.element.mapping().field("item", true));
	}

	@Override
	boolean accepts(Field actual, DictionaryProvider dictionaries) {
		return super.accepts(actual, dictionaries) && actual.getChildren().size() == 1
				&& this.element.mapping().accepts(actual.getChildren().get(0), dictionaries);
	}

	@Override
	void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
		ListVector list = (ListVector) vector;
		Collection<?> elements = (Collection<?>) value;
		int at = list.startNewValue(index);
		for (Object each : elements) {
			this.element.write(list.getDataVector(), at++, each, writing);
		}
		list.endValue(index, elements.size());
	}

	@Override
	void chargeHeap(FieldVector vector, int index, HeapMeter heap) {
		ListVector list = (ListVector) vector;
		long count = list.getElementEndIndex(index) - list.getElementStartIndex(index);
		// A list grows by halves; a set has entries and is created from a list.
		heap.charge(HeapMeter.TEXT + count * (this.set ? 80 : 12));
	}

	@Override
	Object readPresent(FieldVector vector, int index, RowReading reading) {
		ListVector list = (ListVector) vector;
		int end = list.getElementEndIndex(index);
		List<@Nullable Object> elements = new ArrayList<>();
		for (int at = list.getElementStartIndex(index); at < end; at++) {
			elements.add(this.element.read(list.getDataVector(), at, reading));
		}
		if (!this.set) {
			return Collections.unmodifiableList(elements);
		}
		Set<@Nullable Object> distinct = new LinkedHashSet<>(elements);
		return Collections.unmodifiableSet(distinct);
	}

}
