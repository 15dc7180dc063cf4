package dev.vgi.external.test;

import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.apache.arrow.vector.types.pojo.Schema;
import org.assertj.core.api.AbstractAssert;
import org.assertj.core.api.MapAssert;
import org.jspecify.annotations.Nullable;

/**
 * Assertions about anything that has rows and columns. What is asserted about is
 * borrowed: whoever owns it closes it.
 *
 * @param <SELF> the concrete assertions
 * @param <ACTUAL> what has rows and columns
 */
public abstract class AbstractTableAssert<SELF extends AbstractTableAssert<SELF, ACTUAL>, ACTUAL>
		extends AbstractAssert<SELF, ACTUAL> {

	private @Nullable Table table;

	AbstractTableAssert(@Nullable ACTUAL actual, Class<?> selfType) {
		super(actual, selfType);
	}

	/**
	 * Look at the values.
	 * @param actual not {@code null}
	 * @return the view
	 */
	abstract Table read(ACTUAL actual);

	final Table table() {
		isNotNull();
		if (this.table == null) {
			this.table = read(Objects.requireNonNull(this.actual));
		}
		return this.table;
	}

	/**
	 * Verify the number of rows.
	 * @param expected the number
	 * @return this assertion
	 */
	public SELF hasRows(long expected) {
		if (table().rowCount() != expected) {
			failWithMessage("%nExpected %s rows but there are %s, with the columns %s", expected, table().rowCount(),
					table().names());
		}
		return this.myself;
	}

	/**
	 * Verify the names of all columns.
	 * @param expected the names, in order
	 * @return this assertion
	 */
	public SELF hasColumns(String... expected) {
		if (!table().names().equals(List.of(expected))) {
			failWithMessage("%nExpected the columns:%n  %s%nbut they are:%n  %s", List.of(expected), table().names());
		}
		return this.myself;
	}

	/**
	 * Verify the schema: names, types, nullability and metadata of all columns, and the
	 * metadata of the schema itself.
	 * @param expected the schema in memory format: a dictionary column has the type of
	 * its indices
	 * @return this assertion
	 */
	public SELF hasSchema(Schema expected) {
		Schema actual = table().schema();
		if (!actual.equals(expected)) {
			failWithMessage("%nExpected the schema:%n  %s%nbut it is:%n  %s", expected, actual);
		}
		return this.myself;
	}

	/**
	 * Verify an entry of the schema's metadata.
	 * @param key its key
	 * @param expected its value
	 * @return this assertion
	 */
	public SELF hasSchemaMetadata(String key, String expected) {
		Map<String, String> metadata = table().schema().getCustomMetadata();
		if (!expected.equals(metadata.get(key))) {
			failWithMessage("%nExpected the schema's metadata to have %s=%s but it is:%n  %s", key, expected, metadata);
		}
		return this.myself;
	}

	/**
	 * Verify that there is a column, and go on with its values.
	 * @param name its name
	 * @return assertions about its values, which lead back with
	 * {@link ColumnAssert#and()}
	 */
	public ColumnAssert<SELF> column(String name) {
		int index = table().names().indexOf(name);
		if (index < 0) {
			failWithMessage("%nExpected a column '%s' but there are only:%n  %s", name, table().names());
		}
		return new ColumnAssert<>(this.myself, table().schema().getFields().get(index), table().columns().apply(index));
	}

	/**
	 * Verify that there is a row, and go on with its values.
	 * @param index its position, from 0
	 * @return assertions about its values, by the names of the columns
	 */
	public MapAssert<String, Object> row(int index) {
		if (index < 0 || index >= table().rowCount()) {
			failWithMessage("%nExpected a row %s but there are only %s", index, table().rowCount());
		}
		Map<String, @Nullable Object> row = table().row(index);
		return new MapAssert<>(row).as("row %s", index);
	}

}
