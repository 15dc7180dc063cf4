package dev.vgi.external.storage;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;

/**
 * The media type of Arrow IPC streams.
 */
@Internal
public final class ArrowMediaType {

	/** Its name, without parameters. */
	public static final String NAME = "application/vnd.apache.arrow.stream";

	private ArrowMediaType() {
	}

	/**
	 * Return whether a body is declared to be an Arrow stream.
	 * @param contentType value of its {@code Content-Type} header, or {@code null}
	 * @return whether that is the media type, in any case and with any parameters
	 */
	public static boolean isNamedBy(@Nullable String contentType) {
		return contentType != null && NAME.equalsIgnoreCase(contentType.split(";", 2)[0].trim());
	}

}
