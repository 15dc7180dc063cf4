package dev.vgi.external.storage.s3;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ExternalStorageContractTests;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.TransientNio2BlobStore;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4FamilyHttpSigner.AuthLocation;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;
import software.amazon.awssdk.http.auth.spi.signer.HttpSigner;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

/**
 * The contract of a storage on {@link S3Storage}, against a server that verifies
 * signatures: s3proxy in this process or, where {@code vgi.test.s3.endpoint} names one,
 * another server, which is how {@code .ci/storage} runs it a second time.
 */
class S3StorageContractTests extends ExternalStorageContractTests {

	private static final AtomicInteger BUCKETS = new AtomicInteger();

	private static final String REGION = "eu-central-1";

	private static final AwsBasicCredentials IDENTITY = AwsBasicCredentials.create("access", "planted-secret");

	/** Of a server that was started for these tests: same region and credentials. */
	private static final @Nullable String OTHER_SERVER = System.getProperty("vgi.test.s3.endpoint");

	private final List<AutoCloseable> resources = new ArrayList<>();

	private static @Nullable S3Proxy server;

	private static URI endpoint;

	private String bucket;

	private S3Client client;

	private StorageTransport transport;

	private S3Storage storage;

	@BeforeAll
	static void start() throws Exception {
		if (OTHER_SERVER != null) {
			endpoint = URI.create(OTHER_SERVER);
			return;
		}
		server = S3Proxy.builder()
			.blobStore(new TransientNio2BlobStore())
			.endpoint(URI.create("http://127.0.0.1:0"))
			.awsAuthentication(AuthenticationType.AWS_V4, IDENTITY.accessKeyId(), IDENTITY.secretAccessKey())
			.metricsEnabled(false)
			.ignoreUnknownHeaders(true)
			.build();
		server.start();
		endpoint = URI.create("http://127.0.0.1:" + server.getPort());
	}

	@AfterAll
	static void stop() throws Exception {
		if (server != null) {
			server.stop();
		}
	}

	@BeforeEach
	void create() {
		// Another server may outlive these tests.
		this.bucket = "batches-" + BUCKETS.incrementAndGet() + "-" + Long.toString(System.nanoTime(), 36);
		this.transport = closed(FixedPace.transport(TransportSettings.defaults()));
		AwsCredentialsProvider credentials = StaticCredentialsProvider.create(IDENTITY);
		this.client = closed(S3Clients.client(credentials, REGION, endpoint, true));
		this.client.createBucket((create) -> create.bucket(this.bucket));
		this.storage = create(credentials, endpoint, this.bucket, "vgi-rpc/");
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

	private S3Storage create(AwsCredentialsProvider credentials, URI endpoint, String bucket, String prefix) {
		return create(credentials, endpoint, bucket, prefix, Duration.ofSeconds(30));
	}

	private S3Storage create(AwsCredentialsProvider credentials, URI endpoint, String bucket, String prefix,
			Duration timeout) {
		S3Client client = closed(S3Clients.client(credentials, REGION, endpoint, true));
		S3Presigner presigner = closed(S3Clients.presigner(credentials, REGION, endpoint, true));
		S3StorageSettings settings = S3StorageSettings.of(bucket)
			.withPrefix(prefix)
			.withPartSize(5L << 20)
			.withMaxRetries(1)
			.withTimeout(timeout);
		return new S3Storage(client, presigner, this.transport, TransferThreads.platform(), settings, Clock.systemUTC(),
				(OTHER_SERVER != null) ? new RetryPolicy(1, settings.retryDelay(), this.transport)
						: new RecordedPauses().policy(1));
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
		return create(StaticCredentialsProvider.create(IDENTITY), endpoint, this.bucket, prefix + '/');
	}

	@Override
	protected ExternalStorage servedBy(URI server) {
		return create(StaticCredentialsProvider.create(IDENTITY), server, this.bucket, "vgi-rpc/");
	}

	@Override
	protected ExternalStorage withCredentials(Runnable asking, Duration timeout) {
		return create(() -> {
			asking.run();
			return IDENTITY;
		}, endpoint, this.bucket, "vgi-rpc/", timeout);
	}

	@Override
	protected boolean passesPauses() {
		return OTHER_SERVER == null;
	}

	@Override
	protected int multipartSize() {
		return (5 << 20) * 2 + 1;
	}

	@Override
	protected URI expired(URI url) {
		return sign(url, IDENTITY, Instant.now().minusSeconds(7200));
	}

	@Override
	protected URI forged(URI url) {
		return sign(url, AwsBasicCredentials.create("access", "another-secret"), Instant.now());
	}

	private URI sign(URI url, AwsBasicCredentials identity, Instant at) {
		SdkHttpRequest request = SdkHttpRequest.builder()
			.method(SdkHttpMethod.GET)
			.protocol(url.getScheme())
			.host(url.getHost())
			.port(url.getPort())
			.encodedPath(url.getRawPath())
			.build();
		return AwsV4HttpSigner.create()
			.sign((sign) -> sign.identity(identity)
				.request(request)
				.putProperty(AwsV4HttpSigner.SERVICE_SIGNING_NAME, "s3")
				.putProperty(AwsV4HttpSigner.REGION_NAME, REGION)
				.putProperty(AwsV4HttpSigner.DOUBLE_URL_ENCODE, false)
				.putProperty(AwsV4HttpSigner.NORMALIZE_PATH, false)
				.putProperty(AwsV4HttpSigner.PAYLOAD_SIGNING_ENABLED, false)
				.putProperty(AwsV4HttpSigner.AUTH_LOCATION, AuthLocation.QUERY_STRING)
				.putProperty(AwsV4HttpSigner.EXPIRATION_DURATION, Duration.ofHours(1))
				.putProperty(HttpSigner.SIGNING_CLOCK, Clock.fixed(at, ZoneOffset.UTC)))
			.request()
			.getUri();
	}

	@Override
	protected Map<String, ExternalStorage> broken() {
		AwsCredentialsProvider right = StaticCredentialsProvider.create(IDENTITY);
		AwsCredentialsProvider wrong = StaticCredentialsProvider
			.create(AwsBasicCredentials.create("access", "another-secret"));
		return Map.of("'vgi.external.s3.bucket'", create(right, endpoint, "no-such-bucket", "vgi-rpc/"),
				"credentials of S3 are wrong", create(wrong, endpoint, this.bucket, "vgi-rpc/"),
				"'vgi.external.s3.endpoint'", create(right, unusedEndpoint(), this.bucket, "vgi-rpc/"));
	}

	private static URI unusedEndpoint() {
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
		AwsCredentialsProvider credentials = StaticCredentialsProvider.create(IDENTITY);
		return List.of(
				create(credentials, endpoint, "other-bucket", "vgi-rpc/").generateUploadUrl(NO_FIELDS).downloadUrl(),
				create(credentials, endpoint, this.bucket, "other/").generateUploadUrl(NO_FIELDS).downloadUrl(),
				create(credentials, unusedEndpoint(), this.bucket, "vgi-rpc/").generateUploadUrl(NO_FIELDS)
					.downloadUrl(),
				URI.create(text.replace("127.0.0.1", "localhost")), URI.create(text.replace("/batches-", "/BATCHES-")),
				URI.create(text.replace("/vgi-rpc/", "/vgi-rpc//")), URI.create(text.replace("http:", "https:")),
				URI.create(text.replace("X-Amz-Signature=", "X-Amz-Other=")));
	}

	@Override
	protected List<String> contents() {
		List<String> names = new ArrayList<>();
		this.client.listObjectsV2Paginator((list) -> list.bucket(this.bucket))
			.contents()
			.stream()
			.map(S3Object::key)
			.forEach(names::add);
		this.client.listMultipartUploads((list) -> list.bucket(this.bucket))
			.uploads()
			.stream()
			.map(MultipartUpload::key)
			.forEach(names::add);
		return names;
	}

}
