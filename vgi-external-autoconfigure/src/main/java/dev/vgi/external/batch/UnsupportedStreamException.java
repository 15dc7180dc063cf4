package dev.vgi.external.batch;

/**
 * A valid Arrow stream that cannot be read here: a type without a vector in Java, text
 * that is not UTF-8, an unknown compression.
 */
public final class UnsupportedStreamException extends CorruptStreamException {

	/**
	 * Create an error.
	 * @param what what is not supported, and where it is
	 */
	UnsupportedStreamException(String what) {
		super(Kind.UNSUPPORTED, "Not supported: " + what);
	}

}
