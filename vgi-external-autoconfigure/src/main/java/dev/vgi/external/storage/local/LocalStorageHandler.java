package dev.vgi.external.storage.local;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.channels.Channels;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.local.LocalAccessException.Reason;
import dev.vgi.external.transport.StorageUnavailableException;

import org.springframework.util.Assert;

/**
 * Serves a local store with the JDK's own HTTP server, for a program without Spring MVC.
 * Register it under {@link LocalStorage#PATH}. Sends whole objects and no ranges, and
 * accepts uploads.
 */
public final class LocalStorageHandler implements HttpHandler {

	/** Requests have a path only, and the host of a URL is not signed. */
	private static final URI ANY_HOST = URI.create("http://localhost");

	private final LocalStorage storage;

	/**
	 * Create a handler.
	 * @param storage the store to serve
	 */
	public LocalStorageHandler(LocalStorage storage) {
		Assert.notNull(storage, "'storage' must not be null");
		this.storage = storage;
	}

	@Override
	public void handle(HttpExchange exchange) throws IOException {
		try (exchange) {
			try {
				SignedKey signed = SignedKey.of(ANY_HOST.resolve(exchange.getRequestURI()));
				if (signed == null) {
					throw new LocalAccessException(Reason.BAD_SIGNATURE, "The URL is not signed by this store", null);
				}
				switch (exchange.getRequestMethod()) {
					case "GET", "HEAD" -> send(exchange, signed);
					case "PUT" -> receive(exchange, signed);
					default -> exchange.sendResponseHeaders(405, -1);
				}
			}
			catch (LocalAccessException ex) {
				RefusedUpload.discard(exchange.getRequestBody());
				exchange.sendResponseHeaders(ex.reason().status(), -1);
			}
			catch (StorageUnavailableException ex) {
				exchange.sendResponseHeaders(502, -1);
			}
		}
	}

	private void send(HttpExchange exchange, SignedKey signed) throws IOException {
		try (StoredObject object = this.storage.read(signed.key(), Long.toString(signed.expires()),
				signed.signature())) {
			Headers headers = exchange.getResponseHeaders();
			headers.set("Content-Type", ArrowMediaType.NAME);
			headers.set("ETag", object.entityTag());
			if (object.contentCoding() != null) {
				headers.set("Content-Encoding", object.contentCoding());
			}
			if (exchange.getRequestMethod().equals("HEAD")) {
				headers.set("Content-Length", Long.toString(object.length()));
				exchange.sendResponseHeaders(200, -1);
				return;
			}
			exchange.sendResponseHeaders(200, object.length());
			try (OutputStream body = exchange.getResponseBody()) {
				Channels.newInputStream(object.channel()).transferTo(body);
			}
		}
	}

	private void receive(HttpExchange exchange, SignedKey signed) throws IOException {
		String length = exchange.getRequestHeaders().getFirst("Content-Length");
		String tag = this.storage.receive(signed.key(), Long.toString(signed.expires()), signed.signature(),
				exchange.getRequestBody(), (length != null) ? Long.parseLong(length) : -1,
				exchange.getRequestHeaders().getFirst("Content-Encoding"));
		exchange.getResponseHeaders().set("ETag", tag);
		exchange.sendResponseHeaders(204, -1);
	}

}
