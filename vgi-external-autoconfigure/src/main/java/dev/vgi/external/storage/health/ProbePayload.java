package dev.vgi.external.storage.health;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.List;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The smallest possible Arrow stream, to probe a storage with.
 */
final class ProbePayload implements Payload, Payload.Part {

	private static final byte[] STREAM = stream();

	private static final int MAX_REDIRECTS = 5;

	private boolean taken;

	private static byte[] stream() {
		try (GatheredStream stream = IpcStreamWriter.gather(new Schema(List.of()), List.of())) {
			ByteBuffer bytes = ByteBuffer.allocate((int) stream.length());
			stream.segments().forEach((segment) -> bytes.put(segment.duplicate()));
			return bytes.array();
		}
	}

	@Override
	public long maxLength() {
		return STREAM.length;
	}

	@Override
	public @Nullable Part next(int size) {
		if (size < STREAM.length) {
			throw new IllegalArgumentException("no storage splits so little");
		}
		boolean first = !this.taken;
		this.taken = true;
		return first ? this : null;
	}

	@Override
	public boolean isLast() {
		return true;
	}

	@Override
	public long length() {
		return STREAM.length;
	}

	@Override
	public void writeTo(WritableByteChannel channel) throws IOException {
		ByteBuffer bytes = ByteBuffer.wrap(STREAM);
		while (bytes.hasRemaining()) {
			channel.write(bytes);
		}
	}

	@Override
	public void close() {
		// The bytes are a constant.
	}

	/**
	 * Fetch an object and compare its content.
	 * @param storage opens it without HTTP if it can
	 * @param transport requests it otherwise
	 * @param url its URL
	 * @param deadline deadline of the request
	 * @return whether it has these bytes
	 */
	boolean isContentOf(ExternalStorage storage, StorageTransport transport, URI url, Deadline deadline) {
		ByteBuffer bytes = ByteBuffer.allocate(STREAM.length + 1);
		try (StoredObject object = storage.open(url)) {
			if (object != null) {
				while (bytes.hasRemaining() && object.channel().read(bytes) >= 0) {
					// Read to the end.
				}
				return bytes.flip().equals(ByteBuffer.wrap(STREAM));
			}
		}
		catch (IOException ex) {
			throw new StorageUnavailableException("The stored object cannot be read", 0, null);
		}
		try (StorageResponse response = transport.get(url, null, null, UrlValidator.acceptAll(), MAX_REDIRECTS,
				deadline)) {
			if (response.status() != 200) {
				throw new StorageUnavailableException(
						"What was stored cannot be fetched (status " + response.status() + ")", response.status(),
						null);
			}
			while (bytes.hasRemaining() && response.read(bytes) >= 0) {
				// Read to the end.
			}
			return bytes.flip().equals(ByteBuffer.wrap(STREAM));
		}
	}

}
