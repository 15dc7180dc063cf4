package dev.vgi.external.rpc.method;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;

import org.springframework.util.Assert;

/**
 * The columns that all batches of a stream share.
 */
public final class StreamShape {

	private StreamShape() {
	}

	/**
	 * Create a batch without rows.
	 * @param schema in message format: a dictionary column has the type of its values
	 * @param allocator the owner of its memory
	 * @return the batch, with empty dictionaries; the caller closes it
	 */
	public static AnnotatedBatch empty(Schema schema, BufferAllocator allocator) {
		Map<Long, Dictionary> dictionaries = new HashMap<>();
		List<Field> fields = new ArrayList<>();
		for (Field field : schema.getFields()) {
			fields.add(DictionaryUtility.toMemoryFormat(field, allocator, dictionaries));
		}
		MapDictionaryProvider provider = new MapDictionaryProvider();
		dictionaries.values().forEach(provider::put);
		Schema memory = new Schema(fields, schema.getCustomMetadata());
		return new AnnotatedBatch(VectorSchemaRoot.create(memory, allocator), provider, BatchMetadata.empty());
	}

	/**
	 * Give a batch exactly the declared fields: receivers compare the nullability of a
	 * stored stream with that of the response.
	 * @param batch taken over, also on failure
	 * @param shape a batch of the declared fields; borrowed
	 * @param metadata the metadata of the result
	 * @return the same values under the declared fields; the caller closes it
	 * @throws IllegalStateException if the columns have other names or types
	 */
	public static AnnotatedBatch conform(AnnotatedBatch batch, AnnotatedBatch shape, BatchMetadata metadata) {
		Schema declared = shape.schema();
		if (batch.schema().equals(declared)) {
			return batch.withMetadata(metadata);
		}
		boolean conforms = sameColumns(declared.getFields(), batch.schema().getFields());
		if (!conforms) {
			batch.close();
		}
		Assert.state(conforms, () -> "The stream declares the columns " + declared.getFields()
				+ " but its turn emitted " + batch.schema().getFields());
		AnnotatedBatch owner = batch.withMetadata(metadata);
		return new AnnotatedBatch(
				new VectorSchemaRoot(declared, owner.root().getFieldVectors(), owner.root().getRowCount()),
				owner.dictionaries(), metadata);
	}

	private static boolean sameColumns(List<Field> declared, List<Field> actual) {
		if (declared.size() != actual.size()) {
			return false;
		}
		for (int i = 0; i < declared.size(); i++) {
			if (!declared.get(i).getName().equals(actual.get(i).getName())
					|| !sameType(declared.get(i), actual.get(i))) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Compare types. Ignores nullability and the names of a list's or map's children,
	 * which differ between Arrow libraries.
	 * @param declared the declared field in memory format
	 * @param actual the other field in memory format
	 * @return whether vectors of the two fields are interchangeable
	 */
	public static boolean sameType(Field declared, Field actual) {
		List<Field> left = declared.getChildren();
		List<Field> right = actual.getChildren();
		if (!declared.getType().equals(actual.getType())
				|| (declared.getDictionary() == null) != (actual.getDictionary() == null)
				|| left.size() != right.size()) {
			return false;
		}
		if (declared.getType() instanceof ArrowType.Struct) {
			return sameColumns(left, right);
		}
		for (int i = 0; i < left.size(); i++) {
			if (!sameType(left.get(i), right.get(i))) {
				return false;
			}
		}
		return true;
	}

}
