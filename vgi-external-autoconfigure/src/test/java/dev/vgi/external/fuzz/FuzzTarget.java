package dev.vgi.external.fuzz;

import java.util.Locale;
import java.util.function.Consumer;

/**
 * What is fuzzed. The corpus of each target is the folder {@code fuzz/NAME} of the test
 * resources.
 */
enum FuzzTarget {

	IPC(IpcTarget.class, IpcTarget::fuzzerTestOneInput),

	POINTERS(PointersTarget.class, PointersTarget::fuzzerTestOneInput),

	REQUESTS(RequestsTarget.class, RequestsTarget::fuzzerTestOneInput),

	CODECS(CodecsTarget.class, CodecsTarget::fuzzerTestOneInput),

	TOKENS(TokensTarget.class, TokensTarget::fuzzerTestOneInput),

	HEADERS(HeadersTarget.class, HeadersTarget::fuzzerTestOneInput),

	CONFIGURATION(ConfigurationTarget.class, ConfigurationTarget::fuzzerTestOneInput);

	private final Class<?> type;

	private final Consumer<byte[]> body;

	FuzzTarget(Class<?> type, Consumer<byte[]> body) {
		this.type = type;
		this.body = body;
	}

	/**
	 * Return the class that the fuzzer calls.
	 * @return a class with a method {@code fuzzerTestOneInput}
	 */
	Class<?> type() {
		return this.type;
	}

	void run(byte[] input) {
		this.body.accept(input);
	}

	@Override
	public String toString() {
		return name().toLowerCase(Locale.ROOT);
	}

}
