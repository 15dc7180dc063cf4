package dev.vgi.external.storage.gcs;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.security.KeyPair;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import com.google.api.core.ApiClock;
import com.google.auth.Credentials;
import com.google.cloud.storage.BlobInfo;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.Storage.SignUrlOption;
import com.google.cloud.storage.StorageOptions;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ExternalStorageContractTests;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/**
 * The contract of a storage on {@link GcsStorage}, against a server that verifies
 * signatures and access tokens.
 */
class GcsStorageContractTests extends ExternalStorageContractTests {

	private static final AtomicInteger BUCKETS = new AtomicInteger();

	private static final KeyPair OTHER_KEYS = Accounts.keys();

	private static final int CHUNK = 1 << 20;

	private static GcsServer server;

	private final List<AutoCloseable> resources = new ArrayList<>();

	private String bucket;

	private StorageTransport transport;

	private GcsStorage storage;

	@BeforeAll
	static void start() throws Exception {
		server = new GcsServer();
		server.account(Accounts.EMAIL, Accounts.KEYS);
	}

	@AfterAll
	static void stop() {
		server.close();
	}

	@BeforeEach
	void create() {
		this.bucket = "batches-" + BUCKETS.incrementAndGet();
		server.bucket(this.bucket);
		this.transport = closed(FixedPace.transport(TransportSettings.defaults()));
		this.storage = create(Accounts.KEYS, server.url(), this.bucket, "vgi-rpc/");
	}

	@AfterEach
	void close() throws Exception {
		for (AutoCloseable resource : this.resources) {
			resource.close();
		}
	}

	private <T extends AutoCloseable> T closed(T resource) {
		this.resources.add(resource);
		return resource;
	}

	private GcsStorage create(KeyPair keys, URI host, String bucket, String prefix) {
		return create(Accounts.credentials(server, keys), host, bucket, prefix, Duration.ofSeconds(30));
	}

	private GcsStorage create(Credentials credentials, URI host, String bucket, String prefix, Duration timeout) {
		GcsStorageSettings settings = GcsStorageSettings.of(bucket)
			.withPrefix(prefix)
			.withPartSize(CHUNK)
			.withMaxRetries(1)
			.withTimeout(timeout);
		return new GcsStorage(closed(Accounts.storage(credentials, host)), this.transport, TransferThreads.platform(),
				settings, Clock.systemUTC(), new RecordedPauses().policy(1));
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
		return create(Accounts.KEYS, server.url(), this.bucket, prefix + '/');
	}

	@Override
	protected ExternalStorage servedBy(URI server) {
		return create(Accounts.KEYS, server, this.bucket, "vgi-rpc/");
	}

	@Override
	protected ExternalStorage withCredentials(Runnable asking, Duration timeout) {
		return create(Accounts.asking(server, asking), server.url(), this.bucket, "vgi-rpc/", timeout);
	}

	@Override
	protected boolean passesPauses() {
		return true;
	}

	@Override
	protected int multipartSize() {
		return CHUNK * 2 + 1;
	}

	@Override
	protected URI expired(URI url) {
		return sign(url, Accounts.KEYS, Instant.now().minusSeconds(7200));
	}

	@Override
	protected URI forged(URI url) {
		return sign(url, OTHER_KEYS, Instant.now());
	}

	private URI sign(URI url, KeyPair keys, Instant at) {
		String name = url.getPath().substring(this.bucket.length() + 2);
		StorageOptions options = StorageOptions.newBuilder()
			.setCredentials(Accounts.credentials(server, keys))
			.setHost(server.url().toString())
			.setClock(new FixedClock(at.toEpochMilli()))
			.build();
		try (Storage signer = options.getService()) {
			return signer
				.signUrl(BlobInfo.newBuilder(this.bucket, name).build(), 1, TimeUnit.HOURS,
						SignUrlOption.withV4Signature(), SignUrlOption.withPathStyle(),
						SignUrlOption.withHostName(server.url().toString()))
				.toURI();
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Override
	protected Map<String, ExternalStorage> broken() {
		return Map.of("'vgi.external.gcs.bucket'", create(Accounts.KEYS, server.url(), "no-such-bucket", "vgi-rpc/"),
				"credentials of GCS are wrong", create(OTHER_KEYS, server.url(), this.bucket, "vgi-rpc/"),
				"'spring.cloud.gcp.storage.host'", create(Accounts.KEYS, unusedHost(), this.bucket, "vgi-rpc/"));
	}

	private static URI unusedHost() {
		try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			return URI.create("http://127.0.0.1:" + socket.getLocalPort());
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Override
	protected List<URI> foreign(URI url) {
		String text = url.toString();
		return List.of(
				create(Accounts.KEYS, server.url(), "other-bucket", "vgi-rpc/").generateUploadUrl(NO_FIELDS)
					.downloadUrl(),
				create(Accounts.KEYS, server.url(), this.bucket, "other/").generateUploadUrl(NO_FIELDS).downloadUrl(),
				create(Accounts.KEYS, unusedHost(), this.bucket, "vgi-rpc/").generateUploadUrl(NO_FIELDS).downloadUrl(),
				URI.create(text.replace("127.0.0.1", "localhost")), URI.create(text.replace("/batches-", "/BATCHES-")),
				URI.create(text.replace("/vgi-rpc/", "/vgi-rpc//")), URI.create(text.replace("http:", "https:")),
				URI.create(text.replace("X-Goog-Signature=", "X-Goog-Other=")),
				URI.create(text.replace("X-Goog-Signature=", "X-Amz-Signature=")));
	}

	@Override
	protected List<String> contents() {
		return server.contents(this.bucket);
	}

	/**
	 * A clock that stands still.
	 *
	 * @param millis its time
	 */
	private record FixedClock(long millis) implements ApiClock {

		@Override
		public long nanoTime() {
			return TimeUnit.MILLISECONDS.toNanos(this.millis);
		}

		@Override
		public long millisTime() {
			return this.millis;
		}

	}

}
