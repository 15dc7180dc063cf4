package dev.vgi.external.autoconfigure;

import java.util.concurrent.ThreadLocalRandom;

/**
 * The name of this process towards its peers, over HTTP and pipes alike.
 */
final class ServerId {

	/** Twelve hexadecimal digits, as peers make them. */
	static final String VALUE = String.format("%012x", ThreadLocalRandom.current().nextLong(1L << 48));

	private ServerId() {
	}

}
