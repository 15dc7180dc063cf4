package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The Arrow type of a value if its Java type can map to several: a parameter, a result, a
 * record component, or the element of a list or map. Without it {@code int} and
 * {@code long} are {@code int64}, {@code float} and {@code double} are {@code float64}.
 * <p>
 * A value that does not fit its Arrow type is refused when it is written, and one that
 * does not fit its Java type when it is read; nothing is truncated. {@code uint64} is
 * exact as {@link java.math.BigInteger}; as {@code long} it holds the lower half of the
 * range only.
 */
@Documented
@Target(ElementType.TYPE_USE)
@Retention(RetentionPolicy.RUNTIME)
public @interface ArrowField {

	/**
	 * The Arrow type.
	 * @return the type
	 */
	Type value();

	/**
	 * Bytes of a {@link Type#FIXED_SIZE_BINARY}.
	 * @return the width, at least 1 where it is used
	 */
	int width() default 0;

	/**
	 * Decimal digits of a {@link Type#DECIMAL128}.
	 * @return the digits, 1 to 38
	 */
	int precision() default 20;

	/**
	 * Digits of a {@link Type#DECIMAL128} after the point.
	 * @return the digits
	 */
	int scale() default 4;

	/**
	 * The Arrow types to choose from.
	 */
	enum Type {

		/** Signed, 8 bits. */
		INT8,

		/** Signed, 16 bits. */
		INT16,

		/** Signed, 32 bits. */
		INT32,

		/** Signed, 64 bits. */
		INT64,

		/** Unsigned, 8 bits. */
		UINT8,

		/** Unsigned, 16 bits. */
		UINT16,

		/** Unsigned, 32 bits. */
		UINT32,

		/** Unsigned, 64 bits. */
		UINT64,

		/** Single precision. */
		FLOAT32,

		/** Double precision. */
		FLOAT64,

		/** Exact decimal number of {@link ArrowField#precision()} digits. */
		DECIMAL128,

		/** Text with 32-bit offsets. */
		UTF8,

		/** Text with 64-bit offsets. */
		LARGE_UTF8,

		/** Bytes with 32-bit offsets. */
		BINARY,

		/** Bytes with 64-bit offsets. */
		LARGE_BINARY,

		/** Exactly {@link ArrowField#width()} bytes. */
		FIXED_SIZE_BINARY,

		/** Text as 16-bit indices into a dictionary. */
		DICTIONARY

	}

}
