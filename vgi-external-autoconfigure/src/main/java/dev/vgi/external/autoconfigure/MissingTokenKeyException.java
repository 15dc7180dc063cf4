package dev.vgi.external.autoconfigure;

/**
 * There are streams, and probably several processes that serve them, but no key that
 * these share.
 */
class MissingTokenKeyException extends RuntimeException {

	MissingTokenKeyException() {
		super("Streams need a key that all processes of the service share");
	}

}
