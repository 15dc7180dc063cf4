package dev.vgi.external.rpc.mapping;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.location.SchemaMismatchException;
import dev.vgi.external.rpc.mapping.RowWriting.DictionarySeed;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Named values and the one-row batch that holds them: a method's parameters, its result,
 * or a record that is sent as a stream of its own. Immutable.
 */
public final class RowMapping {

	private final List<String> names;

	private final List<Slot> slots;

	private final List<DictionarySeed> dictionaries;

	private final Schema schema;

	RowMapping(List<String> names, List<Slot> slots, List<DictionarySeed> dictionaries) {
		this.names = List.copyOf(names);
		this.slots = List.copyOf(slots);
		this.dictionaries = List.copyOf(dictionaries);
		List<Field> fields = new ArrayList<>();
		for (int i = 0; i < this.names.size(); i++) {
			fields.add(this.slots.get(i).field(this.names.get(i)));
		}
		this.schema = new Schema(fields);
	}

	/**
	 * Return the mapping without columns, which writes no row.
	 * @return the mapping
	 */
	public static RowMapping none() {
		return new RowMapping(List.of(), List.of(), List.of());
	}

	/**
	 * Return the schema in memory format.
	 * @return the schema
	 */
	public Schema schema() {
		return this.schema;
	}

	/**
	 * Return the schema in message format: a dictionary column has the type of its
	 * values.
	 * @return the schema as peers see it
	 */
	public Schema wireSchema() {
		return new Schema(this.schema.getFields().stream().map(RowMapping::wireField).toList());
	}

	private static Field wireField(Field field) {
		// All dictionaries of ours hold text.
		ArrowType type = (field.getDictionary() != null) ? ArrowType.Utf8.INSTANCE : field.getType();
		return new Field(field.getName(), new FieldType(field.isNullable(), type, field.getDictionary()),
				field.getChildren().stream().map(RowMapping::wireField).toList());
	}

	/**
	 * Write values as one row, or no row if there are no columns.
	 * @param values one per column
	 * @param metadata the batch's metadata
	 * @param allocator the owner of the batch's memory
	 * @param embedded receives the embedded batches among the values, which are borrowed
	 * @return the batch; the caller closes it
	 * @throws IllegalArgumentException if a value does not fit, naming its column
	 */
	public AnnotatedBatch write(@Nullable Object[] values, BatchMetadata metadata, BufferAllocator allocator,
			Consumer<AutoCloseable> embedded) {
		VectorSchemaRoot root = VectorSchemaRoot.create(this.schema, allocator);
		try {
			RowWriting writing = new RowWriting(this.dictionaries, allocator, embedded);
			for (int i = 0; i < this.slots.size(); i++) {
				FieldVector vector = root.getVector(i);
				vector.setInitialCapacity(1);
				vector.allocateNew();
				writeNamed(this.slots.get(i), this.names.get(i), vector, 0, values[i], writing);
			}
			root.setRowCount(this.slots.isEmpty() ? 0 : 1);
			return new AnnotatedBatch(root, writing.dictionaries(this.dictionaries), metadata);
		}
		catch (RuntimeException | Error ex) {
			root.close();
			throw ex;
		}
	}

	/**
	 * Create a batch of this schema without rows.
	 * @param metadata the batch's metadata
	 * @param allocator the owner of the batch's memory
	 * @return the batch; the caller closes it
	 */
	public AnnotatedBatch empty(BatchMetadata metadata, BufferAllocator allocator) {
		VectorSchemaRoot root = VectorSchemaRoot.create(this.schema, allocator);
		try {
			root.allocateNew();
			root.setRowCount(0);
			RowWriting writing = new RowWriting(this.dictionaries, allocator, (batch) -> {
			});
			return new AnnotatedBatch(root, writing.dictionaries(this.dictionaries), metadata);
		}
		catch (RuntimeException | Error ex) {
			root.close();
			throw ex;
		}
	}

	/**
	 * Check that a peer's batch has exactly these columns and one row.
	 * @param batch borrowed
	 * @throws SchemaMismatchException if it has not, saying where
	 */
	public void check(AnnotatedBatch batch) {
		checkColumns(batch);
		if (!this.names.isEmpty() && batch.rowCount() != 1) {
			throw ValueMapping.mismatch("expected 1 row but found " + batch.rowCount());
		}
	}

	/**
	 * Check that a peer's batch has exactly these columns.
	 * @param batch borrowed
	 * @throws SchemaMismatchException if it has not, saying where
	 */
	public void checkColumns(AnnotatedBatch batch) {
		List<Field> actual = batch.schema().getFields();
		if (actual.size() != this.names.size()) {
			throw ValueMapping.mismatch("expected " + this.names.size() + " fields but found " + actual.size());
		}
		for (int i = 0; i < this.names.size(); i++) {
			Field field = actual.get(i);
			Slot slot = this.slots.get(i);
			if (!field.getName().equals(this.names.get(i))) {
				throw ValueMapping.mismatch(
						"expected field '" + this.names.get(i) + "' at " + i + " but found '" + field.getName() + "'");
			}
			if (!slot.mapping().accepts(field, batch.dictionaries())) {
				throw ValueMapping.mismatch("expected '" + this.names.get(i) + "' as " + slot.mapping() + " but found "
						+ ValueMapping.spell(field, batch.dictionaries()));
			}
			if (field.isNullable() != slot.nullable()) {
				throw ValueMapping.mismatch("expected '" + this.names.get(i) + "' with nullable=" + slot.nullable()
						+ " but found nullable=" + field.isNullable());
			}
		}
	}

	/**
	 * Read the first row, finding columns by name. The values do not depend on the batch,
	 * except for embedded batches, which are views that keep its memory alive.
	 * @param batch borrowed, with at least one row if there are columns
	 * @param allocator the owner of embedded batches
	 * @param embedded receives every embedded batch; the receiver closes them
	 * @return one value per column
	 * @throws SchemaMismatchException if a value does not fit, naming its column
	 */
	public @Nullable Object[] read(AnnotatedBatch batch, BufferAllocator allocator, Consumer<AutoCloseable> embedded) {
		RowReading reading = new RowReading(batch.dictionaries(), allocator, embedded);
		@Nullable Object[] values = new @Nullable Object[this.slots.size()];
		if (values.length > 0 && batch.rowCount() == 0) {
			throw ValueMapping.mismatch("expected 1 row but found 0");
		}
		for (int i = 0; i < values.length; i++) {
			FieldVector vector = batch.root().getVector(this.names.get(i));
			values[i] = readNamed(this.slots.get(i), this.names.get(i), vector, 0, reading);
		}
		return values;
	}

	static void writeNamed(Slot slot, String name, FieldVector vector, int index, @Nullable Object value,
			RowWriting writing) {
		try {
			slot.write(vector, index, value, writing);
		}
		catch (IllegalArgumentException | ArithmeticException ex) {
			throw new IllegalArgumentException("'" + name + "' " + ex.getMessage(), ex);
		}
	}

	static @Nullable Object readNamed(Slot slot, String name, @Nullable FieldVector vector, int index,
			RowReading reading) {
		if (vector == null) {
			throw ValueMapping.mismatch("'" + name + "' is missing");
		}
		try {
			return slot.read(vector, index, reading);
		}
		catch (SchemaMismatchException ex) {
			throw ValueMapping.mismatch("'" + name + "' " + ex.getMessage());
		}
	}

}
