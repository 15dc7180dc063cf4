package dev.vgi.external.storage;

import java.net.URI;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

/**
 * Makes sure that an object is stored before its URL is handed out. An entity tag in the
 * response to the upload confirms it, unless the upload had to be completed once more; a
 * response without one may come from any server that accepts requests.
 */
public final class Confirmation {

	/** What to ask for, to see whether an object is there. */
	public static final ByteRange FIRST_BYTE = new ByteRange(0, 0);

	private Confirmation() {
	}

	/**
	 * Return whether the response to an upload confirms that the object exists.
	 * @param entityTag its entity tag, or {@code null}
	 * @return {@code false} if {@link #ask} has to check
	 */
	public static boolean isGivenBy(@Nullable String entityTag) {
		return entityTag != null && !entityTag.replace("\"", "").isBlank();
	}

	/**
	 * Return whether the response to a request for the first byte of an object shows that
	 * the object is there.
	 * @param response the response
	 * @return {@code true} also for an object without any byte
	 */
	public static boolean isGivenBy(StorageResponse response) {
		return switch (response.status()) {
			case 200, 206, 416 -> true;
			default -> false;
		};
	}

	/**
	 * Request the first byte of an object, as a receiver of its URL would: the response
	 * states its length.
	 * @param transport sends the request
	 * @param downloadUrl where the object is
	 * @param length how many bytes were uploaded
	 * @param validator asked before anything is sent
	 * @param deadline covers the request
	 * @param request whose request it is
	 * @throws StorageUnavailableException unless there is an object of this length
	 */
	public static void ask(StorageTransport transport, URI downloadUrl, long length, UrlValidator validator,
			Deadline deadline, TransferRequest request) {
		try (StorageResponse response = transport.get(downloadUrl, FIRST_BYTE, null, validator, 0, deadline, request)) {
			String range = response.header("Content-Range");
			boolean stored = switch (response.status()) {
				case 200 -> response.contentLength() == length;
				case 206 -> range != null && range.strip().endsWith("/" + length);
				default -> false;
			};
			if (!stored) {
				throw StorageUnavailableException.answered("Storage took the upload of " + RedactedUrl.of(downloadUrl)
						+ ", but does not show an object of " + length + " bytes there (status " + response.status()
						+ ")", response);
			}
			if (response.status() == 206) {
				response.discard();
			}
		}
	}

}
