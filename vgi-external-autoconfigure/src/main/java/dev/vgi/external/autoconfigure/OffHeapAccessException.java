package dev.vgi.external.autoconfigure;

/**
 * Arrow's off-heap memory cannot be read and written in this process.
 */
class OffHeapAccessException extends RuntimeException {

	OffHeapAccessException(Throwable cause) {
		super("Arrow's off-heap memory cannot be accessed in this process", cause);
	}

}
