package dev.vgi.external.rpc.server;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.WireError;
import dev.vgi.external.rpc.method.StreamShape;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.DecimalVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.LargeVarBinaryVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Converts the input of an exchange to the declared columns: accepts the same columns in
 * any order, and types that widen without loss.
 */
final class ExchangeInput {

	/** Whole numbers up to this one are exact as a double. */
	private static final long EXACT_DOUBLE = 1L << 53;

	/** Whole numbers up to this one are exact as a float. */
	private static final long EXACT_FLOAT = 1L << 24;

	private final BufferAllocator allocator;

	private final Schema declared;

	/**
	 * Create a conversion.
	 * @param shape a batch of the declared columns; borrowed for the duration of the call
	 * @param allocator the owner of converted columns
	 */
	ExchangeInput(AnnotatedBatch shape, BufferAllocator allocator) {
		this.declared = shape.schema();
		this.allocator = allocator;
	}

	/**
	 * Convert a batch.
	 * @param batch taken over, also on failure
	 * @return a batch of the declared columns, with the application's metadata and, if it
	 * was resolved, the metadata of its resolution; the caller closes it
	 * @throws MismatchException if it has other columns, or values that do not fit
	 */
	AnnotatedBatch convert(AnnotatedBatch batch) {
		List<Field> fields = batch.schema().getFields();
		List<FieldVector> converted = new ArrayList<>();
		List<FieldVector> columns = new ArrayList<>();
		boolean complete = false;
		try {
			if (fields.size() != this.declared.getFields().size()) {
				throw mismatch(fields);
			}
			List<Field> result = new ArrayList<>();
			for (Field field : this.declared.getFields()) {
				FieldVector source = batch.root().getVector(field.getName());
				if (source == null) {
					throw mismatch(fields);
				}
				FieldVector column = column(source, field, fields);
				if (column != source) {
					converted.add(column);
				}
				columns.add(column);
				result.add((column == source && field.getDictionary() != null) ? source.getField() : field);
				if (!field.isNullable() && column.getNullCount() > 0) {
					throw new MismatchException("Input column '" + field.getName() + "' must not hold nulls");
				}
			}
			complete = true;
			AnnotatedBatch owner = batch.withMetadata(received(batch.metadata()));
			for (FieldVector source : owner.root().getFieldVectors()) {
				if (!columns.contains(source)) {
					source.close();
				}
			}
			return new AnnotatedBatch(new VectorSchemaRoot(new Schema(result), columns, owner.rowCount()),
					owner.dictionaries(), owner.metadata());
		}
		finally {
			if (!complete) {
				converted.forEach(FieldVector::close);
				batch.close();
			}
		}
	}

	/**
	 * Check that the columns of a batch can be converted, whatever their values.
	 * @param pointer a batch without rows; borrowed
	 * @throws MismatchException if they cannot
	 */
	void checkColumns(AnnotatedBatch pointer) {
		List<Field> fields = pointer.schema().getFields();
		boolean converts = fields.size() == this.declared.getFields().size();
		for (Field field : this.declared.getFields()) {
			FieldVector source = pointer.root().getVector(field.getName());
			converts = converts && source != null && converts(source, field);
		}
		if (!converts) {
			throw mismatch(fields);
		}
	}

	private boolean converts(FieldVector source, Field target) {
		if (StreamShape.sameType(target, source.getField())) {
			return true;
		}
		try (FieldVector column = target.createVector(this.allocator)) {
			return copier(source, column) != null;
		}
	}

	private static BatchMetadata received(BatchMetadata metadata) {
		BatchMetadata received = metadata.withoutProtocolKeys();
		for (String noted : List.of(MetadataKeys.LOCATION_FETCH_MS, MetadataKeys.LOCATION_SOURCE)) {
			String value = metadata.get(noted);
			received = (value != null) ? received.with(noted, value) : received;
		}
		return received;
	}

	private MismatchException mismatch(List<Field> actual) {
		return new MismatchException(
				"Input schema mismatch: expected " + this.declared.getFields() + ", got " + actual);
	}

	private FieldVector column(FieldVector source, Field target, List<Field> all) {
		if (StreamShape.sameType(target, source.getField())) {
			return source;
		}
		FieldVector column = target.createVector(this.allocator);
		Copier copier = copier(source, column);
		if (copier == null) {
			column.close();
			throw mismatch(all);
		}
		boolean complete = false;
		try {
			column.setInitialCapacity(source.getValueCount());
			column.allocateNew();
			for (int i = 0; i < source.getValueCount(); i++) {
				if (!source.isNull(i)) {
					copier.copy(i);
				}
			}
			column.setValueCount(source.getValueCount());
			complete = true;
			return column;
		}
		finally {
			if (!complete) {
				column.close();
			}
		}
	}

	// Returns null for types that do not widen, whatever their values.
	private static @Nullable Copier copier(FieldVector source, FieldVector target) {
		if (source.getField().getDictionary() != null || target.getField().getDictionary() != null) {
			return null;
		}
		if (source instanceof NullVector) {
			return (i) -> {
			};
		}
		if (source instanceof BaseIntVector whole) {
			return fromWhole(source, whole, target);
		}
		if (target instanceof Float8Vector doubles) {
			if (source instanceof Float4Vector floats) {
				return (i) -> doubles.set(i, floats.get(i));
			}
			if (source instanceof DecimalVector decimals) {
				return (i) -> doubles.set(i, decimals.getObject(i).doubleValue());
			}
		}
		if (source instanceof VarCharVector texts && target instanceof LargeVarCharVector large) {
			return (i) -> large.setSafe(i, texts.get(i));
		}
		if (source instanceof VarBinaryVector bytes && target instanceof LargeVarBinaryVector large) {
			return (i) -> large.setSafe(i, bytes.get(i));
		}
		return null;
	}

	private static @Nullable Copier fromWhole(FieldVector source, BaseIntVector whole, FieldVector target) {
		boolean unsignedLong = source instanceof UInt8Vector;
		if (target instanceof Float8Vector doubles) {
			return (i) -> doubles.set(i, exact(whole.getValueAsLong(i), EXACT_DOUBLE, unsignedLong, target));
		}
		if (target instanceof Float4Vector floats) {
			return (i) -> floats.set(i, exact(whole.getValueAsLong(i), EXACT_FLOAT, unsignedLong, target));
		}
		if (target instanceof BaseIntVector wider && target.getField().getType() instanceof ArrowType.Int to
				&& source.getField().getType() instanceof ArrowType.Int from) {
			// Signed types never widen to unsigned ones; unsigned types widen to any
			// larger type.
			boolean widens = from.getBitWidth() < to.getBitWidth() && (to.getIsSigned() || !from.getIsSigned());
			return widens ? (i) -> wider.setWithPossibleTruncate(i, whole.getValueAsLong(i)) : null;
		}
		return null;
	}

	private static long exact(long value, long limit, boolean unsigned, FieldVector target) {
		if (value > limit || (unsigned ? value < 0 : value < -limit)) {
			throw new MismatchException("Input column '" + target.getName() + "' holds the whole number "
					+ (unsigned ? Long.toUnsignedString(value) : value) + ", which its type cannot hold exactly");
		}
		return value;
	}

	/**
	 * Copies one value that is not null.
	 */
	@FunctionalInterface
	private interface Copier {

		void copy(int index);

	}

	/**
	 * The input does not match what the exchange declares. This is a failure of the
	 * method and not of the request, since peers expect it as an error batch.
	 */
	static final class MismatchException extends VgiExternalException implements WireError {

		private MismatchException(String message) {
			super(Kind.BAD_REQUEST, message, null);
		}

		@Override
		public String errorType() {
			return "TypeError";
		}

	}

}
