package dev.vgi.external.fuzz;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.rpc.mapping.RowMapping;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BaseLargeVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.StructVector;
import org.jspecify.annotations.Nullable;

import org.springframework.util.ReflectionUtils;

/**
 * Arguments of any type.
 */
final class Values {

	private Values() {
	}

	/**
	 * Write a row of zeros, of empty texts and of lists with two values.
	 * @param mapping its columns
	 * @param metadata the batch's metadata
	 * @param allocator the owner of its memory
	 * @return the batch; the caller closes it
	 */
	static AnnotatedBatch row(RowMapping mapping, BatchMetadata metadata, BufferAllocator allocator) {
		AnnotatedBatch batch = mapping.empty(metadata, allocator);
		VectorSchemaRoot root = batch.root();
		if (!root.getFieldVectors().isEmpty()) {
			root.getFieldVectors().forEach((vector) -> fill(vector, 1));
			root.setRowCount(1);
		}
		return batch;
	}

	private static void fill(FieldVector vector, int count) {
		vector.setInitialCapacity(Math.max(1, count));
		vector.allocateNew();
		if (vector instanceof ListVector list) {
			for (int i = 0; i < count; i++) {
				list.startNewValue(i);
				list.endValue(i, 2);
			}
			fill((FieldVector) list.getDataVector(), 2 * count);
			list.getDataVector().setValueCount(2 * count);
		}
		else if (vector instanceof StructVector struct) {
			for (int i = 0; i < count; i++) {
				struct.setIndexDefined(i);
			}
			struct.getChildrenFromFields().forEach((child) -> fill(child, count));
		}
		else {
			for (int i = 0; i < count; i++) {
				fillOne(vector, i);
			}
		}
		vector.setValueCount(count);
	}

	private static void fillOne(FieldVector vector, int index) {
		if (vector instanceof BaseFixedWidthVector fixed) {
			fixed.setIndexDefined(index);
		}
		else if (vector instanceof BaseVariableWidthVector texts) {
			texts.setSafe(index, new byte[] { 'A', 'B' }, 0, 2);
		}
		else if (vector instanceof BaseLargeVariableWidthVector texts) {
			texts.setSafe(index, new byte[] { 'A', 'B' }, 0, 2);
		}
	}

	/**
	 * Look at every value.
	 * @param values the values
	 */
	static void touch(@Nullable Object[] values) {
		text(values);
	}

	/**
	 * Show values, so that equal ones are shown alike.
	 * @param value the value
	 * @return the text
	 */
	static String text(@Nullable Object value) {
		if (value instanceof byte[] bytes) {
			return Arrays.toString(bytes);
		}
		if (value instanceof Object[] array) {
			return text(Arrays.asList(array));
		}
		if (value instanceof Set<?> set) {
			TreeSet<String> texts = new TreeSet<>();
			set.forEach((each) -> texts.add(text(each)));
			return texts.toString();
		}
		if (value instanceof Collection<?> list) {
			List<String> texts = new ArrayList<>();
			list.forEach((each) -> texts.add(text(each)));
			return texts.toString();
		}
		if (value instanceof Map<?, ?> map) {
			Map<String, String> texts = new HashMap<>();
			map.forEach((key, each) -> texts.put(text(key), text(each)));
			return texts.toString();
		}
		if (value instanceof AnnotatedBatch batch) {
			return batch.schema() + text(SampleBatches.values(batch));
		}
		if (value instanceof Record row) {
			return components(row).toString();
		}
		return String.valueOf(value);
	}

	private static List<String> components(Record row) {
		List<String> texts = new ArrayList<>();
		for (RecordComponent component : row.getClass().getRecordComponents()) {
			ReflectionUtils.makeAccessible(component.getAccessor());
			texts.add(text(ReflectionUtils.invokeMethod(component.getAccessor(), row)));
		}
		return texts;
	}

}
