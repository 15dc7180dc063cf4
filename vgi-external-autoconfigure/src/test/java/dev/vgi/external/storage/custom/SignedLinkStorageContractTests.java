package dev.vgi.external.storage.custom;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ExternalStorageContractTests;
import dev.vgi.external.storage.SignedUrlSettings;
import dev.vgi.external.storage.SignedUrlStorage;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageServer;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.storage.local.SteppedClock;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * The contract of a storage on the example of {@code docs/custom-storage.md}. Its server
 * is a folder whose key the example knows.
 */
class SignedLinkStorageContractTests extends ExternalStorageContractTests {

	private final SteppedClock clock = new SteppedClock();

	private final Map<String, LocalStorage> served = new ConcurrentHashMap<>();

	private final StorageTransport transport = FixedPace.transport(TransportSettings.defaults());

	@TempDir
	private Path temp;

	private LocalStorageServer server;

	private SignedLinkStorage storage;

	@BeforeEach
	void start() throws IOException {
		this.server = new LocalStorageServer(this.served::get);
		this.storage = create("", "objects");
	}

	@AfterEach
	void stop() {
		this.server.close();
		this.transport.close();
	}

	private SignedLinkStorage create(String path, String folder) {
		Path directory = this.temp.resolve(folder);
		this.served.put(path,
				new LocalStorage(LocalStorageSettings.of(directory), () -> this.server.url(), this.clock));
		try {
			return create(this.server.url() + path, Files.readAllBytes(directory.resolve(".signing-key")));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private SignedLinkStorage create(String url, byte[] secret) {
		return new SignedLinkStorage(this.transport, URI.create(url + LocalStorage.PATH), secret, this.clock);
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
		return create('/' + URLEncoder.encode(prefix, StandardCharsets.UTF_8).replace("+", "%20"), "prefixed");
	}

	@Override
	protected boolean takesOneUpload() {
		// As its server has it.
		return true;
	}

	@Override
	protected boolean takesDeletions() {
		// Its server does not.
		return false;
	}

	@Override
	protected ExternalStorage servedBy(URI server) {
		return create(server.toString(), new byte[32]);
	}

	@Override
	protected ExternalStorage withCredentials(Runnable asking, Duration timeout) {
		SignedLinkStorage signer = this.storage;
		SignedUrlSettings settings = SignedUrlSettings
			.of(URI.create(this.server.url() + LocalStorage.PATH), "expires", "Signature")
			.withTimeout(timeout)
			.withMaxRetries(1);
		return new SignedUrlStorage("links", settings, this.transport, this.clock) {

			@Override
			protected URI sign(URI url, String method, Instant expires) {
				asking.run();
				return signer.sign(url, method, expires);
			}

		};
	}

	@Override
	protected int multipartSize() {
		return 5_000_001;
	}

	@Override
	protected URI expired(URI url) {
		this.clock.step(Duration.ofHours(1));
		return url;
	}

	@Override
	protected URI forged(URI url) {
		URI other = create(this.server.url().toString(), new byte[32]).generateUploadUrl(NO_FIELDS).downloadUrl();
		return URI.create(url.toString().replaceFirst("\\?.*", "?") + other.getRawQuery());
	}

	@Override
	protected Map<String, ExternalStorage> broken() {
		String nowhere = "http://127.0.0.1:" + unusedPort();
		return Map.of("answered 403: it does not take the signature",
				create(this.server.url().toString(), new byte[32]), nowhere, create(nowhere, new byte[32]));
	}

	private static int unusedPort() {
		try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			return socket.getLocalPort();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	@Override
	protected List<URI> foreign(URI url) {
		String text = url.toString();
		return List.of(URI.create(text.replace("127.0.0.1", "localhost")), URI.create(text.replace("http:", "https:")),
				URI.create(text.replaceFirst("Signature=[^&]*", "Signature=")), URI.create(text + "#fragment"),
				URI.create(text.replace(LocalStorage.PATH, "/elsewhere")));
	}

	@Override
	protected List<String> contents() {
		try (Stream<Path> files = Files.list(this.temp.resolve("objects"))) {
			// Others are the server's own: it notices a little later that an upload broke
			// off.
			return files.map((file) -> file.getFileName().toString())
				.filter((name) -> name.contains(".arrow"))
				.toList();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
