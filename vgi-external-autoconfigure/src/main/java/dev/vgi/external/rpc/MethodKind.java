package dev.vgi.external.rpc;

import java.util.Locale;

/**
 * How a method is called.
 */
enum MethodKind {

	/** One row in, one value out. */
	UNARY,

	/** One row in, then batches as the caller asks for them. */
	PRODUCER,

	/** One row in, then a batch out for every batch in. */
	EXCHANGE;

	static MethodKind of(Class<?> returnType) {
		if (returnType == ProducerStream.class) {
			return PRODUCER;
		}
		return (returnType == ExchangeStream.class) ? EXCHANGE : UNARY;
	}

	boolean isStream() {
		return this != UNARY;
	}

	@Override
	public String toString() {
		return name().toLowerCase(Locale.ROOT);
	}

}
