package dev.vgi.external.conformance;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.util.Assert;

/**
 * A backend for the store that the suite brings along: objects are allocated by
 * {@code POST /alloc} and have one URL for PUT and one for GET.
 */
final class FakeStorage implements ExternalStorage, UploadUrlProvider {

	private static final Duration TIMEOUT = Duration.ofSeconds(10);

	private final HttpClient client = HttpClient.newBuilder()
		.version(HttpClient.Version.HTTP_1_1)
		.connectTimeout(TIMEOUT)
		.build();

	private final JsonMapper json = JsonMapper.shared();

	private final URI base;

	private final StorageTransport transport;

	FakeStorage(URI base, StorageTransport transport) {
		this.base = base;
		this.transport = transport;
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
		UploadUrl url = allocate(contentCoding);
		Map<String, String> headers = new LinkedHashMap<>();
		headers.put("Content-Type", "application/octet-stream");
		if (contentCoding != null) {
			headers.put("Content-Encoding", contentCoding);
		}
		try (Payload.Part whole = payload.next(Payload.LARGEST_PART)) {
			Assert.state(whole != null && whole.isLast(), "the fake storage knows no parts");
			put(url, whole, headers);
		}
		return url.downloadUrl();
	}

	private void put(UploadUrl url, Payload.Part whole, Map<String, String> headers) {
		try (StorageResponse response = this.transport.put(url.uploadUrl(), whole, headers, UrlValidator.acceptAll(),
				Deadline.in(TIMEOUT))) {
			if (response.status() / 100 != 2) {
				throw new UploadRefusedException("The fake storage answered " + response.status(), null);
			}
		}
	}

	@Override
	public UploadUrl generateUploadUrl(Schema schema) {
		return allocate(null);
	}

	private UploadUrl allocate(@Nullable String contentCoding) {
		String request = (contentCoding != null) ? "{\"content_encoding\":\"" + contentCoding + "\"}" : "{}";
		try {
			HttpResponse<String> response = send(HttpRequest.newBuilder(this.base.resolve("/alloc"))
				.timeout(TIMEOUT)
				.header("Content-Type", "application/json")
				.POST(HttpRequest.BodyPublishers.ofString(request))
				.build());
			JsonNode allocated = this.json.readTree(response.body());
			return new UploadUrl(this.base.resolve(allocated.get("upload_url").asString()),
					this.base.resolve(allocated.get("download_url").asString()), Instant.now().plusSeconds(3600));
		}
		catch (IOException ex) {
			throw new StorageUnavailableException("The fake storage cannot be reached", 0, ex);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new StorageUnavailableException("Interrupted", 0, null);
		}
	}

	private HttpResponse<String> send(HttpRequest request) throws IOException, InterruptedException {
		try {
			return this.client.send(request, HttpResponse.BodyHandlers.ofString());
		}
		catch (IOException ex) {
			// The store closes idle connections just as they are used again.
			return this.client.send(request, HttpResponse.BodyHandlers.ofString());
		}
	}

	@Override
	public boolean isOwn(URI url) {
		return url.toString().startsWith(this.base.toString());
	}

	@Override
	public boolean signsAgain() {
		return true;
	}

	@Override
	public @Nullable String renewableKey(URI url) {
		return isOwn(url) ? url.getRawPath() : null;
	}

	@Override
	public URI signAgain(String key) {
		// Nothing is signed here.
		return this.base.resolve(key);
	}

	@Override
	public String name() {
		return "fake";
	}

}
