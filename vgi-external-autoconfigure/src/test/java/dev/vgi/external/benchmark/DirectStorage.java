package dev.vgi.external.benchmark;

import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * One PUT of everything.
 *
 * @param transport carries the bytes
 * @param folder where to, with a slash at its end
 */
record DirectStorage(StorageTransport transport, URI folder) implements ExternalStorage {

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
		URI url = this.folder.resolve(UUID.randomUUID().toString());
		try (Payload.Part part = payload.next(Payload.LARGEST_PART)) {
			if (contentCoding != null || part == null || !part.isLast()) {
				throw new IllegalStateException("Expected one part of plain bytes");
			}
			try (StorageResponse response = this.transport.put(url, part, Map.of(), UrlValidator.acceptAll(),
					Deadline.in(Duration.ofMinutes(1)))) {
				if (response.status() != 200) {
					throw new IllegalStateException("Status " + response.status());
				}
			}
		}
		return url;
	}

	@Override
	public boolean isOwn(URI candidate) {
		return false;
	}

	@Override
	public String name() {
		return "direct";
	}

}
