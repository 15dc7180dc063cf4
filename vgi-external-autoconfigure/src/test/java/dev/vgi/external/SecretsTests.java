package dev.vgi.external;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.AppenderBase;
import dev.vgi.external.autoconfigure.VgiExternalProperties;
import dev.vgi.external.autoconfigure.VgiRpcProperties;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FaultServer.Reply;
import dev.vgi.external.transport.FaultServer.Request;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.client.VgiClient;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.actuate.web.exchanges.InMemoryHttpExchangeRepository;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Looks for the signatures of URLs, and for planted credentials, in everything that a
 * running service shows: error responses, exceptions, all logs at the finest level,
 * meters, observations and Actuator's endpoints. The client is the service itself, so
 * both sides are covered.
 */
@SuppressWarnings("NullAway.Init")
class SecretsTests {

	private static final String SESSION_TOKEN = "planted5e5510n70ken";

	private static final String SECRET_KEY = "planted5ec7e7key";

	private static final String PASSWORD = "plantedpa55w07d";

	private static final String FOREIGN = "planted5167a7u7e";

	/**
	 * Others' loggers that write down whole requests, bodies or what they sign, whatever
	 * it is. As docs/secrets.md says.
	 */
	private static final Set<String> WIRE_LOGGERS = Set.of("org.apache.coyote.http11.Http11InputBuffer",
			"org.apache.hc.client5.http.headers", "org.apache.hc.client5.http.wire",
			"software.amazon.awssdk.http.auth.aws.internal.signer.DefaultV4RequestSigner",
			"software.amazon.awssdk.utils.uri.SdkUri");

	private static final Schema SCHEMA = new Schema(
			List.of(new Field("n", FieldType.notNullable(new ArrowType.Int(64, true)), null)));

	@TempDir
	private Path folder;

	private final Set<String> secrets = new TreeSet<>(List.of(SESSION_TOKEN, SECRET_KEY, PASSWORD, FOREIGN));

	private final List<String> shown = new ArrayList<>();

	private ConfigurableApplicationContext context;

	private int port;

	@Test
	void bucket() throws Exception {
		Bucket bucket = new Bucket();
		try (FaultServer server = new FaultServer(bucket);
				Recording recording = start("vgi.external.s3.bucket=our-bucket",
						"vgi.external.s3.endpoint=" + server.url(""), "spring.cloud.aws.region.static=us-east-1",
						"vgi.external.client.url.allowed-hosts=localhost:" + server.port(),
						"vgi.external.client.url.allowed-schemes=http")) {
			useService();
			for (String fault : Bucket.FAULTS) {
				bucket.fault = fault;
				useBrokenService();
			}
			server.requests().forEach((request) -> plant(server.url(request.target())));
			assertThat(this.secrets).anySatisfy((secret) -> assertThat(secret).matches("[0-9a-f]{64}"));
			assertNoSecret(recording);
		}
	}

	@Test
	void localStore() throws Exception {
		try (Recording recording = start("vgi.external.local.directory=" + this.folder)) {
			byte[] key = Files.readAllBytes(this.folder.resolve(".signing-key"));
			this.secrets.addAll(List.of(HexFormat.of().formatHex(key), Base64.getEncoder().encodeToString(key),
					Arrays.toString(key)));
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
			assertNoSecret(recording);
		}
	}

	/**
	 * What nobody needs in production shows signatures all the same, once it is turned
	 * on: the documentation has to name each.
	 */
	@Test
	void foreignLoggersThatShowSignaturesAreDocumented() throws Exception {
		try (Recording recording = start("vgi.external.local.directory=" + this.folder,
				"spring.mvc.log-request-details=true", "server.http2.enabled=true")) {
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
			Set<String> leaking = leaks(recording).keySet();
			assertThat(leaking).contains("org.springframework.web.servlet.DispatcherServlet",
					"org.apache.coyote.http11.Http11InputBuffer", "org.apache.coyote.http11.Http11Processor");
			String page = Files.readString(Path.of("../docs/secrets.md"));
			assertThat(leaking).allSatisfy((logger) -> assertThat(page).contains("`" + logger + "`"));
			assertThat(WIRE_LOGGERS).allSatisfy((logger) -> assertThat(page).contains("`" + logger + "`"));
		}
	}

	private Recording start(String... settings) {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1",
				"--vgi.external.externalize-threshold=64KB", "--vgi.rpc.max-request-size=64KB",
				"--vgi.external.retry-delay=1ms", "--vgi.external.upload.max-retries=0",
				"--vgi.external.http.proxy.password=" + PASSWORD,
				"--spring.http.clients.imperative.factory=http-components",
				"--management.endpoints.web.exposure.include=*", "--management.endpoint.env.show-values=always",
				"--management.endpoint.configprops.show-values=always",
				"--management.endpoint.health.show-details=always", "--vgi.external.observation.requests=true"));
		Arrays.stream(settings).map("--"::concat).forEach(arguments::add);
		this.context = SpringApplication.run(Application.class, arguments.toArray(String[]::new));
		this.port = this.context.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
		for (int i = 0; i < 3; i++) {
			UploadUrl vended = this.context.getBean(UploadUrlProvider.class).generateUploadUrl(SCHEMA);
			this.shown.add(vended.toString());
			plant(vended.uploadUrl());
			plant(vended.downloadUrl());
		}
		return new Recording(this.context);
	}

	// Note what nobody may see of a URL.
	private void plant(URI url) {
		for (String pair : String.valueOf(url.getRawQuery()).split("&")) {
			if (pair.startsWith("X-Amz-Signature=") || pair.startsWith("Signature=")) {
				this.secrets.add(pair.substring(pair.indexOf('=') + 1));
			}
		}
	}

	private void useService() throws Exception {
		BufferAllocator allocator = this.context.getBean(BufferAllocator.class);
		VgiClient client = client();
		SecretService service = new RpcClients(client, allocator, LogSink.discarding())
			.createClient(SecretService.class);
		assertThat(service.blob(100_000)).hasSize(100_000);
		assertThat(service.length(new byte[100_000])).isEqualTo(100_000);
		for (UploadUrl vended : client.requestUploadUrls(2)) {
			plant(vended.uploadUrl());
			plant(vended.downloadUrl());
		}
		VectorSchemaRoot numbers = restClient().get()
			.uri("/numbers/20000")
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.retrieve()
			.body(VectorSchemaRoot.class);
		assertThat(numbers).isNotNull();
		numbers.close();
		RawHttp.Response redirect = get("/numbers/20000");
		assertThat(redirect.status()).isEqualTo(303);
		plant(URI.create(String.valueOf(redirect.header("Location"))));
	}

	// Whatever fails here fails on the serving side, on the calling side, or on both.
	private void useBrokenService() throws Exception {
		BufferAllocator allocator = this.context.getBean(BufferAllocator.class);
		VgiClient client = client();
		SecretService service = new RpcClients(client, allocator, LogSink.discarding())
			.createClient(SecretService.class);
		show(catchThrowable(() -> service.blob(100_000)));
		show(catchThrowable(() -> service.length(new byte[100_000])));
		show(catchThrowable(() -> {
			VectorSchemaRoot numbers = restClient().get()
				.uri("/numbers/20000")
				.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.retrieve()
				.body(VectorSchemaRoot.class);
			if (numbers != null) {
				numbers.close();
			}
		}));
		RawHttp.Response plain = get("/numbers/20000");
		if (plain.status() != 303) {
			show(plain);
		}
		UploadUrl missing = this.context.getBean(UploadUrlProvider.class).generateUploadUrl(SCHEMA);
		plant(missing.downloadUrl());
		for (String location : List.of(missing.downloadUrl().toString(),
				missing.downloadUrl().toString().replace("arrow?", "arrow?X-Amz-Signature=" + FOREIGN + "&"),
				"https://storage.example/x.arrow?X-Amz-Signature=" + FOREIGN, "http://127.0.0.1:1/x?k=" + FOREIGN,
				"https://user:" + FOREIGN + "@storage.example/x#" + FOREIGN, "not a URL " + FOREIGN)) {
			BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, location)
				.with(MetadataKeys.METHOD, "add_one")
				.with(MetadataKeys.REQUEST_VERSION, "1");
			try (AnnotatedBatch pointer = AnnotatedBatch.empty(SCHEMA, metadata, allocator)) {
				byte[] body = Loopback.bytes(pointer);
				for (String path : List.of("/add_one", "/rows", "/no_such_method")) {
					show(RawHttp.exchange(this.port, "POST", path, body, "Content-Type: " + Loopback.ARROW));
				}
			}
		}
	}

	private VgiClient client() {
		return this.context.getBean(VgiClient.Builder.class).baseUrl("http://127.0.0.1:" + this.port).build();
	}

	private RestClient restClient() {
		return this.context.getBean(RestClient.Builder.class).baseUrl("http://127.0.0.1:" + this.port).build();
	}

	private RawHttp.Response get(String target) throws Exception {
		return RawHttp.exchange(this.port, "GET", target, null);
	}

	private URI storedObject() throws Exception {
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

	private void assertNoSecret(Recording recording) throws Exception {
		this.shown.addAll(actuator());
		this.shown.add(this.context.getBean(VgiExternalProperties.class).toString());
		this.shown.add(this.context.getBean(VgiRpcProperties.class).toString());
		assertThat(this.secrets).hasSizeGreaterThan(10);
		for (String text : this.shown) {
			assertThat(this.secrets).as(text).noneMatch(text::contains);
		}
		assertThat(recording.observations).isNotEmpty();
		for (String text : recording.observations) {
			assertThat(this.secrets).as(text).noneMatch(text::contains);
		}
		Map<String, String> leaks = leaks(recording);
		leaks.keySet().removeAll(WIRE_LOGGERS);
		assertThat(leaks).isEmpty();
		// Storage traffic is on none of these wires.
		assertThat(recording.logs).anySatisfy((event) -> assertThat(event.logger()).startsWith("org.apache.hc.client5"))
			.noneSatisfy((event) -> assertThat(event.text()).containsPattern("(PUT|GET|HEAD) /our-bucket/vgi-rpc"));
	}

	private Map<String, String> leaks(Recording recording) {
		Map<String, String> leaks = new ConcurrentHashMap<>();
		recording.logs.forEach((event) -> {
			if (this.secrets.stream().anyMatch(event.text()::contains)) {
				leaks.putIfAbsent(event.logger(), event.text());
			}
		});
		return leaks;
	}

	private List<String> actuator() throws Exception {
		List<String> endpoints = new ArrayList<>();
		for (String endpoint : List.of("httpexchanges", "env", "configprops", "health", "metrics", "beans", "mappings",
				"conditions", "loggers", "scheduledtasks", "info")) {
			RawHttp.Response response = get("/actuator/" + endpoint);
			assertThat(response.status()).as(endpoint).isEqualTo(200);
			endpoints.add(response.body());
		}
		assertThat(endpoints.get(0)).containsPattern("\"Location\":\\[\"(http://|/_vgi/objects/)").contains("303");
		assertThat(endpoints.get(1)).contains("vgi.external.http.proxy.password");
		JsonNode names = JsonMapper.shared().readTree(endpoints.get(4)).get("names");
		assertThat(names.size()).isGreaterThan(20);
		for (JsonNode name : names) {
			endpoints.add(get("/actuator/metrics/" + name.asString()).body());
		}
		return endpoints;
	}

	/**
	 * A bucket that breaks as told.
	 */
	private static final class Bucket implements FaultServer.Handler {

		static final List<String> FAULTS = List.of("down", "refuse", "reset", "lie", "redirect", "truncate");

		private final Map<String, byte[]> objects = new ConcurrentHashMap<>();

		private volatile String fault = "";

		@Override
		public void handle(Request request, Reply reply) throws Exception {
			String path = request.target().replaceAll("\\?.*", "");
			boolean refusesUploads = Set.of("down", "refuse").contains(this.fault);
			switch (("PUT".equals(request.method()) && !refusesUploads) ? "" : this.fault) {
				case "down" -> {
					request.body();
					reply.empty(500);
				}
				case "refuse" -> {
					request.body();
					byte[] text = ("<Error><Message>" + request.target() + "</Message></Error>").getBytes();
					reply.head(403, "Content-Type: application/xml", "Content-Length: " + text.length);
					reply.raw(text);
				}
				case "reset" -> reply.reset();
				case "lie" -> reply.object("no Arrow".getBytes());
				case "redirect" -> reply.empty(302, "Location: https://elsewhere.example/x?X-Amz-Signature=" + FOREIGN);
				case "truncate" -> {
					reply.head(200, "Content-Length: 1000");
					reply.raw(new byte[10]);
					reply.hangUp();
				}
				default -> store(request, reply, path);
			}
		}

		private void store(Request request, Reply reply, String path) throws Exception {
			if ("PUT".equals(request.method())) {
				this.objects.put(path, request.body());
				reply.empty(200, "ETag: \"v1\"");
				return;
			}
			byte[] content = this.objects.get(path);
			if (content != null) {
				reply.object(content);
			}
			else {
				reply.empty(404);
			}
		}

	}

	/**
	 * Listens to all logs and observations of an application until it is closed.
	 */
	private static final class Recording extends AppenderBase<ILoggingEvent> implements AutoCloseable {

		private final List<Event> logs = new CopyOnWriteArrayList<>();

		private final List<String> observations;

		private final ConfigurableApplicationContext context;

		private final LoggerContext logging = (LoggerContext) LoggerFactory.getILoggerFactory();

		private final Logger root = this.logging.getLogger(Logger.ROOT_LOGGER_NAME);

		private final Map<Logger, Level> levels = new HashMap<>();

		private final List<Appender<ILoggingEvent>> consoles = new ArrayList<>();

		Recording(ConfigurableApplicationContext context) {
			this.context = context;
			this.observations = context.getBean(Observations.class).seen;
			this.logging.getLoggerList().forEach((logger) -> {
				if (logger.getLevel() != null) {
					this.levels.put(logger, logger.getLevel());
				}
			});
			this.root.iteratorForAppenders().forEachRemaining(this.consoles::add);
			// Millions of lines are nothing for a console.
			this.consoles.forEach(this.root::detachAppender);
			setContext(this.logging);
			start();
			this.root.addAppender(this);
			this.levels.keySet().forEach((logger) -> logger.setLevel((logger == this.root) ? Level.TRACE : null));
			for (String name : List.of("org.springframework", "org.apache.catalina", "org.apache.coyote",
					"org.apache.tomcat", "org.apache.hc", "dev.vgi", "software.amazon.awssdk")) {
				this.logging.getLogger(name).setLevel(Level.TRACE);
			}
		}

		@Override
		protected void append(ILoggingEvent event) {
			String failure = (event.getThrowableProxy() != null)
					? ThrowableProxyUtil.asString(event.getThrowableProxy()) : "";
			this.logs.add(new Event(event.getLoggerName(), event.getFormattedMessage() + "\n" + failure));
		}

		@Override
		public void close() {
			this.context.close();
			this.logging.getLoggerList().forEach((logger) -> logger.setLevel(this.levels.get(logger)));
			this.root.detachAppender(this);
			this.consoles.forEach(this.root::addAppender);
			stop();
		}

	}

	/**
	 * What was logged.
	 *
	 * @param logger by whom
	 * @param text the message and the exception
	 */
	private record Event(String logger, String text) {

	}

	/**
	 * Writes down everything that an observation tells.
	 */
	static final class Observations implements ObservationHandler<Observation.Context> {

		private final List<String> seen = new CopyOnWriteArrayList<>();

		@Override
		public void onEvent(Observation.Event event, Observation.Context context) {
			this.seen.add(event.getName() + " " + event.getContextualName());
		}

		@Override
		public void onStop(Observation.Context context) {
			StringWriter text = new StringWriter();
			text.append(context.getName() + " " + context.getContextualName() + " " + context.getAllKeyValues());
			if (context.getError() != null) {
				context.getError().printStackTrace(new PrintWriter(text, true));
			}
			this.seen.add(text.toString());
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return true;
		}

	}

	/**
	 * The contract.
	 */
	@RpcService("Secrets")
	interface SecretService {

		@RpcMethod("add_one")
		long addOne(long n);

		@RpcMethod("blob")
		byte[] blob(long size);

		@RpcMethod("length")
		long length(byte[] data);

	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(SecretController.class)
	static class Application {

		@Bean
		AwsCredentialsProvider credentials() {
			return StaticCredentialsProvider.create(AwsSessionCredentials.create("key", SECRET_KEY, SESSION_TOKEN));
		}

		@Bean
		InMemoryHttpExchangeRepository httpExchangeRepository() {
			InMemoryHttpExchangeRepository repository = new InMemoryHttpExchangeRepository();
			repository.setCapacity(1000);
			return repository;
		}

		@Bean
		Observations observations() {
			return new Observations();
		}

	}

	/**
	 * An RPC service and ordinary handlers.
	 */
	@RestController
	static class SecretController implements SecretService {

		private final BufferAllocator allocator;

		SecretController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@Override
		public long addOne(long n) {
			return n + 1;
		}

		@Override
		public byte[] blob(long size) {
			return new byte[(int) size];
		}

		@Override
		public long length(byte[] data) {
			return data.length;
		}

		@PostMapping("/rows")
		String rows(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

		@GetMapping("/numbers/{rows}")
		AnnotatedBatch numbers(@PathVariable int rows) {
			VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, this.allocator);
			BigIntVector vector = (BigIntVector) root.getVector(0);
			vector.allocateNew(rows);
			for (int i = 0; i < rows; i++) {
				vector.set(i, i);
			}
			root.setRowCount(rows);
			return AnnotatedBatch.of(root);
		}

	}

}
