package dev.vgi.external.storage.gcs;

import java.net.URI;

import dev.vgi.external.storage.Leftovers;
import dev.vgi.external.storage.ObjectUpload;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.upload.PartWindow;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.upload.Payload.Part;
import org.jspecify.annotations.Nullable;

/**
 * The upload of one object to GCS: one signed PUT, or the chunks of a resumable session
 * that is cancelled if it fails.
 */
final class GcsUpload extends ObjectUpload {

	private final GcsBucket bucket;

	private final PartWindow window;

	private final String key;

	private final @Nullable String coding;

	GcsUpload(GcsBucket bucket, GcsStorageSettings settings, RetryPolicy attempts, Leftovers leftovers,
			PartWindow window, String key, @Nullable String coding) {
		super(attempts, settings.timeout(), leftovers);
		this.bucket = bucket;
		this.window = window;
		this.key = key;
		this.coding = coding;
	}

	@Override
	protected void storeAtOnce(Part whole) {
		URI url = step((failures, deadline) -> this.bucket.uploadUrl(this.key, deadline));
		this.<@Nullable Void>whole((failures, deadline) -> {
			this.bucket.put(url, this.key, this.coding, whole, failures, deadline, requests());
			return null;
		});
	}

	@Override
	protected void storeInParts(Part first, Payload payload, int partSize) {
		GcsSession session = step(
				(failures, deadline) -> this.bucket.openSession(this.key, this.coding, deadline, requests()));
		try {
			// The session itself counts its chunks, so that nothing is left to confirm.
			this.window.<@Nullable Void>send(first, payload, partSize, this::stepDeadline,
					(part, failures, deadline) -> {
						if (part.isLast()) {
							creates();
						}
						session.send(part, failures, deadline);
						return null;
					});
		}
		catch (RuntimeException | Error ex) {
			cleanUp(ex, session::cancel);
			throw ex;
		}
	}

	@Override
	protected URI signDownloadUrl(Deadline deadline) {
		return this.bucket.downloadUrl(this.key, deadline);
	}

	@Override
	protected void delete(Deadline deadline) {
		this.bucket.delete(this.key, deadline, requests());
	}

}
