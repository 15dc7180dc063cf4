package dev.vgi.external.web.server;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.util.List;

import dev.vgi.external.memory.OutputStreamChannel;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.local.LocalAccessException;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.RefusedUpload;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpRange;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;

/**
 * Serves the local store's objects under their signed URLs, as a bucket would: ranges,
 * HEAD, entity tags and content codings for downloads, one PUT for an upload. Content
 * stored by callers is never interpreted: fixed media type, no sniffing, sandboxed,
 * served as a download.
 */
public final class LocalStorageController {

	private final LocalStorage storage;

	/**
	 * Create a controller.
	 * @param storage the store to serve
	 */
	public LocalStorageController(LocalStorage storage) {
		this.storage = storage;
	}

	/**
	 * Answer a download: 200, 206 for one range, 304 for a known entity tag, 403 for a
	 * URL that is not signed for GET or has expired, 404 for a missing object, 412 for
	 * another entity tag than expected, 416 for a range outside the object.
	 * @param key the object's key
	 * @param request the request, whose query holds expiry and signature
	 * @param response the response
	 * @throws IOException if the connection to the caller or reading the folder fails
	 */
	@GetMapping(LocalStorage.PATH + "/{key}")
	public void download(@PathVariable String key, HttpServletRequest request, HttpServletResponse response)
			throws IOException {
		SignedQuery query = SignedQuery.of(request);
		try (StoredObject object = this.storage.read(key, query.expires(), query.signature())) {
			writeHeaders(object, response);
			String tag = object.entityTag();
			String expected = request.getHeader(HttpHeaders.IF_MATCH);
			if (expected != null && !matches(expected, tag)) {
				response.setStatus(HttpServletResponse.SC_PRECONDITION_FAILED);
				return;
			}
			String known = request.getHeader(HttpHeaders.IF_NONE_MATCH);
			if (known != null && matches(known, tag)) {
				response.setStatus(HttpServletResponse.SC_NOT_MODIFIED);
				return;
			}
			write(object, request, response);
		}
		catch (LocalAccessException ex) {
			refuse(ex, response);
		}
	}

	private static boolean matches(String header, String tag) {
		for (String candidate : header.split(",")) {
			if (candidate.trim().equals("*") || candidate.trim().equals(tag)) {
				return true;
			}
		}
		return false;
	}

	private static void writeHeaders(StoredObject object, HttpServletResponse response) {
		response.setContentType(ArrowMediaType.NAME);
		response.setHeader(HttpHeaders.ETAG, object.entityTag());
		response.setHeader(HttpHeaders.ACCEPT_RANGES, "bytes");
		response.setHeader(HttpHeaders.CACHE_CONTROL, "no-store");
		response.setHeader(HttpHeaders.CONTENT_DISPOSITION, "attachment");
		response.setHeader("X-Content-Type-Options", "nosniff");
		response.setHeader("Content-Security-Policy", "sandbox");
		if (object.contentCoding() != null) {
			response.setHeader(HttpHeaders.CONTENT_ENCODING, object.contentCoding());
		}
	}

	private static void write(StoredObject object, HttpServletRequest request, HttpServletResponse response)
			throws IOException {
		long first = 0;
		long last = object.length() - 1;
		HttpRange range = range(request, object.entityTag());
		if (range != null) {
			first = range.getRangeStart(object.length());
			last = range.getRangeEnd(object.length());
			if (first > last || first >= object.length()) {
				response.setHeader(HttpHeaders.CONTENT_RANGE, "bytes */" + object.length());
				response.setStatus(HttpServletResponse.SC_REQUESTED_RANGE_NOT_SATISFIABLE);
				return;
			}
			response.setHeader(HttpHeaders.CONTENT_RANGE, "bytes " + first + "-" + last + "/" + object.length());
			response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
		}
		response.setContentLengthLong(last - first + 1);
		if (!HttpMethod.HEAD.matches(request.getMethod())) {
			copy(object.channel(), first, last - first + 1, response.getOutputStream());
		}
	}

	// Returns the requested range. Several ranges and malformed ones are ignored, as HTTP
	// allows: the answer is then the whole object.
	private static @Nullable HttpRange range(HttpServletRequest request, String tag) {
		String header = request.getHeader(HttpHeaders.RANGE);
		String condition = request.getHeader(HttpHeaders.IF_RANGE);
		if (header == null || (condition != null && !condition.trim().equals(tag))) {
			return null;
		}
		try {
			List<HttpRange> ranges = HttpRange.parseRanges(header);
			return (ranges.size() == 1) ? ranges.get(0) : null;
		}
		catch (IllegalArgumentException ex) {
			return null;
		}
	}

	private static void copy(SeekableByteChannel channel, long offset, long length, OutputStream body)
			throws IOException {
		channel.position(offset);
		ByteBuffer step = ByteBuffer.allocate((int) Math.min(OutputStreamChannel.PIECE, length));
		long left = length;
		while (left > 0) {
			step.clear().limit((int) Math.min(step.capacity(), left));
			int read = channel.read(step);
			if (read < 0) {
				throw new IOException("The object ended " + left + " bytes early");
			}
			body.write(step.array(), 0, read);
			left -= read;
		}
	}

	/**
	 * Answer an upload: 204 once the object is stored, 403 for a URL that is not signed
	 * for PUT or has expired, 408 for a body that arrives too slowly, 409 if the object
	 * already exists, 411 without a length, 413 for a body that is too large, 507 if
	 * there is no room for it.
	 * @param key the object's key
	 * @param request the request, whose query holds expiry and signature
	 * @param response the response
	 * @throws IOException if the connection to the caller fails
	 */
	@PutMapping(LocalStorage.PATH + "/{key}")
	public void upload(@PathVariable String key, HttpServletRequest request, HttpServletResponse response)
			throws IOException {
		SignedQuery query = SignedQuery.of(request);
		try {
			String tag = this.storage.receive(key, query.expires(), query.signature(), request.getInputStream(),
					request.getContentLengthLong(), ContentCodingFilter.coding(request));
			response.setHeader(HttpHeaders.ETAG, tag);
			response.setStatus(HttpServletResponse.SC_NO_CONTENT);
		}
		catch (LocalAccessException ex) {
			refuse(ex, response);
			RefusedUpload.discard(request.getInputStream());
		}
	}

	private static void refuse(LocalAccessException refusal, HttpServletResponse response) throws IOException {
		response.setStatus(refusal.reason().status());
		response.setContentType("text/plain;charset=UTF-8");
		response.getWriter().println(refusal.getMessage());
		response.flushBuffer();
	}

}
