package dev.vgi.external;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

import dev.vgi.external.SecretsApplication.SecretService;
import dev.vgi.external.autoconfigure.ServiceAccountKey;
import dev.vgi.external.autoconfigure.VgiExternalProperties;
import dev.vgi.external.autoconfigure.VgiRpcProperties;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.StreamReply;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.metrics.buffering.BufferingApplicationStartup;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.http.client.HttpComponentsClientHttpRequestFactory;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.http.client.SimpleClientHttpRequestFactory;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Runs a service with planted secrets, with each kind of storage, with and without
 * faults. The client is the service itself, so both sides are covered. Collects what
 * nobody may see, and what the service shows by itself: responses, exceptions and
 * Actuator's endpoints. Who else watches is up to the caller.
 */
@SuppressWarnings("NullAway.Init")
final class SecretsScenario {

	static final String SESSION_TOKEN = "planted5e5510n70ken";

	static final String SECRET_KEY = "planted5ec7e7key";

	static final String PASSWORD = "plantedpa55w07d";

	static final String FOREIGN = "planted5167a7u7e";

	/** Of Google's token service. */
	static final String ACCESS_TOKEN = "plantedacce5570ken";

	/** Of an upload in pieces: whoever knows it may write. */
	static final String SESSION_ID = "plantedup10ad1d";

	/** Seals the state of streams, and what renews links. */
	static final String TOKEN_KEY = "7a5eed".repeat(10) + "7a5e";

	private static final Schema SCHEMA = SecretsApplication.SCHEMA;

	private final Set<String> secrets = new TreeSet<>(List.of(SESSION_TOKEN, SECRET_KEY, PASSWORD, FOREIGN,
			ACCESS_TOKEN, SESSION_ID, TOKEN_KEY, Base64.getEncoder().encodeToString(HexFormat.of().parseHex(TOKEN_KEY)),
			Arrays.toString(HexFormat.of().parseHex(TOKEN_KEY)), ServiceAccountKey.encoded()));

	private final List<String> shown = new ArrayList<>();

	private final Path folder;

	private final Watch watch;

	private ConfigurableApplicationContext context;

	private int port;

	/**
	 * Prepare a run.
	 * @param folder of the local store and the log, which nobody else uses
	 * @param watch is told of each application
	 */
	SecretsScenario(Path folder, Watch watch) {
		this.folder = folder;
		this.watch = watch;
	}

	/**
	 * Return what nobody may see.
	 * @return signatures, tokens, keys and passwords
	 */
	Set<String> secrets() {
		return this.secrets;
	}

	/**
	 * Return what the service has shown.
	 * @return texts
	 */
	List<String> shown() {
		return this.shown;
	}

	/**
	 * Use a bucket of S3, and then break it.
	 * @param faults in which ways
	 * @param settings further properties
	 */
	void bucket(List<String> faults, String... settings) throws Exception {
		SecretsBucket bucket = new SecretsBucket();
		try (FaultServer server = new FaultServer(bucket);
				ConfigurableApplicationContext started = start(settings, "vgi.external.s3.bucket=our-bucket",
						"spring.http.clients.imperative.factory=http-components",
						"vgi.external.s3.endpoint=" + server.url(""), "spring.cloud.aws.region.static=us-east-1",
						"vgi.external.client.url.allowed-hosts=localhost:" + server.port(),
						"vgi.external.client.url.allowed-schemes=http")) {
			useService();
			for (String fault : faults) {
				bucket.fail(fault);
				useBrokenService();
			}
			server.requests().forEach((request) -> plant(server.url(request.target())));
			lookAround(started);
		}
	}

	/**
	 * Use a bucket of Google Cloud Storage, as far as it can be used without Google.
	 * @param settings further properties
	 */
	void googleBucket(String... settings) throws Exception {
		try (FaultServer server = new FaultServer(new SecretsBucket())) {
			String key = new String(Base64.getDecoder().decode(ServiceAccountKey.encoded()), StandardCharsets.UTF_8)
				.replace("http://127.0.0.1:1/token", server.url("/token").toString());
			String encoded = Base64.getEncoder().encodeToString(key.getBytes(StandardCharsets.UTF_8));
			this.secrets.add(encoded);
			this.secrets.add(JsonMapper.shared().readTree(key).get("private_key").asString().split("\n")[1]);
			try (ConfigurableApplicationContext started = start(settings, "vgi.external.gcs.bucket=our-bucket",
					"spring.http.clients.imperative.factory=http-components", "spring.cloud.gcp.project-id=project",
					"google=" + server.url(""), "spring.cloud.gcp.credentials.encoded-key=" + encoded,
					"vgi.external.client.url.allowed-hosts=localhost:" + server.port(),
					"vgi.external.client.url.allowed-schemes=http")) {
				useService();
				ExternalStorage storage = started.getBean(ExternalStorage.class);
				show(catchThrowable(() -> storage.upload(BytesPayload.random(9 << 20, 1), SCHEMA, null)));
				server.requests().forEach((request) -> plant(server.url(request.target())));
				lookAround(started);
			}
		}
	}

	/**
	 * Use the local store, in ways that it is not meant for, too.
	 * @param settings further properties
	 */
	void localStore(String... settings) throws Exception {
		try (ConfigurableApplicationContext started = start(settings, "vgi.external.local.directory=" + this.folder,
				"spring.http.clients.imperative.factory=http-components")) {
			byte[] key = Files.readAllBytes(this.folder.resolve(".signing-key"));
			this.secrets.addAll(List.of(HexFormat.of().formatHex(key), Base64.getEncoder().encodeToString(key),
					Base64.getUrlEncoder().withoutPadding().encodeToString(key), Arrays.toString(key)));
			useService();
			URI object = storedObject();
			plant(object);
			String target = object.getRawPath() + "?" + object.getRawQuery();
			assertThat(get(target).status()).isEqualTo(200);
			assertThat(RawHttp.exchange(this.port, "HEAD", target, null).status()).isEqualTo(200);
			assertThat(RawHttp.exchange(this.port, "GET", target, null, "Referer: " + object).status()).isEqualTo(200);
			for (String spelling : List.of("/%5Fvgi/", "/_vgi;a=b/", "//_vgi/", "/./_vgi/", "/x/../_vgi/", "/_VGI/",
					"/_vgi//", "/%5fvg%69;/./")) {
				show(get(target.replace("/_vgi/", spelling)));
			}
			show(get(target.replace("expires=", "expires=1")));
			show(RawHttp.exchange(this.port, "PUT", target, new byte[3]));
			show(RawHttp.exchange(this.port, "DELETE", target, null));
			try (Stream<Path> files = Files.list(this.folder)) {
				for (Path file : files.filter((each) -> each.toString().endsWith(".arrow")).toList()) {
					Files.delete(file);
				}
			}
			show(get(target));
			useBrokenService();
			lookAround(started);
		}
	}

	/**
	 * Send signatures where they do not belong, and fetch signed URLs with the clients of
	 * others.
	 * @param settings further properties
	 */
	void foreignWays(String... settings) throws Exception {
		try (ConfigurableApplicationContext started = start(settings, "vgi.external.local.directory=" + this.folder,
				"spring.mvc.log-request-details=true", "server.http2.enabled=true",
				"spring.http.clients.imperative.factory=jdk")) {
			numbers();
			URI object = storedObject();
			plant(object);
			String target = object.getRawPath() + "?" + object.getRawQuery();
			RawHttp.exchange(this.port, "GET", "/add_one", null, "Referer: " + object);
			RawHttp.exchange(this.port, "GET", "/error?" + object.getRawQuery(), null);
			RawHttp.exchange(this.port, "GET", target + "|", null);
			HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build();
			for (int i = 0; i < 2; i++) {
				HttpResponse<Void> response = http.send(HttpRequest.newBuilder(object).build(),
						HttpResponse.BodyHandlers.discarding());
				assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_2);
			}
			try (FaultServer bucket = new FaultServer(new SecretsBucket())) {
				for (String signature : List.of("X-Amz-Security-Token=" + SESSION_TOKEN + "&X-Amz-Signature=" + FOREIGN,
						"X-Goog-Signature=" + FOREIGN, "Signature=" + FOREIGN)) {
					fetchAsOthersDo(bucket.url("/our-bucket/x?" + signature), started);
				}
			}
			UploadUrl vended = started.getBean(UploadUrlProvider.class).generateUploadUrl(SCHEMA);
			plant(vended);
			URI upload = vended.uploadUrl();
			try (RawHttp unfinished = new RawHttp(this.port)) {
				unfinished.send("PUT", upload.getRawPath() + "?" + upload.getRawQuery(), null, false,
						"Content-Length: 1", "Expect: 100-continue");
				assertThat(unfinished.receive().status()).isEqualTo(100);
				this.watch.ending(started);
				unfinished.write(new byte[1]);
				assertThat(unfinished.receive().status()).isLessThan(300);
			}
		}
	}

	private static void fetchAsOthersDo(URI url, ConfigurableApplicationContext started) throws Exception {
		for (ClientHttpRequestFactory engine : List.of(new HttpComponentsClientHttpRequestFactory(),
				new JdkClientHttpRequestFactory(), new SimpleClientHttpRequestFactory())) {
			RestClient client = started.getBean(RestClient.Builder.class).requestFactory(engine).build();
			client.get().uri(url).exchange((request, response) -> response.getStatusCode());
		}
	}

	private ConfigurableApplicationContext start(String[] settings, String... more) {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1",
				"--vgi.external.externalize-threshold=64KB", "--vgi.rpc.max-request-size=64KB",
				"--vgi.external.retry-delay=1ms", "--vgi.external.upload.max-retries=0",
				"--vgi.external.http.proxy.password=" + PASSWORD, "--vgi.rpc.token-keys=" + TOKEN_KEY,
				"--management.endpoints.web.exposure.include=*", "--management.endpoint.env.show-values=always",
				"--management.endpoint.configprops.show-values=always",
				"--management.endpoint.health.show-details=always", "--vgi.external.observation.requests=true",
				"--vgi.rpc.error.include-stacktrace=always", "--spring.web.error.include-message=always",
				"--spring.web.error.include-stacktrace=always", "--spring.web.error.include-exception=true",
				"--spring.web.error.include-binding-errors=always"));
		Stream.concat(Arrays.stream(more), Arrays.stream(settings)).map("--"::concat).forEach(arguments::add);
		SpringApplication application = new SpringApplication(SecretsApplication.class);
		application.setApplicationStartup(new BufferingApplicationStartup(10_000));
		this.context = application.run(arguments.toArray(String[]::new));
		this.port = this.context.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
		for (int i = 0; i < 3; i++) {
			UploadUrl vended = this.context.getBean(UploadUrlProvider.class).generateUploadUrl(SCHEMA);
			this.shown.add(vended.toString());
			plant(vended);
		}
		this.watch.started(this.context);
		return this.context;
	}

	private void plant(UploadUrl vended) {
		plant(vended.uploadUrl());
		plant(vended.downloadUrl());
	}

	// Note what nobody may see of a URL.
	private void plant(URI url) {
		for (String pair : String.valueOf(url.getRawQuery()).split("&")) {
			if (pair.matches("(X-Amz-|X-Goog-)?Signature=.+")) {
				this.secrets.add(pair.substring(pair.indexOf('=') + 1));
			}
		}
	}

	// Note what nobody may see of an answer.
	private BatchMetadata plant(RawHttp.Response response) {
		assertThat(response.status()).isEqualTo(200);
		BatchMetadata found = BatchMetadata.empty();
		for (StreamReply.Batch batch : reply(response).data()) {
			String location = batch.metadata().get(MetadataKeys.LOCATION);
			if (location != null) {
				plant(URI.create(location));
			}
			for (String key : List.of(MetadataKeys.RENEWAL, MetadataKeys.STREAM_STATE, MetadataKeys.CALL_STATE)) {
				String value = batch.metadata().get(key);
				if (value != null) {
					this.secrets.add(value);
					found = found.with(key, value);
				}
			}
		}
		return found;
	}

	private StreamReply reply(RawHttp.Response response) {
		return StreamReply.of(response.status(), response.header("X-VGI-RPC-Error") != null,
				response.body().getBytes(StandardCharsets.ISO_8859_1), allocator());
	}

	private void useService() throws Exception {
		VgiClient client = client();
		SecretService service = new RpcClients(client, allocator(), LogSink.discarding())
			.createClient(SecretService.class);
		assertThat(service.blob(100_000)).hasSize(100_000);
		assertThat(service.length(new byte[100_000])).isEqualTo(100_000);
		try (ProducerStream<Void> numbers = service.count(2)) {
			while (numbers.hasNext()) {
				numbers.next().close();
			}
		}
		client.requestUploadUrls(2).forEach(this::plant);
		numbers();
		RawHttp.Response redirect = get("/numbers/20000");
		assertThat(redirect.status()).isEqualTo(303);
		plant(URI.create(String.valueOf(redirect.header("Location"))));
		useTokens();
	}

	private void numbers() {
		VectorSchemaRoot numbers = restClient().get()
			.uri("/numbers/20000")
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.retrieve()
			.body(VectorSchemaRoot.class);
		if (numbers != null) {
			numbers.close();
		}
	}

	// As another implementation's client does.
	private void useTokens() throws Exception {
		String renewal = plant(post("/blob", call("blob", "size", 100_000))).get(MetadataKeys.RENEWAL);
		assertThat(renewal).isNotNull();
		byte[] request;
		try (AnnotatedBatch batch = token(renewal)) {
			request = Loopback.bytes(batch);
		}
		StreamReply renewed = reply(post("/__renew_url__/init", request));
		plant(URI.create(
				String.valueOf(Objects.requireNonNull(renewed.data().get(0).columns().get("download_url")).get(0))));
		BatchMetadata state = plant(post("/count/init", call("count", "last", 1)));
		assertThat(state.get(MetadataKeys.STREAM_STATE)).isNotNull();
		plant(post("/count/exchange", call(state)));
		String changed = state.get(MetadataKeys.STREAM_STATE) + "AAAA";
		this.secrets.add(changed);
		show(post("/count/exchange", call(state.with(MetadataKeys.STREAM_STATE, changed))));
		for (String token : List.of(changed, renewal + "x")) {
			try (AnnotatedBatch batch = token(token)) {
				show(post("/__renew_url__/init", Loopback.bytes(batch)));
			}
		}
	}

	// Whatever fails here fails on the serving side, on the calling side, or on both.
	private void useBrokenService() throws Exception {
		SecretService service = new RpcClients(client(), allocator(), LogSink.discarding())
			.createClient(SecretService.class);
		show(catchThrowable(() -> service.blob(100_000)));
		show(catchThrowable(() -> service.length(new byte[100_000])));
		show(catchThrowable(this::numbers));
		RawHttp.Response plain = get("/numbers/20000");
		if (plain.status() != 303) {
			show(plain);
		}
		UploadUrl missing = this.context.getBean(UploadUrlProvider.class).generateUploadUrl(SCHEMA);
		plant(missing);
		for (String location : List.of(missing.downloadUrl().toString(),
				missing.downloadUrl().toString().replace("arrow?", "arrow?X-Amz-Signature=" + FOREIGN + "&"),
				"https://storage.example/x.arrow?X-Amz-Signature=" + FOREIGN, "http://127.0.0.1:1/x?k=" + FOREIGN,
				"https://user:" + FOREIGN + "@storage.example/x#" + FOREIGN, "not a URL " + FOREIGN,
				"https://storage.example/x?k= " + FOREIGN, "https://storage.example:" + FOREIGN + "/",
				"https://storage.example/%" + FOREIGN)) {
			BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, location)
				.with(MetadataKeys.METHOD, "add_one")
				.with(MetadataKeys.REQUEST_VERSION, "1");
			try (AnnotatedBatch pointer = AnnotatedBatch.empty(SCHEMA, metadata, allocator())) {
				byte[] body = Loopback.bytes(pointer);
				for (String path : List.of("/add_one", "/rows", "/no_such_method")) {
					show(post(path, body));
				}
			}
		}
	}

	private void lookAround(ConfigurableApplicationContext started) throws Exception {
		this.shown.addAll(actuator());
		this.shown.add(started.getBean(VgiExternalProperties.class).toString());
		this.shown.add(started.getBean(VgiRpcProperties.class).toString());
		this.watch.ending(started);
	}

	private List<String> actuator() throws Exception {
		JsonNode links = JsonMapper.shared().readTree(get("/actuator").body()).get("_links");
		Map<String, String> endpoints = new TreeMap<>();
		for (String name : links.propertyNames()) {
			String path = URI.create(links.get(name).get("href").asString().replaceAll("[{].*", "")).getPath();
			if (!path.equals("/actuator")) {
				endpoints.put(name, get(path).body());
			}
		}
		assertThat(endpoints).containsKeys("httpexchanges", "env", "configprops", "health", "metrics", "beans",
				"mappings", "conditions", "loggers", "scheduledtasks", "info", "threaddump", "startup", "vgiexternal");
		assertThat(endpoints).doesNotContainKeys("heapdump", "shutdown");
		assertThat(endpoints.get("httpexchanges")).containsPattern("\"Location\":\\[\"(http://|/_vgi/objects/)")
			.contains("303");
		assertThat(endpoints.get("env")).contains("vgi.external.http.proxy.password", "vgi.rpc.token-keys");
		List<String> texts = new ArrayList<>(endpoints.values());
		JsonNode names = JsonMapper.shared().readTree(endpoints.get("metrics")).get("names");
		assertThat(names.size()).isGreaterThan(20);
		for (JsonNode name : names) {
			texts.add(get("/actuator/metrics/" + name.asString()).body());
		}
		return texts;
	}

	private BufferAllocator allocator() {
		return this.context.getBean(BufferAllocator.class);
	}

	private VgiClient client() {
		return this.context.getBean(VgiClient.Builder.class).baseUrl("http://127.0.0.1:" + this.port).build();
	}

	private RestClient restClient() {
		return this.context.getBean(RestClient.Builder.class).baseUrl("http://127.0.0.1:" + this.port).build();
	}

	private AnnotatedBatch token(@Nullable String token) {
		VarCharVector vector = new VarCharVector("token", allocator());
		vector.allocateNew();
		vector.setSafe(0, String.valueOf(token).getBytes(StandardCharsets.UTF_8));
		vector.setValueCount(1);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)))
			.withMetadata(
					BatchMetadata.of(MetadataKeys.METHOD, "__renew_url__").with(MetadataKeys.REQUEST_VERSION, "1"));
	}

	private byte[] call(String method, String parameter, long value) {
		BigIntVector vector = new BigIntVector(Field.notNullable(parameter, new ArrowType.Int(64, true)), allocator());
		vector.setSafe(0, value);
		vector.setValueCount(1);
		try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)))
			.withMetadata(BatchMetadata.of(MetadataKeys.METHOD, method).with(MetadataKeys.REQUEST_VERSION, "1"))) {
			return Loopback.bytes(batch);
		}
	}

	private byte[] call(BatchMetadata state) {
		try (AnnotatedBatch batch = AnnotatedBatch.empty(new Schema(List.of()), state, allocator())) {
			return Loopback.bytes(batch);
		}
	}

	private RawHttp.Response post(String path, byte[] body) throws IOException {
		return RawHttp.exchange(this.port, "POST", path, body, "Content-Type: " + Loopback.ARROW);
	}

	private RawHttp.Response get(String target) throws IOException {
		return RawHttp.exchange(this.port, "GET", target, null);
	}

	private URI storedObject() throws IOException {
		return URI.create("http://localhost:" + this.port)
			.resolve(String.valueOf(get("/numbers/20000").header("Location")));
	}

	private void show(RawHttp.Response response) {
		this.shown.add(response.toString());
	}

	private void show(@Nullable Throwable failure) {
		if (failure != null) {
			StringWriter text = new StringWriter();
			failure.printStackTrace(new PrintWriter(text, true));
			this.shown.add(text.toString());
		}
	}

	/**
	 * Looks at applications while they run.
	 */
	interface Watch {

		/**
		 * An application has started.
		 * @param context its beans
		 */
		default void started(ConfigurableApplicationContext context) {
		}

		/**
		 * An application has been used and will end.
		 * @param context its beans
		 */
		default void ending(ConfigurableApplicationContext context) {
		}

	}

}
