package dev.vgi.external.rpc.method;

import java.util.List;
import java.util.stream.Collectors;

import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * Writes Arrow types in the notation of a protocol's digest. Supports the types that
 * parameters, results and headers can have.
 */
final class TypeTokens {

	private TypeTokens() {
	}

	/**
	 * Write a field's type.
	 * @param field the field in message format
	 * @return such as {@code list<item?:utf8>}
	 */
	static String of(Field field) {
		if (field.getDictionary() != null) {
			ArrowType index = field.getDictionary().getIndexType();
			return "dictionary<index:" + plain(index, field) + ",value:" + plain(field.getType(), field) + ">"
					+ (field.getDictionary().isOrdered() ? ",ordered" : "");
		}
		List<Field> children = field.getChildren();
		if (field.getType() instanceof ArrowType.List) {
			return "list<" + child("item", children.get(0)) + ">";
		}
		if (field.getType() instanceof ArrowType.Map map) {
			List<Field> entry = children.get(0).getChildren();
			return "map<" + child("key", entry.get(0)) + "," + child("value", entry.get(1)) + ">"
					+ (map.getKeysSorted() ? ",keys_sorted" : "");
		}
		if (field.getType() instanceof ArrowType.Struct) {
			return children.stream()
				.map((each) -> child(each.getName(), each))
				.collect(Collectors.joining(",", "struct<", ">"));
		}
		return plain(field.getType(), field);
	}

	// Names of a list's or map's children are not part of the type, so they are fixed
	// here.
	private static String child(String name, Field field) {
		return name + (field.isNullable() ? "?" : "") + ":" + of(field);
	}

	private static String plain(ArrowType type, Field field) {
		if (type instanceof ArrowType.Int whole) {
			return (whole.getIsSigned() ? "int" : "uint") + whole.getBitWidth();
		}
		if (type instanceof ArrowType.FloatingPoint floating) {
			return (floating.getPrecision() == FloatingPointPrecision.DOUBLE) ? "float64" : "float32";
		}
		if (type instanceof ArrowType.Decimal decimal) {
			return "decimal" + decimal.getBitWidth() + "(" + decimal.getPrecision() + "," + decimal.getScale() + ")";
		}
		if (type instanceof ArrowType.FixedSizeBinary binary) {
			return "fixed_size_binary(" + binary.getByteWidth() + ")";
		}
		if (type instanceof ArrowType.Date) {
			return "date32";
		}
		if (type instanceof ArrowType.Time time) {
			return "time" + time.getBitWidth() + "(" + unit(time.getUnit()) + ")";
		}
		if (type instanceof ArrowType.Timestamp timestamp) {
			String zone = timestamp.getTimezone();
			return "timestamp(" + unit(timestamp.getUnit()) + ((zone != null) ? ",tz=" + zone : "") + ")";
		}
		if (type instanceof ArrowType.Duration duration) {
			return "duration(" + unit(duration.getUnit()) + ")";
		}
		return switch (type.getTypeID()) {
			case Bool -> "bool";
			case Utf8 -> "utf8";
			case LargeUtf8 -> "large_utf8";
			case Binary -> "binary";
			case LargeBinary -> "large_binary";
			default -> throw new IllegalArgumentException("The type of " + field + " has no spelling");
		};
	}

	private static String unit(TimeUnit unit) {
		return switch (unit) {
			case SECOND -> "s";
			case MILLISECOND -> "ms";
			case MICROSECOND -> "us";
			case NANOSECOND -> "ns";
		};
	}

}
