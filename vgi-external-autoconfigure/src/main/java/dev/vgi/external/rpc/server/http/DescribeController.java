package dev.vgi.external.rpc.server.http;

import java.io.IOException;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.rpc.server.MethodTable;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.web.server.ErrorWriter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.web.bind.annotation.PostMapping;

/**
 * Describes all methods to peers of the flat dialect: {@code POST {prefix}/__describe__}
 * returns one row per method.
 */
final class DescribeController {

	private static final int MAX_REQUEST = 64 * 1024;

	private final MethodTable table;

	private final BufferAllocator allocator;

	private final ErrorWriter errors;

	DescribeController(MethodTable table, BufferAllocator allocator, ErrorWriter errors) {
		this.table = table;
		this.allocator = allocator;
		this.errors = errors;
	}

	/**
	 * Describe the methods: 415 for a body that is not Arrow, 400 for a request that does
	 * not follow the protocol.
	 * @param request the request
	 * @param response the response
	 * @throws IOException if the caller has disconnected
	 */
	@PostMapping("/" + MethodTable.METHOD)
	void describe(HttpServletRequest request, HttpServletResponse response) throws IOException {
		String contentType = request.getContentType();
		if (!ArrowMediaType.isNamedBy(contentType)) {
			response.sendError(HttpServletResponse.SC_UNSUPPORTED_MEDIA_TYPE);
			return;
		}
		try (IpcStreamReader reader = IpcStreamReader.of(request.getInputStream(), MAX_REQUEST, this.allocator);
				AnnotatedBatch batch = reader.nextStream() ? reader.next() : null) {
			if (batch == null || !MethodTable.METHOD.equals(batch.metadata().get(MetadataKeys.METHOD))
					|| !"1".equals(batch.metadata().get(MetadataKeys.REQUEST_VERSION))) {
				throw new CorruptStreamException("The request is not for " + MethodTable.METHOD);
			}
			reader.readToEnd();
		}
		catch (CorruptStreamException ex) {
			this.errors.writeError(request, response, HttpServletResponse.SC_BAD_REQUEST, ex);
			return;
		}
		catch (VgiExternalException ex) {
			this.errors.writeError(request, response, HttpServletResponse.SC_OK, ex);
			return;
		}
		try (AnnotatedBatch rows = this.table.batch(this.allocator);
				GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(rows))) {
			response.setContentType(ArrowMediaType.NAME);
			response.setContentLengthLong(body.length());
			body.writeTo(response.getOutputStream());
		}
	}

}
