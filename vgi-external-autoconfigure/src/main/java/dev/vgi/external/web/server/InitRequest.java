package dev.vgi.external.web.server;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.function.Function;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.storage.ArrowMediaType;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

/**
 * The small requests of the protocol itself, for upload URLs and renewals: a row in, rows
 * out, at {@code POST {prefix}/{method}/init}.
 */
final class InitRequest {

	/** A request is a number or a token. A larger body is something else. */
	private static final int MAX_REQUEST = 64 * 1024;

	private InitRequest() {
	}

	/**
	 * Read the body of a request to its end, before anything is done for it: a larger
	 * body is refused, not cut off.
	 * @param request the request
	 * @param response gets 415 or 413 if the body is not read
	 * @return the body, or {@code null} if the request was refused
	 * @throws IOException if the caller has disconnected
	 */
	static byte @Nullable [] body(HttpServletRequest request, HttpServletResponse response) throws IOException {
		if (!ArrowMediaType.isNamedBy(request.getContentType())) {
			response.sendError(HttpServletResponse.SC_UNSUPPORTED_MEDIA_TYPE);
			return null;
		}
		byte[] body = request.getInputStream().readNBytes(MAX_REQUEST + 1);
		if (body.length > MAX_REQUEST) {
			response.sendError(HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE);
			return null;
		}
		return body;
	}

	/**
	 * Read the only row of a body.
	 * @param <T> type of what is read
	 * @param body the body
	 * @param method the method that it has to be for
	 * @param allocator the owner of its memory
	 * @param reader reads the columns of a batch with at least one row
	 * @return what it read
	 * @throws CorruptStreamException if the body does not follow the protocol
	 */
	static <T extends @Nullable Object> T read(byte[] body, String method, BufferAllocator allocator,
			Function<VectorSchemaRoot, T> reader) {
		try (IpcStreamReader stream = IpcStreamReader.of(new ByteArrayInputStream(body), MAX_REQUEST, allocator);
				AnnotatedBatch batch = stream.nextStream() ? stream.next() : null) {
			if (batch == null || batch.rowCount() == 0) {
				throw new CorruptStreamException("The request has no row");
			}
			if (!method.equals(batch.metadata().get(MetadataKeys.METHOD))) {
				throw new CorruptStreamException("The request is not for " + method);
			}
			if (!"1".equals(batch.metadata().get(MetadataKeys.REQUEST_VERSION))) {
				throw new CorruptStreamException("The request has no version that is known here");
			}
			return reader.apply(batch.root());
		}
	}

	/**
	 * Write the rows of an answer.
	 * @param root the rows; borrowed
	 * @param response receives them
	 * @throws IOException if the caller has disconnected
	 */
	static void answer(VectorSchemaRoot root, HttpServletResponse response) throws IOException {
		try (GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(AnnotatedBatch.of(root)))) {
			response.setContentType(ArrowMediaType.NAME);
			response.setContentLengthLong(body.length());
			body.writeTo(response.getOutputStream());
		}
	}

}
