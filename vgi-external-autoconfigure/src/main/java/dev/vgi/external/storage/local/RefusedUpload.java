package dev.vgi.external.storage.local;

import java.io.InputStream;
import java.time.Clock;

import dev.vgi.external.Internal;

/**
 * An upload that the store has refused while its sender may still be sending.
 */
@Internal
public final class RefusedUpload {

	private RefusedUpload() {
	}

	/**
	 * Read the rest of the body, so that its sender sees the answer and not a broken
	 * connection. Ends early if the rest is long or slow: then the connection breaks,
	 * which costs less.
	 * @param body the rest; not closed
	 */
	public static void discard(InputStream body) {
		new UploadBody(body, Long.MAX_VALUE, Clock.systemUTC()).discard();
	}

}
