package dev.vgi.external.codec;

import java.io.IOException;

import dev.vgi.external.batch.CorruptStreamException;
import org.jspecify.annotations.Nullable;

/**
 * Errors of decoders: an {@link IOException} for readers of a stream, with the typed
 * error as its cause.
 */
final class Corrupt {

	private Corrupt() {
	}

	static IOException encoding(String coding, @Nullable String problem, @Nullable Throwable cause) {
		String message = "Failed to decompress " + coding + " data" + ((problem != null) ? ": " + problem : "");
		return new IOException(message, new CorruptStreamException(message, cause));
	}

}
