package dev.vgi.external.web.client;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import com.sun.net.httpserver.HttpExchange;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.ProducerCall;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.ExternalLocationHttpMessageConverter;
import dev.vgi.external.web.client.ScriptedService.Reply;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.http.client.ClientHttpRequestFactoryBuilder;
import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Clients whose answers point to links that have expired, by the clock of the storage.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RenewedLinksTests extends AbstractClientTests {

	private static final Instant START = Instant.parse("2090-01-01T00:00:00Z");

	private static final String PATH = "/api/__renew_url__/init";

	private static final String TOKEN = "sealed-secret";

	private static final byte[] LINKED = ArrowBodies.stream(ArrowBodies.data(1, 2));

	private final Map<String, byte[]> objects = new ConcurrentHashMap<>();

	private volatile Instant storageTime = START;

	private final FaultServer storage = new FaultServer((request, reply) -> {
		String date = "Date: " + DateTimeFormatter.RFC_1123_DATE_TIME.withZone(ZoneOffset.UTC).format(this.storageTime);
		String[] target = request.target().split("\\?Expires=");
		if (this.storageTime.getEpochSecond() >= Long.parseLong(target[1])) {
			reply.empty(403, date);
		}
		else {
			reply.object(Objects.requireNonNull(this.objects.get(target[0])), date);
		}
	});

	private final List<String> outcomes = Collections.synchronizedList(new ArrayList<>());

	private final TransferResources resources = TransferResources.create().withListener(new TransferListener() {

		@Override
		public void linkRenewed(@Nullable Kind failure) {
			RenewedLinksTests.this.outcomes.add((failure != null) ? failure.code() : "success");
		}

	});

	private ClientHttpRequestFactory requests = new JdkClientHttpRequestFactory();

	private UrlValidator validator = UrlValidator.acceptAll();

	static List<ClientHttpRequestFactoryBuilder<?>> engines() {
		return SentOnceTests.engines();
	}

	@AfterEach
	void closeStorage() throws Exception {
		assertThat(this.resources.transport().leasedConnections()).isZero();
		this.resources.close();
		this.storage.close();
		assertThat(this.resources.budget().inUse()).isZero();
		if (this.requests instanceof DisposableBean closeable) {
			closeable.destroy();
		}
	}

	private LocationResolver resolver() {
		return new LocationResolver(ExternalLocationConfig.defaults()
			.withUrlValidator(this.validator)
			.withRetryDelay(Duration.ZERO)
			.withFetchConfig(FetchConfig.defaults().withPrefetchSize(1)), this.resources);
	}

	private VgiClient renewing() {
		return new VgiClient.Builder(
				RestClient.builder().requestFactory(this.requests).defaultHeader("Authorization", "Bearer mine"),
				this.allocator, resolver())
			.baseUrl(this.service.url())
			.dialect(Dialect.FLAT)
			.build();
	}

	private String link(String path, Instant expiry) {
		return this.storage.url(path + "?Expires=" + expiry.getEpochSecond()).toString();
	}

	/** An object and a pointer to it whose link works for a minute. */
	private ArrowBodies.Part pointer(int object) {
		return pointer(object, PATH);
	}

	private ArrowBodies.Part pointer(int object, String path) {
		this.objects.put("/" + object, ArrowBodies.stream(ArrowBodies.data(object)));
		this.service.on(PATH, Reply.arrow(ArrowBodies.renewedUrl(link("/" + object, START.plusSeconds(3600)))));
		return pointer(object, path, TOKEN);
	}

	private ArrowBodies.Part pointer(int object, String path, String token) {
		return ArrowBodies
			.empty(BatchMetadata.of(Map.of(MetadataKeys.LOCATION, link("/" + object, START.plusSeconds(60)),
					MetadataKeys.RENEWAL, token, MetadataKeys.RENEWAL_PATH, path)));
	}

	private void expire() {
		this.storageTime = START.plusSeconds(60);
	}

	private List<Long> call(VgiClient client) {
		try (AnnotatedBatch request = request("m")) {
			return values(client.call("/m", request, this.logs::add));
		}
	}

	private List<ScriptedService.Request> renewals() {
		return this.service.requests().stream().filter((request) -> request.path().equals(PATH)).toList();
	}

	private static List<Long> loaded(ArrowReader reader) throws IOException {
		BigIntVector vector = (BigIntVector) reader.getVectorSchemaRoot().getVector(0);
		List<Long> values = new ArrayList<>();
		for (int i = 0; i < reader.getVectorSchemaRoot().getRowCount(); i++) {
			values.add(vector.get(i));
		}
		return values;
	}

	@ParameterizedTest
	@MethodSource("engines")
	void tokenIsPostedAsCallsAreMade(ClientHttpRequestFactoryBuilder<?> engine) throws Exception {
		this.requests = engine.build();
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(pointer(7))));
		expire();
		assertThat(call(renewing())).containsExactly(7L);
		assertThat(renewals()).singleElement().satisfies((request) -> {
			assertThat(request.method()).isEqualTo("POST");
			assertThat(request.headers().getFirst("Authorization")).isEqualTo("Bearer mine");
			assertThat(request.headers().getFirst("Content-Type")).isEqualTo(ScriptedService.ARROW);
			assertThat(request.metadata().get(MetadataKeys.METHOD)).isEqualTo("__renew_url__");
			assertThat(request.metadata().get(MetadataKeys.REQUEST_VERSION)).isEqualTo("1");
			try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(request.body()), Long.MAX_VALUE,
					this.allocator)) {
				assertThat(reader.nextStream()).isTrue();
				try (AnnotatedBatch batch = reader.next()) {
					assertThat(batch).isNotNull();
					assertThat(batch.root().getVector("token").getObject(0)).hasToString(TOKEN);
				}
			}
		});
		assertThat(this.outcomes).containsExactly("success");
	}

	@Test
	void pathBelongsToTheHostAndNotToTheBaseUrl() {
		this.service.on("/api/v1/m", Reply.arrow(ArrowBodies.stream(pointer(7))));
		expire();
		VgiClient client = new VgiClient.Builder(RestClient.builder().requestFactory(this.requests), this.allocator,
				resolver())
			.baseUrl(this.service.url().replace("://", "://user@") + "/api")
			.prefix("/v1")
			.dialect(Dialect.FLAT)
			.build();
		assertThat(call(client)).containsExactly(7L);
		assertThat(renewals()).hasSize(1);
	}

	@Test
	void linkThatWorksIsNotRenewed() {
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(pointer(7))));
		assertThat(call(renewing())).containsExactly(7L);
		assertThat(renewals()).isEmpty();
		assertThat(this.outcomes).isEmpty();
	}

	@ParameterizedTest
	@MethodSource("engines")
	void slowConsumerOfAListGetsWhatHasExpiredMeanwhile(ClientHttpRequestFactoryBuilder<?> engine) throws Exception {
		this.requests = engine.build();
		byte[] all = ArrowBodies.stream(pointer(1), pointer(2), pointer(3));
		byte[] first = Arrays.copyOf(all, all.length - 100);
		CountDownLatch gate = new CountDownLatch(1);
		this.service.on("/list", (exchange) -> {
			try (OutputStream body = begin(exchange)) {
				body.write(first);
				body.flush();
				await(gate);
				body.write(all, first.length, all.length - first.length);
			}
		});
		try (ArrowReader reader = renewing().read("/list", LogSink.discarding())) {
			expireAfterTheFirst(reader);
			// The first response is still on its way.
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(loaded(reader)).hasSize(1);
			gate.countDown();
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(reader.loadNextBatch()).isFalse();
		}
		assertThat(renewals()).hasSizeBetween(1, 2);
		assertThat(this.outcomes).containsOnly("success");
	}

	// What is ahead of the consumer may have been fetched in time.
	private void expireAfterTheFirst(ArrowReader reader) throws IOException {
		assertThat(reader.loadNextBatch()).isTrue();
		assertThat(loaded(reader)).containsExactly(1L);
		expire();
	}

	@Test
	void streamsRenew() throws Exception {
		expire();
		this.service.on("/produce/init", Reply.arrow(ArrowBodies.stream(pointer(1), ArrowBodies.token("a"))));
		this.service.on("/produce/exchange", Reply.arrow(ArrowBodies.stream(pointer(2))));
		try (ProducerCall stream = produce(renewing(), false)) {
			assertThat(drain(stream)).containsExactly(1L, 2L);
		}
		assertThat(renewals()).hasSize(2);
	}

	@Test
	void answersToAReaderRenew() throws Exception {
		expire();
		this.service.on("/sum", Reply.arrow(ArrowBodies.stream(pointer(4))),
				Reply.arrow(ArrowBodies.stream(pointer(5))));
		assertThat(values(renewing().send("/sum", input(), AnnotatedBatch.class, LogSink.discarding())))
			.containsExactly(4L);
		try (ArrowReader reader = renewing().send("/sum", input(), ArrowReader.class, LogSink.discarding())) {
			assertThat(reader).isNotNull();
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(loaded(reader)).containsExactly(5L);
		}
		assertThat(renewals()).hasSize(2);
	}

	private ArrowReader input() {
		return new ArrowStreamReader(new ByteArrayInputStream(LINKED), this.allocator);
	}

	private void assertFails(Reply reply, Class<? extends Throwable> cause, String message) {
		this.objects.put("/7", LINKED);
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(pointer(7, PATH, TOKEN))));
		this.service.on(PATH, reply);
		int before = renewals().size();
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> call(renewing()))
			.withMessageContaining("expired at 2090-01-01T00:01:00Z: storage answered 403")
			.withMessageContaining("it could not be renewed")
			.withMessageContaining(message)
			.withMessageNotContaining("Expires=")
			.withMessageNotContaining(TOKEN)
			.withCauseInstanceOf(cause);
		assertThat(renewals()).hasSize(before + 1);
	}

	@Test
	void refusalsOfTheServiceAreCauses() {
		expire();
		assertFails(Reply.arrow(403, ArrowBodies.stream(ArrowBodies.error("PermissionError", "not yours", "denied"))),
				ErrorBatchException.class, "(remote-error): PermissionError: not yours");
		assertFails(Reply.text(404, "no such route"), UnexpectedResponseException.class, "status 404");
		assertFails(Reply.text(500, "broken"), UnexpectedResponseException.class, "status 500");
		assertFails(Reply.cutOff(new byte[10]), VgiExternalException.class, "");
		assertFails(Reply.arrow(LINKED), CorruptStreamException.class, "without exactly one link");
		assertFails(Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1))), CorruptStreamException.class, "is no text");
		assertFails(Reply.arrow(ArrowBodies.stream()), UnexpectedResponseException.class, "without data");
		assertFails(Reply.arrow(ArrowBodies.renewedUrl("not a URL")), CorruptStreamException.class, "is no URL");
		assertFails(Reply.arrow(ArrowBodies.renewedUrl("/relative?Expires=1")), CorruptStreamException.class,
				"must be an absolute URL");
		assertThat(this.outcomes).startsWith("remote-error", "remote-error", "remote-error").hasSize(9);
		this.service.close();
		assertThat(this.service.requests()).hasSize(18);
	}

	@Test
	void newLinkIsUnderTheSamePolicy() {
		expire();
		this.validator = (url) -> {
			if (url.getPath().equals("/elsewhere")) {
				throw new UrlRejectedException(url, "it is elsewhere");
			}
		};
		assertFails(Reply.arrow(ArrowBodies.renewedUrl(link("/elsewhere", START.plusSeconds(3600)))),
				UrlRejectedException.class, "(url-rejected)");
		assertThat(this.storage.requests()).hasSize(1);
	}

	@Test
	void serviceThatIsGoneIsACause() {
		expire();
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(pointer(7, PATH, TOKEN))));
		this.service.on(PATH, Reply.hangUp(), Reply.hangUp());
		this.objects.put("/7", LINKED);
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> call(renewing()))
			.withMessageContaining("(service-unavailable)")
			.withCauseInstanceOf(ServiceUnavailableException.class);
	}

	@ParameterizedTest
	@ValueSource(strings = { "//evil.example/__renew_url__/init", "http://evil.example/__renew_url__/init",
			"\\\\evil.example/__renew_url__/init", "/api/../__renew_url__/init", "/api/%2e%2e/__renew_url__/init",
			"/api/..;/__renew_url__/init", "/api\n/__renew_url__/init", "api/__renew_url__/init", "/transfer", "",
			"/transfer?to=/__renew_url__/init", "/transfer#/__renew_url__/init", "/a%2f..%2f/__renew_url__/init" })
	void tokenIsPostedNowhereElse(String path) {
		expire();
		this.objects.put("/7", LINKED);
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(pointer(7, path, TOKEN))));
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> call(renewing()))
			.withMessageContaining("vgi_external.renewal_path must be a plain path")
			.withMessageNotContaining(TOKEN)
			.withCauseInstanceOf(CorruptStreamException.class);
		assertThat(this.service.paths()).containsExactly("/m");
	}

	@Test
	void whatIsTooLongIsNotPosted() {
		expire();
		this.objects.put("/7", LINKED);
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(pointer(7, "/a".repeat(2000) + PATH, TOKEN))),
				Reply.arrow(ArrowBodies.stream(pointer(7, PATH, "t".repeat(8193)))));
		for (int i = 0; i < 2; i++) {
			assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> call(renewing()))
				.satisfies((ex) -> assertThat(ex.getMessage()).hasSizeLessThan(400));
		}
		assertThat(this.service.paths()).containsExactly("/m", "/m");
	}

	@Test
	void nothingIsLeftOfARequestWithoutMemory() {
		for (long limit = 0; limit < 64 * 1024; limit = Math.max(1024, limit * 2)) {
			try (BufferAllocator small = this.allocator.newChildAllocator("small", 0, limit)) {
				VgiClient.Builder builder = new VgiClient.Builder(RestClient.builder(), small, resolver());
				RenewedLinks links = new RenewedLinks(new ServiceConnection(builder, RestClient.create()),
						URI.create(this.service.url()), small);
				assertThatExceptionOfType(OutOfMemoryException.class)
					.isThrownBy(() -> links.renew("t".repeat(100_000), PATH));
			}
		}
	}

	@Test
	void readerThatIsClosedDoesNotWaitForANewLink() throws Exception {
		expire();
		CountDownLatch asked = new CountDownLatch(1);
		CountDownLatch gate = new CountDownLatch(1);
		this.objects.put("/7", LINKED);
		this.service.on("/list", Reply.arrow(ArrowBodies.stream(pointer(7, PATH, TOKEN))));
		this.service.on(PATH, (exchange) -> {
			asked.countDown();
			await(gate);
			exchange.close();
		});
		ArrowReader reader = renewing().read("/list", LogSink.discarding());
		AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
		Thread waiting = new Thread(() -> {
			try {
				reader.loadNextBatch();
			}
			catch (Throwable ex) {
				failure.set(ex);
			}
		});
		waiting.start();
		asked.await();
		reader.close();
		waiting.join();
		assertThat(failure.get()).isInstanceOf(VgiExternalException.class);
		gate.countDown();
		awaitNoRenewal();
	}

	// It was interrupted, and nobody waits for its end.
	private static void awaitNoRenewal() throws InterruptedException {
		for (Thread thread : Thread.getAllStackTraces().keySet()) {
			if (thread.getName().equals("vgi-external-renewal")) {
				thread.join(20_000);
				assertThat(thread.isAlive()).isFalse();
			}
		}
	}

	@Test
	void readerWithoutARenewalSaysWhatWouldRenew() {
		expire();
		this.objects.put("/7", LINKED);
		this.service.on("/m", Reply.arrow(ArrowBodies.stream(pointer(7, PATH, TOKEN))));
		LocationResolver resolver = resolver();
		RestClient plainClient = RestClient.builder()
			.requestFactory(this.requests)
			.baseUrl(this.service.url())
			.configureMessageConverters((converters) -> converters.registerDefaults()
				.addCustomConverter(new ExternalLocationHttpMessageConverter(
						new ArrowStreamHttpMessageConverter(this.allocator, Long.MAX_VALUE, false), () -> resolver,
						null, LogSink.discarding())))
			.build();
		assertThatExceptionOfType(LinkExpiredException.class)
			.isThrownBy(() -> plainClient.get().uri("/m").retrieve().body(AnnotatedBatch.class))
			.withMessageContaining("VgiClient")
			.withMessageNotContaining(TOKEN);
		assertThat(this.service.paths()).containsExactly("/m");
	}

	private static OutputStream begin(HttpExchange exchange) throws IOException {
		exchange.getResponseHeaders().set("Content-Type", ScriptedService.ARROW);
		exchange.sendResponseHeaders(200, 0);
		return exchange.getResponseBody();
	}

	private static void await(CountDownLatch gate) throws IOException {
		try {
			gate.await(20, TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			throw new IOException("the service is closed");
		}
	}

}
