package dev.vgi.external.storage;

import dev.vgi.external.upload.Payload;
import org.jspecify.annotations.Nullable;

/**
 * A payload that is produced slowly: before each part time passes, in which nothing is
 * sent.
 *
 * @param bytes the bytes
 * @param maxLength what is known of their number
 * @param pause lets time pass
 */
public record SlowPayload(BytesPayload bytes, long maxLength, Runnable pause) implements Payload {

	@Override
	public @Nullable Part next(int size) {
		while (this.bytes.openParts() > 0) {
			Thread.onSpinWait();
		}
		this.pause.run();
		return this.bytes.next(size);
	}

}
