package dev.vgi.external.rpc.method;

import java.util.Locale;

import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;

/**
 * How a method is called.
 */
public enum MethodKind {

	/** One row in, one value out. */
	UNARY,

	/** One row in, then batches whenever the caller asks. */
	PRODUCER,

	/** One row in, then a batch out for every batch in. */
	EXCHANGE;

	static MethodKind of(Class<?> returnType) {
		if (returnType == ProducerStream.class) {
			return PRODUCER;
		}
		return (returnType == ExchangeStream.class) ? EXCHANGE : UNARY;
	}

	/**
	 * Return whether a call has turns.
	 * @return {@code false} for a unary method
	 */
	public boolean isStream() {
		return this != UNARY;
	}

	@Override
	public String toString() {
		return name().toLowerCase(Locale.ROOT);
	}

}
