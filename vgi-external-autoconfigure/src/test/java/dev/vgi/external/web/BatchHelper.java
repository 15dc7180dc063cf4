package dev.vgi.external.web;

import java.util.List;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Makes pointers by hand.
 */
final class BatchHelper {

	private BatchHelper() {
	}

	static void withPointer(BufferAllocator allocator, String location, Consumer<AnnotatedBatch> use) {
		Schema schema = new Schema(List.of(Field.nullable("n", new ArrowType.Int(64, true))));
		try (AnnotatedBatch pointer = AnnotatedBatch.empty(schema, BatchMetadata.of(MetadataKeys.LOCATION, location),
				allocator)) {
			use.accept(pointer);
		}
	}

}
