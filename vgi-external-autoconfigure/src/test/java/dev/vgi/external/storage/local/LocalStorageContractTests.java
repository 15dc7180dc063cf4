package dev.vgi.external.storage.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ExternalStorageContractTests;
import dev.vgi.external.storage.UploadUrlProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * The contract of a storage on {@link LocalStorage}.
 */
class LocalStorageContractTests extends ExternalStorageContractTests {

	private final SteppedClock clock = new SteppedClock();

	private final Map<String, LocalStorage> served = new ConcurrentHashMap<>();

	@TempDir
	private Path temp;

	private LocalStorageServer server;

	private LocalStorage storage;

	@BeforeEach
	void start() throws IOException {
		this.server = new LocalStorageServer(this.served::get);
		this.storage = create("objects", "");
		this.served.put("", this.storage);
	}

	@AfterEach
	void stop() {
		this.server.close();
	}

	private LocalStorage create(String folder, String path) {
		return new LocalStorage(LocalStorageSettings.of(this.temp.resolve(folder)),
				() -> URI.create(this.server.url() + path), this.clock);
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
		// A folder knows no key prefix; what may be odd is the context path.
		String path = '/' + URLEncoder.encode(prefix, StandardCharsets.UTF_8).replace("+", "%20");
		this.served.put(path, create("prefixed", path));
		return this.served.get(path);
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
		try {
			UrlSigner other = UrlSigner.of(StoreDirectory.of(this.temp.resolve("other"), false), new SecureRandom());
			String signature = other.sign("GET", key, this.clock.instant().getEpochSecond() + 60);
			return URI.create(url.toString().replaceFirst("\\?.*", "") + "?expires="
					+ (this.clock.instant().getEpochSecond() + 60) + "&Signature=" + signature);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	@Override
	protected Map<String, ExternalStorage> broken() {
		// There are no credentials to be wrong, and no endpoint but the folder.
		LocalStorage gone = create("gone", "");
		try {
			Files.delete(this.temp.resolve("gone").resolve(UrlSigner.KEY_FILE));
			Files.delete(this.temp.resolve("gone"));
			Files.createFile(this.temp.resolve("gone"));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return Map.of("'vgi.external.local.directory'", gone);
	}

	@Override
	protected List<URI> foreign(URI url) {
		String text = url.toString();
		return List.of(create("stranger", "").generateUploadUrl(NO_FIELDS).downloadUrl(),
				this.storage.generateUploadUrl(NO_FIELDS).uploadUrl(), forged(url),
				URI.create(text.replace("expires=1", "expires=2")), URI.create(text + "&Signature=abc"),
				URI.create(text.replace(LocalStorage.PATH, "/elsewhere")));
	}

	@Override
	protected boolean takesOneUpload() {
		return true;
	}

	@Override
	protected List<String> contents() {
		try (Stream<Path> files = Files.list(this.temp.resolve("objects"))) {
			return files.map((file) -> file.getFileName().toString())
				.filter((name) -> !name.equals(UrlSigner.KEY_FILE))
				.toList();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
