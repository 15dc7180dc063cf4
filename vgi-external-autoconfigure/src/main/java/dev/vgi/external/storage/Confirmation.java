package dev.vgi.external.storage;

import java.net.URI;

import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

/**
 * Makes sure that an object is stored before anybody is told where. An entity tag in the
 * answer to the upload says so; an answer without one may come from anything that takes
 * requests.
 */
public final class Confirmation {

	private Confirmation() {
	}

	/**
	 * Return whether an answer to an upload says that there is an object now.
	 * @param entityTag its entity tag, or {@code null}
	 * @return {@code false} if {@link #ask} has to find out
	 */
	public static boolean isGivenBy(@Nullable String entityTag) {
		return entityTag != null && !entityTag.replace("\"", "").isBlank();
	}

	/**
	 * Ask for an object's first byte, as whoever is given its URL does: the answer tells
	 * its length.
	 * @param transport carries the request
	 * @param downloadUrl where the object is
	 * @param length how many bytes were uploaded
	 * @param validator asked before anything is sent
	 * @param deadline covers the request
	 * @throws StorageUnavailableException unless there is an object of this length
	 */
	public static void ask(StorageTransport transport, URI downloadUrl, long length, UrlValidator validator,
			Deadline deadline) {
		try (StorageResponse response = transport.get(downloadUrl, new ByteRange(0, 0), null, validator, 0, deadline)) {
			String range = response.header("Content-Range");
			boolean stored = switch (response.status()) {
				case 200 -> response.contentLength() == length;
				case 206 -> range != null && range.strip().endsWith("/" + length);
				default -> false;
			};
			if (!stored) {
				throw StorageUnavailableException.answered("Storage took the upload of " + RedactedUrl.of(downloadUrl)
						+ " without an entity tag, and does not show an object of " + length + " bytes there (status "
						+ response.status() + ")", response);
			}
		}
	}

}
