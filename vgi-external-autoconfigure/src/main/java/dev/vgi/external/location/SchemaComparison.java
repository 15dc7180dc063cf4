package dev.vgi.external.location;

import java.util.List;

import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Compares schemas as the protocol does: field count, order, names, types and top-level
 * nullability. Ignores metadata and the names of a list's or map's children, which differ
 * between Arrow libraries.
 */
final class SchemaComparison {

	private SchemaComparison() {
	}

	/**
	 * Require that two schemas are the same.
	 * @param expected the pointer's schema, in memory format
	 * @param actual the stored stream's, in memory format
	 * @throws SchemaMismatchException naming the first difference
	 */
	static void requireSame(Schema expected, Schema actual) {
		List<Field> expectedFields = expected.getFields();
		List<Field> actualFields = actual.getFields();
		if (expectedFields.size() != actualFields.size()) {
			throw new SchemaMismatchException("Schema mismatch: expected " + expectedFields.size()
					+ " fields but the stored batch has " + actualFields.size(), null);
		}
		for (int i = 0; i < expectedFields.size(); i++) {
			Field wanted = expectedFields.get(i);
			Field found = actualFields.get(i);
			if (!wanted.getName().equals(found.getName()) || wanted.isNullable() != found.isNullable()
					|| !sameType(wanted, found)) {
				throw new SchemaMismatchException(
						"Schema mismatch: expected field '" + wanted + "' but the stored batch has '" + found + "'",
						null);
			}
		}
	}

	private static boolean sameType(Field wanted, Field found) {
		if (!wanted.getType().equals(found.getType())
				|| (wanted.getDictionary() != null) != (found.getDictionary() != null)
				|| wanted.getChildren().size() != found.getChildren().size()) {
			return false;
		}
		boolean named = wanted.getType() instanceof ArrowType.Struct || wanted.getType() instanceof ArrowType.Union;
		for (int i = 0; i < wanted.getChildren().size(); i++) {
			Field wantedChild = wanted.getChildren().get(i);
			Field foundChild = found.getChildren().get(i);
			if ((named && !wantedChild.getName().equals(foundChild.getName())) || !sameType(wantedChild, foundChild)) {
				return false;
			}
		}
		return true;
	}

}
