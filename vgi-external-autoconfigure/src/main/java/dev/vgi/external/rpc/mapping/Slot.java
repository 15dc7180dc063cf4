package dev.vgi.external.rpc.mapping;

import java.util.Optional;

import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * A place for a value: how it is mapped, and whether it may be missing.
 *
 * @param mapping how a present value is mapped
 * @param nullable whether the value may be missing
 * @param optional whether Java holds it as an {@link Optional}
 */
record Slot(ValueMapping mapping, boolean nullable, boolean optional) {

	Field field(String name) {
		return this.mapping.field(name, this.nullable);
	}

	/**
	 * Write a value.
	 * @param vector the column, or the children of one
	 * @param index where in the vector
	 * @param value the value, or {@code null}
	 * @param writing the batch being written
	 * @throws IllegalArgumentException if the value does not fit
	 */
	void write(FieldVector vector, int index, @Nullable Object value, RowWriting writing) {
		Object present = (value instanceof Optional<?> holder) ? holder.orElse(null) : value;
		if (present != null) {
			this.mapping.write(vector, index, present, writing);
			return;
		}
		if (!this.nullable) {
			throw new IllegalArgumentException("must not be null");
		}
		vector.setNull(index);
	}

	/**
	 * Read a value, whatever nullability the column declares.
	 * @param vector the column, or the children of one
	 * @param index where in the vector
	 * @param reading the batch being read
	 * @return the value, or {@code null}
	 * @throws dev.vgi.external.location.SchemaMismatchException if the value does not fit
	 */
	@Nullable Object read(FieldVector vector, int index, RowReading reading) {
		Object value = vector.isNull(index) ? null : this.mapping.read(vector, index, reading);
		if (value == null && !this.nullable) {
			throw ValueMapping.mismatch("must not be null");
		}
		return this.optional ? Optional.ofNullable(value) : value;
	}

}
