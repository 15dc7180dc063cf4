package dev.vgi.external;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.StreamReply;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;

/**
 * Attacks on a service that binds pointers to principals, through its own HTTP server and
 * behind Spring Security. The policy of URLs admits everything on this machine, so that
 * nothing but the binding stands in the way.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BoundPointersTests {

	private static final String REFUSAL = "it was not made for the sender of this request";

	private static final String FIRST_KEY = "1b".repeat(32);

	private static final String NEXT_KEY = "2c".repeat(32);

	private static final String ANN = "ann";

	private static final String BOB = "bob";

	private static final Schema NUMBERS = BoundPointersApplication.NUMBERS;

	private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private final RootAllocator allocator = new RootAllocator();

	private final TransferResources resources = TransferResources.create();

	private final AtomicInteger redirected = new AtomicInteger();

	@TempDir
	private static Path folder;

	private ConfigurableApplicationContext service;

	private HttpServer elsewhere;

	/** Where the next request to another host leads. */
	private volatile String target = "/";

	@BeforeAll
	@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void start() throws Exception {
		this.elsewhere = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		this.elsewhere.createContext("/", (exchange) -> {
			this.redirected.incrementAndGet();
			exchange.getResponseHeaders().set("Location", this.target);
			exchange.sendResponseHeaders(302, -1);
			exchange.close();
		});
		this.elsewhere.start();
		this.service = run("vgi.external.binding=" + binding(), "vgi.rpc.token-keys=" + FIRST_KEY,
				"vgi.rpc.unix.path=" + socket(), "vgi.rpc.unix.trusted=true", "vgi.rpc.protocol-optional=true");
	}

	@AfterAll
	void stop() throws Exception {
		this.service.close();
		this.elsewhere.stop(0);
		this.resources.close();
		this.allocator.close();
	}

	@AfterEach
	void nextRequestWorksAndNothingIsHeld() {
		assertThat(body(post("/rows", ANN, stream(3)))).isEqualTo("3");
		Awaitility.await()
			.untilAsserted(() -> assertThat(this.service.getBean(BufferAllocator.class).getAllocatedMemory()).isZero());
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	final ConfigurableApplicationContext service() {
		return this.service;
	}

	/**
	 * Return what tells callers apart.
	 * @return value of {@code vgi.external.binding}
	 */
	protected String binding() {
		return "principal";
	}

	/**
	 * Return how a caller says who it is.
	 * @param user the caller
	 * @return name and value of a header
	 */
	protected String[] credentials(String user) {
		return new String[] { "Authorization",
				"Basic " + Base64.getEncoder().encodeToString((user + ":secret").getBytes(StandardCharsets.US_ASCII)) };
	}

	/**
	 * Return the storage of the services.
	 * @return settings of Spring Boot
	 */
	protected List<String> storage() {
		return List.of("vgi.external.storage=local", "vgi.external.local.directory=" + folder);
	}

	ConfigurableApplicationContext run(String... settings) {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1",
				"--spring.main.banner-mode=off", "--spring.autoconfigure.exclude=",
				"--vgi.external.externalize-threshold=1KB", "--vgi.external.segment-size=4KB",
				"--vgi.rpc.max-request-size=64KB", "--vgi.external.max-retries=0",
				"--vgi.external.url.allowed-hosts=127.0.0.1", "--vgi.external.url.allowed-schemes=http,https",
				"--vgi.external.url.allow-private-addresses=true", "--vgi.external.client.url.allowed-hosts=127.0.0.1",
				"--vgi.external.client.url.allowed-schemes=http",
				"--vgi.external.client.url.allow-private-addresses=true"));
		Stream.concat(storage().stream(), Stream.of(settings)).map("--"::concat).forEach(arguments::add);
		return new SpringApplication(BoundPointersApplication.class).run(arguments.toArray(String[]::new));
	}

	static Stream<String> inputs() {
		return Stream.of("/twice", "/rows", "/all", "/lazily", "/later", "/add");
	}

	@ParameterizedTest
	@MethodSource("inputs")
	void stolenPairIsRefused(String path) throws Exception {
		URI url = stored(ANN);
		assertWorks(path, ANN, url);
		assertRefused(path, BOB, url);
		assertRefused(path, null, url);
		assertWorks(path, ANN, url);
	}

	@ParameterizedTest
	@MethodSource("inputs")
	void anonymousCallersAreOne(String path) throws Exception {
		URI url = stored(null);
		assertWorks(path, null, url);
		assertRefused(path, ANN, url);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/result", "/reader", "/async", "/blob", "/emit", "/published", "/thread" })
	void stolenResultIsRefused(String path) throws Exception {
		for (URI url : locations(path, ANN, true)) {
			assertThat(get(url).statusCode()).isEqualTo(200);
			// Other results have other columns.
			assertThat(body(send("/rows", ANN, url))).doesNotContain(REFUSAL);
			assertRefused("/rows", BOB, url);
			assertRefused("/lazily", null, url);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "/result", "/reader", "/published" })
	void resultThatACallerIsRedirectedToIsItsOwn(String path) throws Exception {
		URI url = locations(path, ANN, false).get(0);
		assertThat(get(url).statusCode()).isEqualTo(200);
		assertThat(body(send("/rows", ANN, url))).doesNotContain(REFUSAL);
		assertRefused("/rows", BOB, url);
	}

	@Test
	void publishedResultIsFetchedByAllAndSentBackByItsFirstCaller() throws Exception {
		URI url = locations("/shared", ANN, true).get(0);
		assertThat(locations("/shared", BOB, true)).containsExactly(url);
		assertThat(get(url).statusCode()).isEqualTo(200);
		assertThat(send("/rows", ANN, url).statusCode()).isEqualTo(200);
		assertRefused("/rows", BOB, url);
	}

	@Test
	void resultPublishedOutsideOfARequestIsSentBackByNobody() throws Exception {
		URI url = this.service.getBean(BoundPointersApplication.Controller.class).publish();
		assertThat(get(url).statusCode()).isEqualTo(200);
		assertRefused("/rows", ANN, url);
		assertRefused("/rows", null, url);
	}

	@Test
	void resultPublishedWhenARequestIsOverIsSentBackByNobody() throws Exception {
		URI url = locations("/late", ANN, true).get(0);
		assertThat(get(url).statusCode()).isEqualTo(200);
		assertRefused("/rows", ANN, url);
		assertRefused("/rows", null, url);
	}

	@Test
	void refusalDoesNotTellWhetherAnObjectExists() throws Exception {
		String there = refusal("/rows", BOB, stored(ANN));
		String missing = refusal("/rows", BOB, vended(ANN).downloadUrl());
		String key = "[0-9a-f]{32,}";
		assertThat(there.replaceAll(key, "KEY")).isEqualTo(missing.replaceAll(key, "KEY"));
	}

	@Test
	void everyDigitOfAKeyCounts() throws Exception {
		String url = stored(ANN).toString();
		int start = url.indexOf(".arrow") - 64;
		for (int i = 0; i < 64; i++) {
			int digit = Character.digit(url.charAt(start + i), 16) ^ 1;
			assertFails("/rows", ANN,
					url.substring(0, start + i) + Character.forDigit(digit, 16) + url.substring(start + i + 1));
		}
	}

	@Test
	void markOfAnotherIdDoesNotHelp() throws Exception {
		String theirs = stored(ANN).toString();
		String own = stored(BOB).toString();
		String mark = own.substring(own.indexOf(".arrow") - 32, own.indexOf(".arrow"));
		String forged = theirs.replaceFirst("[0-9a-f]{32}\\.arrow", mark + ".arrow");
		assertFails("/rows", BOB, forged);
		assertFails("/rows", BOB, theirs.replaceFirst("[0-9a-f]{32}\\.arrow", ".arrow"));
		assertFails("/rows", BOB, theirs.substring(0, theirs.indexOf('?')) + own.substring(own.indexOf('?')));
		assertFails("/rows", BOB, own.substring(0, own.indexOf('?')) + theirs.substring(theirs.indexOf('?')));
	}

	@Test
	void noSpellingOfAUrlHelps() throws Exception {
		String url = stored(ANN).toString();
		int start = url.indexOf(".arrow") - 64;
		String before = url.substring(0, start);
		String after = url.substring(start);
		String key = after.substring(0, 64);
		for (String spelled : List.of(before + "%" + Integer.toHexString(after.charAt(0)) + after.substring(1),
				before + encoded(key) + after.substring(64),
				before + key.toUpperCase(Locale.ROOT) + after.substring(64), before + "./" + after,
				before + "/" + after, before + "%2e/" + after, before + "x/../" + after, before + "x/%2e%2e/" + after,
				before.substring(0, before.length() - 1) + ";x=y/" + after, url.replace(".arrow", "%2Earrow"),
				url.replace(".arrow", "%2earrow"), url.replace("?", ";x=y?"), url.replace("?", "%3Bx=y?"),
				url.replace("?", "/?"), url.replace("?", "%00?"), url + "&x=y", url.replace("?", "?x=y&"),
				url.replace("ignature=", "ignatur%65="), url.replace("?", "??"), url.replace("http:", "HTTP:"),
				url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "127.1"),
				url.replace("127.0.0.1", "127.0.0.1."), url.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
				url.replace("://", "://user@"), url + "#x", url.substring(0, url.indexOf('?')))) {
			assertFails("/rows", BOB, spelled);
		}
	}

	private static String encoded(String text) {
		StringBuilder encoded = new StringBuilder();
		text.chars().forEach((digit) -> encoded.append('%').append(Integer.toHexString(digit)));
		return encoded.toString();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/twice", "/rows", "/lazily", "/add" })
	void redirectOfAnAllowedHostDoesNotHelp(String path) throws Exception {
		this.target = stored(ANN).toString();
		URI there = URI.create("http://127.0.0.1:" + this.elsewhere.getAddress().getPort() + "/x");
		int before = this.redirected.get();
		assertRefused(path, BOB, there);
		assertThat(this.redirected.get()).isEqualTo(before + 1);
		this.target = stored(BOB).toString();
		assertThat(body(send(path, BOB, there))).doesNotContain(REFUSAL);
	}

	@Test
	void streamOfAnotherCallerDoesNotTakeAPointerAlong() throws Exception {
		URI url = stored(ANN);
		BatchMetadata tokens = StreamReply.of(post("/add/init", BOB, call("add", null)), this.allocator).tokens();
		assertThat(body(post("/add/exchange", BOB, pointer(tokens, url)))).contains(REFUSAL);
		assertThat(post("/add/exchange", ANN, pointer(tokens, stored(ANN))).statusCode()).isEqualTo(400);
	}

	@Test
	void callerFetchesWhatIsItsOwnAmongOthers() throws Exception {
		assertWorks("/all", ANN, stored(ANN));
		try (AnnotatedBatch own = AnnotatedBatch.empty(NUMBERS, location(stored(BOB)), this.allocator);
				AnnotatedBatch other = AnnotatedBatch.empty(NUMBERS, location(stored(ANN)), this.allocator)) {
			assertThat(body(post("/all", BOB, BoundPointersApplication.stream(NUMBERS, List.of(own, other)))))
				.contains(REFUSAL);
			assertThat(body(post("/lazily", BOB, BoundPointersApplication.stream(NUMBERS, List.of(own, other)))))
				.contains(REFUSAL);
		}
	}

	@Test
	void bindingHoldsInAnotherProcessAndWhileKeysAreRotated() throws Exception {
		URI anns = stored(ANN);
		try (ConfigurableApplicationContext other = run("vgi.external.binding=" + binding(),
				"vgi.rpc.token-keys=" + FIRST_KEY);
				ConfigurableApplicationContext rotating = run("vgi.external.binding=" + binding(),
						"vgi.rpc.token-keys=" + NEXT_KEY + "," + FIRST_KEY);
				ConfigurableApplicationContext rotated = run("vgi.external.binding=" + binding(),
						"vgi.rpc.token-keys=" + NEXT_KEY);
				ConfigurableApplicationContext unbound = run("vgi.rpc.token-keys=" + FIRST_KEY)) {
			for (ConfigurableApplicationContext each : List.of(other, rotating)) {
				assertThat(body(post(each, "/rows", ANN, pointer(BatchMetadata.empty(), anns)))).isEqualTo("1");
				assertThat(body(post(each, "/rows", BOB, pointer(BatchMetadata.empty(), anns)))).contains(REFUSAL);
			}
			URI next = stored(rotating, ANN);
			assertThat(body(post(rotated, "/rows", ANN, pointer(BatchMetadata.empty(), next)))).isEqualTo("1");
			assertThat(body(post(rotated, "/rows", ANN, pointer(BatchMetadata.empty(), anns)))).contains(REFUSAL);
			assertRefused("/rows", ANN, next);
			// A process that does not bind accepts all, and its objects are nobody's.
			assertThat(body(post(unbound, "/rows", BOB, pointer(BatchMetadata.empty(), anns)))).isEqualTo("1");
			assertRefused("/rows", ANN, stored(unbound, ANN));
		}
	}

	@Test
	void peerOverAPipeIsAnonymous() throws Exception {
		try (Loopback.Answer answer = answer(overPipe(call("twice", stored(null))))) {
			assertThat(Objects.requireNonNull(answer.data()).root().getVector(0).getObject(0)).isEqualTo(42L);
		}
		try (Loopback.Answer answer = answer(overPipe(call("twice", stored(ANN))))) {
			assertThat(Objects.requireNonNull(answer.error()).errorMessage()).contains(REFUSAL);
		}
		URI result = locations(overPipe(BoundPointersApplication.blobCall(2000, this.allocator))).get(0);
		assertThat(body(send("/rows", null, result))).doesNotContain(REFUSAL);
		assertRefused("/rows", ANN, result);
	}

	private byte[] overPipe(byte[] request) throws Exception {
		try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
			channel.write(ByteBuffer.wrap(request));
			channel.shutdownOutput();
			return Channels.newInputStream(channel).readAllBytes();
		}
	}

	private Loopback.Answer answer(byte[] body) {
		return new Loopback(0, "", this.allocator).read(body);
	}

	private Path socket() {
		return folder.resolve(getClass().getSimpleName());
	}

	@Test
	void clientsNoticeNothing() throws Exception {
		VgiClient client = client(ANN);
		BoundPointersApplication.BoundService typed = new RpcClients(client, this.allocator)
			.createClient(BoundPointersApplication.BoundService.class);
		assertThat(typed.twice(21)).isEqualTo(42);
		// Beyond the largest request, through a vended pair.
		assertThat(typed.length(new byte[200_000])).isEqualTo(200_000);
		assertThat(typed.blob(5000)).hasSize(5000);
		try (ArrowReader reader = client.read("/reader", LogSink.discarding())) {
			assertThat(client.send("/lazily", reader, String.class, LogSink.discarding())).isEqualTo("4000");
		}
	}

	@Test
	void clientOfTheSameApplicationNoticesNothing() {
		assertThat(body(post("/relay", ANN, stream(1)))).isEqualTo("5000");
	}

	@Test
	void anotherCallersClientIsRefused() {
		List<UploadUrl> pairs = client(ANN).requestUploadUrls(2);
		assertThat(pairs).hasSize(2);
		VgiClient bobs = client(BOB);
		AnnotatedBatch pointer = AnnotatedBatch.empty(NUMBERS,
				BatchMetadata.of(Map.of(MetadataKeys.METHOD, "twice", MetadataKeys.REQUEST_VERSION, "1"))
					.with(location(pairs.get(0).downloadUrl())),
				this.allocator);
		assertThatException().isThrownBy(() -> bobs.call("/twice", pointer, LogSink.discarding()).close())
			.withMessageContaining(REFUSAL);
	}

	private VgiClient client(String user) {
		return new VgiClient.Builder(RestClient.builder().defaultHeader(credentials(user)[0], credentials(user)[1]),
				this.allocator, new LocationResolver(
						ExternalLocationConfig.defaults().withUrlValidator(UrlValidator.acceptAll()), this.resources))
			.baseUrl(url(this.service))
			.segmentSize(8000)
			.build();
	}

	private void assertWorks(String path, @Nullable String user, URI url) throws Exception {
		HttpResponse<byte[]> response = send(path, user, url);
		assertThat(response.statusCode()).as(() -> body(response)).isEqualTo(200);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).isEmpty();
		if (!path.equals("/twice") && !path.equals("/add")) {
			assertThat(body(response)).isEqualTo("1");
		}
	}

	private void assertRefused(String path, @Nullable String user, URI url) throws Exception {
		refusal(path, user, url);
	}

	private String refusal(String path, @Nullable String user, URI url) throws Exception {
		HttpResponse<byte[]> response = send(path, user, url);
		assertThat(body(response)).contains(REFUSAL).doesNotContain("ignature");
		assertThat(response.statusCode() == 400 || response.headers().firstValue("X-VGI-RPC-Error").isPresent())
			.isTrue();
		return body(response);
	}

	/** Whatever the reason is, nothing is read. */
	private void assertFails(String path, String user, String url) throws Exception {
		HttpResponse<byte[]> response = send(path, user, URI.create(url));
		assertThat(response.statusCode()).as(url).isIn(400, 502);
	}

	private HttpResponse<byte[]> send(String path, @Nullable String user, URI url) throws Exception {
		if (path.equals("/twice")) {
			return post(path, user, call("twice", url));
		}
		if (path.equals("/add")) {
			BatchMetadata tokens = StreamReply.of(post("/add/init", user, call("add", null)), this.allocator).tokens();
			return post("/add/exchange", user, pointer(tokens, url));
		}
		return post(path, user, pointer(BatchMetadata.empty(), url));
	}

	private byte[] call(String method, @Nullable URI url) {
		BatchMetadata metadata = BatchMetadata
			.of(Map.of(MetadataKeys.METHOD, method, MetadataKeys.REQUEST_VERSION, "1"));
		Schema schema = (url != null) ? NUMBERS : new Schema(List.of());
		try (AnnotatedBatch batch = AnnotatedBatch.empty(schema,
				(url != null) ? metadata.with(location(url)) : metadata, this.allocator)) {
			return Loopback.bytes(batch);
		}
	}

	private byte[] pointer(BatchMetadata metadata, URI url) {
		try (AnnotatedBatch batch = AnnotatedBatch.empty(NUMBERS, metadata.with(location(url)), this.allocator)) {
			return Loopback.bytes(batch);
		}
	}

	private static BatchMetadata location(URI url) {
		return BatchMetadata.of(MetadataKeys.LOCATION, url.toString());
	}

	private AnnotatedBatch numbers(int rows) {
		return AnnotatedBatch.of(BoundPointersApplication.numbers(rows, this.allocator));
	}

	private byte[] stream(int rows) {
		try (AnnotatedBatch batch = numbers(rows)) {
			return Loopback.bytes(batch);
		}
	}

	private UploadUrl vended(@Nullable String user) {
		return vended(this.service, user);
	}

	private UploadUrl vended(ConfigurableApplicationContext service, @Nullable String user) {
		HttpResponse<byte[]> response = post(service, "/__upload_url__/init", user, uploadRequest());
		try (Loopback.Answer answer = answer(response.body())) {
			VectorSchemaRoot root = Objects.requireNonNull(answer.data()).root();
			return new UploadUrl(URI.create(root.getVector("upload_url").getObject(0).toString()),
					URI.create(root.getVector("download_url").getObject(0).toString()),
					Instant.now().plus(Duration.ofMinutes(1)));
		}
	}

	private byte[] uploadRequest() {
		BigIntVector count = new BigIntVector("count", this.allocator);
		count.setSafe(0, 1);
		count.setValueCount(1);
		try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(count)))
			.withMetadata(BatchMetadata
				.of(Map.of(MetadataKeys.METHOD, "__upload_url__", MetadataKeys.REQUEST_VERSION, "1")))) {
			return Loopback.bytes(batch);
		}
	}

	private URI stored(@Nullable String user) throws Exception {
		return stored(this.service, user);
	}

	private URI stored(ConfigurableApplicationContext service, @Nullable String user) throws Exception {
		UploadUrl pair = vended(service, user);
		HttpResponse<byte[]> response = send(HttpRequest.newBuilder(pair.uploadUrl())
			.header("Content-Type", Loopback.ARROW)
			.PUT(HttpRequest.BodyPublishers.ofByteArray(stream(1)))
			.build());
		assertThat(response.statusCode()).isBetween(200, 299);
		return pair.downloadUrl();
	}

	private List<URI> locations(String path, String user, boolean pointers) throws Exception {
		if (path.equals("/blob")) {
			return locations(post(path, user, BoundPointersApplication.blobCall(2000, this.allocator)).body());
		}
		if (path.equals("/emit")) {
			BatchMetadata tokens = StreamReply.of(post("/emit/init", user, call("emit", null)), this.allocator)
				.tokens();
			try (AnnotatedBatch batch = numbers(1).withMetadata(tokens)) {
				return locations(post("/emit/exchange", user, Loopback.bytes(batch)).body());
			}
		}
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url(this.service) + path))
			.headers(credentials(user));
		if (pointers) {
			request.header("VGI-Accept-Pointers", "true").header("Accept", Loopback.ARROW);
		}
		HttpResponse<byte[]> response = this.http.send(request.build(), BodyHandlers.ofByteArray());
		if (pointers) {
			assertThat(response.statusCode()).isEqualTo(200);
			return locations(response.body());
		}
		assertThat(response.statusCode()).isEqualTo(303);
		return List.of(response.uri().resolve(response.headers().firstValue("Location").orElseThrow()));
	}

	private List<URI> locations(byte[] body) {
		List<URI> locations = new ArrayList<>();
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(body), body.length, this.allocator)) {
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					String location = batch.metadata().get(MetadataKeys.LOCATION);
					if (location != null) {
						locations.add(URI.create(location));
					}
					batch.close();
				}
			}
		}
		assertThat(locations).isNotEmpty();
		return locations;
	}

	private static String url(ConfigurableApplicationContext service) {
		return "http://127.0.0.1:" + service.getEnvironment().getProperty("local.server.port");
	}

	private HttpResponse<byte[]> post(String path, @Nullable String user, byte[] body) {
		return post(this.service, path, user, body);
	}

	private HttpResponse<byte[]> post(ConfigurableApplicationContext service, String path, @Nullable String user,
			byte[] body) {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url(service) + path))
			.header("Content-Type", Loopback.ARROW)
			.POST(HttpRequest.BodyPublishers.ofByteArray(body));
		if (user != null) {
			request.headers(credentials(user));
		}
		return send(request.build());
	}

	private HttpResponse<byte[]> get(URI url) {
		return send(HttpRequest.newBuilder(url).build());
	}

	private HttpResponse<byte[]> send(HttpRequest request) {
		try {
			return this.http.send(request, BodyHandlers.ofByteArray());
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new IllegalStateException(ex);
		}
	}

	private static String body(HttpResponse<byte[]> response) {
		return new String(response.body(), StandardCharsets.UTF_8);
	}

}
