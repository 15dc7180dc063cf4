package dev.vgi.external.test;

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ExternalStorageContractTests;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.local.SteppedClock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The contract of a storage on {@link InMemoryStorage}.
 */
class InMemoryStorageContractTests extends ExternalStorageContractTests {

	private final SteppedClock clock = new SteppedClock();

	private final List<InMemoryStorage> storages = new ArrayList<>();

	private final InMemoryStorage storage = create("/objects");

	@AfterEach
	void stop() {
		this.storages.forEach(InMemoryStorage::close);
	}

	private InMemoryStorage create(String path) {
		InMemoryStorage storage = new InMemoryStorage(path, this.clock);
		this.storages.add(storage);
		return storage;
	}

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void refusalOfALargeUploadIsAnAnswerAndNotABrokenConnection() throws Exception {
		URI url = this.storage.generateUploadUrl(NO_FIELDS).uploadUrl();
		for (int attempt = 0; attempt < 5; attempt++) {
			this.storage.failNextUpload();
			assertThat(put(url)).isEqualTo(500);
			assertThat(put(URI.create(url + "&Signature=abc"))).isEqualTo(403);
		}
	}

	private static int put(URI url) throws Exception {
		HttpClient client = HttpClient.newHttpClient();
		HttpRequest request = HttpRequest.newBuilder(url)
			.PUT(HttpRequest.BodyPublishers.ofByteArray(new byte[32 << 20]))
			.build();
		return client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
	}

	@Override
	protected ExternalStorage storage() {
		return this.storage;
	}

	@Override
	protected UploadUrlProvider uploadUrls() {
		return this.storage;
	}

	@Override
	protected ExternalStorage withPrefix(String prefix) {
		return create('/' + URLEncoder.encode(prefix, StandardCharsets.UTF_8).replace("+", "%20"));
	}

	@Override
	protected int multipartSize() {
		return 20_000_001;
	}

	@Override
	protected URI expired(URI url) {
		this.clock.step(Duration.ofHours(1));
		return url;
	}

	@Override
	protected URI forged(URI url) {
		String key = url.getPath().substring(url.getPath().lastIndexOf('/') + 1);
		return new SignedUrls(url.resolve("."), Clock.systemUTC()).sign("GET", key, Duration.ofHours(1));
	}

	@Override
	protected Map<String, ExternalStorage> broken() {
		InMemoryStorage closed = create("");
		closed.close();
		return Map.of("is closed", closed);
	}

	@Override
	protected List<URI> foreign(URI url) {
		return List.of(create("/objects").generateUploadUrl(NO_FIELDS).downloadUrl(),
				this.storage.generateUploadUrl(NO_FIELDS).uploadUrl(), forged(url), URI.create(url + "&Signature=abc"));
	}

	@Override
	protected List<String> contents() {
		return this.storage.contents();
	}

}
