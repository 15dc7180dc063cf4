package dev.vgi.external.rpc;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.upload.Payload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Keeps objects in memory, and remembers what was asked of it.
 */
public final class MemoryStorage implements ExternalStorage {

	private static final String ROOT = "https://storage.example/";

	/** What was uploaded, in that order. */
	public final List<byte[]> uploaded = new CopyOnWriteArrayList<>();

	/** What was opened, in that order. */
	public final List<URI> opened = new CopyOnWriteArrayList<>();

	/** What every access fails with. */
	public final AtomicReference<@Nullable RuntimeException> failure = new AtomicReference<>();

	private final Map<URI, byte[]> objects = new ConcurrentHashMap<>();

	void reset() {
		this.uploaded.clear();
		this.opened.clear();
		this.failure.set(null);
		this.objects.clear();
	}

	/**
	 * Store an object.
	 * @param key its key
	 * @param content its content
	 * @return its URL
	 */
	public String put(String key, byte[] content) {
		this.objects.put(URI.create(ROOT + key), content);
		return ROOT + key;
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
		failIfTold();
		ByteArrayOutputStream content = new ByteArrayOutputStream();
		try {
			payload.writeTo(Channels.newChannel(content));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		this.uploaded.add(content.toByteArray());
		return URI.create(put("object-" + this.uploaded.size(), content.toByteArray()));
	}

	@Override
	public boolean isOwn(URI url) {
		return url.toString().startsWith(ROOT);
	}

	@Override
	public StoredObject open(URI url) {
		this.opened.add(url);
		failIfTold();
		byte[] content = this.objects.get(url);
		if (content == null) {
			throw new IllegalStateException("There is no such object");
		}
		try {
			Path file = Files.write(Files.createTempFile("object", null), content);
			return new StoredObject(
					Files.newByteChannel(file, StandardOpenOption.READ, StandardOpenOption.DELETE_ON_CLOSE),
					content.length, null, "\"1\"");
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	@Override
	public String name() {
		return "memory";
	}

	private void failIfTold() {
		RuntimeException told = this.failure.get();
		if (told != null) {
			throw told;
		}
	}

}
