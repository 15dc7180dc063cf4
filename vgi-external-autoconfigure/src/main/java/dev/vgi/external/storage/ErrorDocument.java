package dev.vgi.external.storage;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.Internal;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.transport.StorageResponse;

/**
 * The document in the response of a bucket that refuses a request.
 */
@Internal
public final class ErrorDocument {

	private static final int LONGEST = 8192;

	/** Signed URLs are answered in XML, the JSON API of GCS in JSON. */
	private static final Pattern CODE = Pattern
		.compile("<Code>([A-Za-z0-9.]{1,64})</Code>|\"reason\"\\s*:\\s*\"([A-Za-z0-9.]{1,64})\"");

	private ErrorDocument() {
	}

	/**
	 * Return whether a bucket says that it does not have an object. It also denies access
	 * to a missing object if the credentials may not list the bucket.
	 * @param status the status of its response
	 * @param code the code of its response, or an empty text
	 * @return {@code false} for any other failure
	 */
	public static boolean meansGone(int status, String code) {
		return status == 404 && !code.equals("NoSuchBucket") || status == 403 && code.equals("AccessDenied");
	}

	/**
	 * Read the error code of a response.
	 * @param response the response, whose body was not read yet
	 * @return the code, or an empty text
	 */
	public static String code(StorageResponse response) {
		ByteBuffer body = ByteBuffer.allocate(LONGEST);
		try {
			while (body.hasRemaining() && response.read(body) >= 0) {
				// The document is short, or there is none.
			}
		}
		catch (VgiExternalException ex) {
			// The status has to be enough.
		}
		Matcher code = CODE.matcher(new String(body.array(), 0, body.position(), StandardCharsets.UTF_8));
		if (!code.find()) {
			return "";
		}
		return (code.group(1) != null) ? code.group(1) : code.group(2);
	}

}
