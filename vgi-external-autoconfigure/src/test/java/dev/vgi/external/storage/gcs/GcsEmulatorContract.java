package dev.vgi.external.storage.gcs;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ExternalStorageContractTests;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.RegisterExtension;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The contract of a storage on {@link GcsStorage}, against an emulator of other authors:
 * fake-gcs-server, at the URL of the system property {@code vgi.test.gcs.host}. Its name
 * keeps it out of {@code mvn verify}, which has no emulator: {@code .ci/storage} installs
 * one and runs this.
 */
class GcsEmulatorContract extends ExternalStorageContractTests {

	private static final String NO_SIGNATURES = "fake-gcs-server verifies no signatures";

	private static final String NO_BUCKET = "fake-gcs-server does not tell a missing bucket from a missing object";

	/** What the emulator cannot do, by test; {@link GcsStorageContractTests} does it. */
	private static final Map<String, String> NOT_EMULATED = Map.ofEntries(
			Map.entry("vendedUrlsAreBoundToTheirMethods", NO_SIGNATURES),
			Map.entry("tamperedUrlsAreRefused", NO_SIGNATURES), Map.entry("expiredUrlsAreRefused", NO_SIGNATURES),
			Map.entry("expiredUrlIsForItsOwnerOnly", NO_SIGNATURES), Map.entry("markOfAnOwnerIsSigned", NO_SIGNATURES),
			Map.entry("objectOfAnExpiredUrlIsSignedAgain", NO_SIGNATURES),
			Map.entry("urlsOfOthersCredentialsAreRefused", NO_SIGNATURES),
			Map.entry("entityTagTiesRangesToOneObject", "fake-gcs-server ignores If-Match"),
			Map.entry("failedUploadLeavesNothing", "fake-gcs-server stores bodies that broke off"),
			Map.entry("misconfigurationIsAClearError", NO_BUCKET),
			Map.entry("brokenStorageSignsNothingAgain", NO_BUCKET));

	@RegisterExtension
	static final ExecutionCondition emulated = (context) -> {
		String reason = context.getTestMethod().map((method) -> NOT_EMULATED.get(method.getName())).orElse(null);
		if (context.getDisplayName().contains("gzip")) {
			reason = "fake-gcs-server decompresses what is stored as gzip";
		}
		return (reason != null) ? ConditionEvaluationResult.disabled(reason)
				: ConditionEvaluationResult.enabled("emulated");
	};

	private static final AtomicInteger BUCKETS = new AtomicInteger();

	private static final int CHUNK = 1 << 20;

	private static final HttpClient HTTP = HttpClient.newHttpClient();

	/** Gives access tokens, which the emulator does not ask for but the SDK does. */
	private static GcsServer identities;

	private static URI host;

	private final List<AutoCloseable> resources = new ArrayList<>();

	private String bucket;

	private StorageTransport transport;

	private GcsStorage storage;

	@BeforeAll
	static void start() throws Exception {
		host = URI.create(System.getProperty("vgi.test.gcs.host"));
		identities = new GcsServer();
		identities.account(Accounts.EMAIL, Accounts.KEYS);
	}

	@AfterAll
	static void stop() {
		identities.close();
	}

	@BeforeEach
	void create() throws Exception {
		this.bucket = "batches-" + ProcessHandle.current().pid() + "-" + BUCKETS.incrementAndGet();
		json("POST", "/storage/v1/b?project=project", "{\"name\": \"" + this.bucket + "\"}");
		this.transport = closed(FixedPace.transport(TransportSettings.defaults()));
		this.storage = create(this.bucket, "vgi-rpc/");
	}

	@AfterEach
	void close() throws Exception {
		for (AutoCloseable resource : this.resources) {
			resource.close();
		}
	}

	private static JsonNode json(String method, String path, String body) throws IOException, InterruptedException {
		HttpResponse<String> response = HTTP.send(HttpRequest.newBuilder(host.resolve(path))
			.header("Content-Type", "application/json")
			.method(method, BodyPublishers.ofString(body))
			.build(), BodyHandlers.ofString());
		assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
		return JsonMapper.shared().readTree(response.body().isEmpty() ? "{}" : response.body());
	}

	private <T extends AutoCloseable> T closed(T resource) {
		this.resources.add(resource);
		return resource;
	}

	private GcsStorage create(String bucket, String prefix) {
		GcsStorageSettings settings = GcsStorageSettings.of(bucket)
			.withPrefix(prefix)
			.withPartSize(CHUNK)
			.withMaxRetries(1)
			.withTimeout(Duration.ofSeconds(30));
		return new GcsStorage(closed(Accounts.storage(Accounts.credentials(identities, Accounts.KEYS), host)),
				this.transport, TransferThreads.platform(), settings, Clock.systemUTC(),
				new RecordedPauses().policy(1));
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
		return create(this.bucket, prefix + '/');
	}

	@Override
	protected int multipartSize() {
		return CHUNK * 2 + 1;
	}

	@Override
	protected URI expired(URI url) {
		throw new UnsupportedOperationException(NO_SIGNATURES);
	}

	@Override
	protected URI forged(URI url) {
		throw new UnsupportedOperationException(NO_SIGNATURES);
	}

	@Override
	protected Map<String, ExternalStorage> broken() {
		throw new UnsupportedOperationException("nothing can be wrong with an emulator's credentials");
	}

	@Override
	protected List<URI> foreign(URI url) {
		return List.of(create("other-bucket", "vgi-rpc/").generateUploadUrl(NO_FIELDS).downloadUrl(),
				create(this.bucket, "other/").generateUploadUrl(NO_FIELDS).downloadUrl());
	}

	@Override
	protected List<String> contents() {
		try {
			List<String> names = new ArrayList<>();
			JsonNode items = json("GET", "/storage/v1/b/" + this.bucket + "/o", "").get("items");
			if (items != null) {
				items.forEach((item) -> names.add(item.get("name").asString()));
			}
			return names;
		}
		catch (IOException | InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	void chunksOfOneUploadAreOneObject() throws Exception {
		for (int size : new int[] { CHUNK + 1, CHUNK * 2, CHUNK * 5 - 1 }) {
			BytesPayload payload = BytesPayload.random(size, size);
			HttpResponse<byte[]> response = get(this.storage.upload(payload, NO_FIELDS, "zstd"));
			assertThat(response.body()).isEqualTo(payload.bytes());
			assertThat(response.headers().firstValue("content-type")).hasValue("application/vnd.apache.arrow.stream");
		}
		assertThat(contents()).hasSize(3);
	}

	@Test
	void rulesOfTheBucketAreRead() {
		assertThat(this.storage.verifyLifecycle(Duration.ofDays(1)).verdict()).isEqualTo(Verdict.MISSING);
	}

}
