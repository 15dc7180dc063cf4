package dev.vgi.external.rpc;

import java.util.Locale;

/**
 * Which of a method's routes a request came through.
 */
enum Endpoint {

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
	 * Return what follows the method's name in the path.
	 * @return the suffix, may be empty
	 */
	String suffix() {
		return this.suffix;
	}

	@Override
	public String toString() {
		return name().toLowerCase(Locale.ROOT);
	}

	boolean fits(MethodKind kind) {
		return kind.isStream() == (this != CALL);
	}

}
