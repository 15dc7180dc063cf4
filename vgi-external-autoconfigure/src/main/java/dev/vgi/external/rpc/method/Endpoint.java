package dev.vgi.external.rpc.method;

import java.util.Locale;

/**
 * The parts of a method's calls; over HTTP, its routes.
 */
public enum Endpoint {

	/** A whole unary call. */
	CALL(""),

	/** The start of a stream. */
	INIT("/init"),

	/** A turn of a stream, or its cancellation. */
	EXCHANGE("/exchange");

	private final String suffix;

	Endpoint(String suffix) {
		this.suffix = suffix;
	}

	/**
	 * Return the part of the path that follows the method's name.
	 * @return the suffix, may be empty
	 */
	public String suffix() {
		return this.suffix;
	}

	@Override
	public String toString() {
		return name().toLowerCase(Locale.ROOT);
	}

	/**
	 * Return whether methods of a kind are called here.
	 * @param kind the kind
	 * @return {@code true} for unary methods at the call, and for streams at the others
	 */
	public boolean fits(MethodKind kind) {
		return kind.isStream() == (this != CALL);
	}

}
