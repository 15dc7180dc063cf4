package dev.vgi.external.test;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.assertj.core.api.AbstractListAssert;
import org.assertj.core.api.ObjectAssert;
import org.jspecify.annotations.Nullable;

/**
 * Assertions about the values of a column: those of a list, in the order of the rows,
 * with {@code null} where a value is missing.
 * <p>
 * Values are Java objects, those that a typed method would receive: {@code String},
 * {@code Boolean}, {@code BigDecimal}, {@code LocalDate}, {@code LocalDateTime}
 * ({@code Instant} if the column has a time zone), {@code LocalTime}, {@code Duration},
 * {@code byte[]}, and {@code List} or {@code Map} for lists, structs and maps. A
 * dictionary column has the values and not the indices. Numbers are compared by their
 * value: {@code containsExactly(1, 2)} holds for a column of 64-bit integers, too.
 *
 * @param <P> the assertions about the data that has the column
 */
public final class ColumnAssert<P extends AbstractTableAssert<P, ?>>
		extends AbstractListAssert<ColumnAssert<P>, List<?>, Object, ObjectAssert<Object>> {

	private final P parent;

	private final Field field;

	ColumnAssert(P parent, Field field, List<?> values) {
		super(values, ColumnAssert.class);
		this.parent = parent;
		this.field = field;
		as("column '%s'", field.getName());
		usingElementComparator(ByValue.INSTANCE);
	}

	/**
	 * Verify the type of the column.
	 * @param expected the type; for a dictionary column, that of its indices
	 * @return this assertion
	 */
	public ColumnAssert<P> hasType(ArrowType expected) {
		if (!expected.equals(this.field.getType())) {
			throwAssertionError("the type", expected, this.field.getType());
		}
		return this;
	}

	/**
	 * Verify how many values are missing.
	 * @param expected the number of {@code null}s
	 * @return this assertion
	 */
	public ColumnAssert<P> hasNullCount(int expected) {
		long actual = this.actual.stream().filter((value) -> value == null).count();
		if (actual != expected) {
			throwAssertionError("the number of nulls", expected, actual + " in " + this.actual);
		}
		return this;
	}

	/**
	 * Go on with another column of the same data.
	 * @param name its name
	 * @return assertions about its values
	 */
	public ColumnAssert<P> column(String name) {
		return this.parent.column(name);
	}

	/**
	 * Return to the data that has this column.
	 * @return the assertions about it
	 */
	public P and() {
		return this.parent;
	}

	private void throwAssertionError(String what, Object expected, Object actual) {
		failWithMessage("%nExpected %s of the column '%s' to be:%n  %s%nbut was:%n  %s", what, this.field.getName(),
				expected, actual);
	}

	@Override
	protected ObjectAssert<Object> toAssert(@Nullable Object value, String description) {
		return new ObjectAssert<>(value).as(description);
	}

	@Override
	protected ColumnAssert<P> newAbstractIterableAssert(Iterable<?> iterable) {
		List<@Nullable Object> values = new ArrayList<>();
		iterable.forEach(values::add);
		return new ColumnAssert<>(this.parent, this.field, values);
	}

	/**
	 * Compares values, and is named in failures.
	 */
	private enum ByValue implements Comparator<@Nullable Object> {

		INSTANCE;

		@Override
		public int compare(@Nullable Object first, @Nullable Object second) {
			return ColumnValues.compare(first, second);
		}

		@Override
		public String toString() {
			return "the value of numbers, whatever their class";
		}

	}

}
