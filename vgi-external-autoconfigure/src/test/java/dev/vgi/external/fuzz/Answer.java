package dev.vgi.external.fuzz;

import java.nio.ByteBuffer;
import java.util.Map;

import dev.vgi.external.transport.StorageResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.util.LinkedCaseInsensitiveMap;

/**
 * A response of a storage whose head and body a script has made up.
 */
final class Answer implements StorageResponse {

	private final int status;

	private final Map<String, String> headers = new LinkedCaseInsensitiveMap<>();

	private final ByteBuffer body;

	private final int piece;

	Answer(int status, Map<String, String> headers, byte[] body, int piece) {
		this.status = status;
		this.headers.putAll(headers);
		this.body = ByteBuffer.wrap(body);
		this.piece = piece;
	}

	@Override
	public int status() {
		return this.status;
	}

	@Override
	public @Nullable String header(String name) {
		return this.headers.get(name);
	}

	@Override
	public @Nullable String requestId() {
		return null;
	}

	@Override
	public @Nullable String contentEncoding() {
		return this.headers.get("Content-Encoding");
	}

	@Override
	public long contentLength() {
		return this.body.capacity();
	}

	@Override
	public int requests() {
		return 1;
	}

	@Override
	public int read(ByteBuffer target) {
		int count = Math.min(this.piece, Math.min(target.remaining(), this.body.remaining()));
		if (count == 0) {
			return -1;
		}
		target.put(this.body.slice(this.body.position(), count));
		this.body.position(this.body.position() + count);
		return count;
	}

	@Override
	public void discard() {
	}

	@Override
	public void close() {
	}

}
