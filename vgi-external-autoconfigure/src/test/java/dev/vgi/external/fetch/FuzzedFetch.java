package dev.vgi.external.fetch;

import dev.vgi.external.transport.StorageResponse;
import org.jspecify.annotations.Nullable;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedFetch {

	private FuzzedFetch() {
	}

	/**
	 * Parse a range.
	 * @return first, last, total and length, or {@code null}
	 */
	public static long @Nullable [] contentRange(@Nullable String header) {
		ContentRange range = ContentRange.parse(header);
		return (range != null) ? new long[] { range.first(), range.last(), range.total(), range.length() } : null;
	}

	/**
	 * Compare what a GET says with the answer to a HEAD.
	 * @return the size of the object, or -1
	 */
	public static long agree(StorageResponse head, StorageResponse get) {
		Announcement announced = Announcement.of(head);
		announced.version().mayBe(OpenedObject.Version.of(get));
		ContentRange range = ContentRange.parse(get.header("Content-Range"));
		return announced.agree((range != null) ? range.total() : get.contentLength(),
				(range != null) ? range.last() + 1 : 0, "https://storage.example/object");
	}

}
