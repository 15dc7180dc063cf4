package dev.vgi.external.sample;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.sample.demo.DemoCommand;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.client.ArrowResponses;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link SampleApplication}, from end to end with its own configuration.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
class SampleApplicationTests {

	private final HttpClient plainClient = HttpClient.newBuilder().followRedirects(Redirect.NORMAL).build();

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator allocator;

	@Autowired
	private FlightDatabase database;

	@Autowired
	private RestClient.Builder restClientBuilder;

	@Autowired
	private VgiClient.Builder vgiClientBuilder;

	private RestClient restClient;

	private FlightService service;

	@BeforeEach
	void connect() {
		String url = "http://localhost:" + this.port;
		this.restClient = this.restClientBuilder.baseUrl(url).build();
		this.service = new RpcClients(this.vgiClientBuilder.baseUrl(url).build(), this.allocator, LogSink.discarding())
			.createClient(FlightService.class);
	}

	@AfterEach
	void nothingIsHeld() {
		// The service lets go of a request after its response has arrived here.
		Awaitility.await().untilAsserted(() -> assertThat(this.allocator.getAllocatedMemory()).isZero());
	}

	@Test
	void saysWhatThereIs() throws Exception {
		assertThat(get("/").body()).contains("\"flights\":3000000");
	}

	@Test
	void showsItsTransfersOnAPage() throws Exception {
		HttpResponse<String> page = get("/actuator/vgiexternalpage");
		assertThat(page.statusCode()).isEqualTo(200);
		assertThat(page.headers().firstValue("Content-Type")).hasValue("text/html;charset=UTF-8");
		assertThat(page.body()).contains("data-application=\"flights\" data-endpoint=\"vgiexternal\"");
		assertThat(get("/actuator/vgiexternal").body()).contains("\"finished\":[");
	}

	@Test
	void prometheusFindsItsMeters() throws Exception {
		assertThat(get("/actuator/prometheus").body()).contains("\nvgi_external_allocated_bytes ");
	}

	@Test
	void ourClientGetsRouteInline() {
		try (AnnotatedBatch route = arrow("/flights/LAX/LAS")) {
			assertThat(route.rowCount()).isEqualTo(8323);
			assertThat(route.metadata().contains(MetadataKeys.LOCATION_SOURCE)).isFalse();
		}
	}

	@Test
	void ourClientGetsAllFlightsThroughStorage() throws Exception {
		double before = metric("vgi.external.fetch");
		List<VectorSchemaRoot> segments = new ArrayList<>();
		try (ArrowReader all = read("/flights")) {
			assertThat(all.getVectorSchemaRoot().getSchema()).isEqualTo(FlightStore.SCHEMA);
			while (all.loadNextBatch()) {
				segments.add(kept(all.getVectorSchemaRoot()));
			}
			assertThat(FlightDigest.of(segments)).isEqualTo(FlightDigest.ALL);
		}
		assertThat(segments).hasSizeBetween(4, 8);
		assertThat(metric("vgi.external.fetch")).isEqualTo(before + segments.size());
		segments.forEach(VectorSchemaRoot::close);
	}

	@Test
	@DirtiesContext // leaves the flights in another order
	void readerThatIsClosedEarlyHoldsNobodyUp() throws Exception {
		try (VectorSchemaRoot route = this.service.fetchFlights("LAX", "LAS")) {
			try (ArrowReader many = read("/flights?copies=20")) {
				assertThat(many.loadNextBatch()).isTrue();
			}
			// The service notices it when it writes the next pointers
			Awaitility.await()
				.atMost(Duration.ofMinutes(1))
				.ignoreExceptions()
				.untilAsserted(() -> assertThat(this.service.importFlights(route)).isEqualTo(8323));
		}
	}

	@Test
	void plainClientIsRedirectedToWholeStream() throws Exception {
		double before = metric("vgi.external.upload");
		HttpResponse<InputStream> response = this.plainClient.send(request("/flights").build(),
				BodyHandlers.ofInputStream());
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.previousResponse()).hasValueSatisfying((redirect) -> {
			assertThat(redirect.statusCode()).isEqualTo(303);
			assertThat(redirect.uri().getPath()).isEqualTo("/flights");
		});
		assertThat(response.headers().firstValueAsLong("Content-Length").orElseThrow()).isGreaterThan(115_000_000);
		try (ArrowReader reader = new ArrowStreamReader(response.body(), this.allocator)) {
			List<VectorSchemaRoot> batches = new ArrayList<>();
			while (reader.loadNextBatch()) {
				batches.add(kept(reader.getVectorSchemaRoot()));
			}
			assertThat(batches).hasSizeGreaterThan(50);
			assertThat(FlightDigest.of(batches)).isEqualTo(FlightDigest.ALL);
			batches.forEach(VectorSchemaRoot::close);
		}
		assertThat(metric("vgi.external.upload")).isEqualTo(before + 1);
	}

	@ParameterizedTest
	@CsvSource({ "0,between 1 and 200", "201,between 1 and 200", "-1,between 1 and 200", "many,copies" })
	void otherNumbersOfCopiesAreRefused(String copies, String message) throws Exception {
		HttpResponse<String> response = get("/flights?copies=" + copies);
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.body()).contains(message);
	}

	@Test
	void plainClientGetsRouteInline() throws Exception {
		HttpResponse<InputStream> response = this.plainClient.send(request("/flights/LAX/LAS").build(),
				BodyHandlers.ofInputStream());
		assertThat(response.previousResponse()).isEmpty();
		try (RootAllocator plain = new RootAllocator();
				ArrowStreamReader reader = new ArrowStreamReader(response.body(), plain)) {
			assertThat(reader.loadNextBatch()).isTrue();
			assertThat(reader.getVectorSchemaRoot().getRowCount()).isEqualTo(8323);
		}
	}

	@Test
	@DirtiesContext // leaves the flights in another order
	void smallImportIsPosted() {
		try (AnnotatedBatch route = arrow("/flights/LAX/LAS")) {
			String answer = this.restClient.post()
				.uri("/flights")
				.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.body(route.root())
				.retrieve()
				.body(String.class);
			assertThat(answer).contains("\"imported\":8323").contains("\"flights\":3000000");
		}
	}

	@Test
	@DirtiesContext // leaves the flights in another order
	void largeImportGoesThroughUploadUrl() throws Exception {
		double before = metric("vgi.external.upload.urls");
		try (VectorSchemaRoot all = this.service.fetchFlights(null, null);
				VectorSchemaRoot latest = all.slice(2_500_000)) {
			assertThat(this.service.importFlights(latest)).isEqualTo(500_000);
		}
		assertThat(metric("vgi.external.upload.urls")).isEqualTo(before + 1);
		assertThat(get("/").body()).contains("\"flights\":3000000");
	}

	@Test
	@DirtiesContext // leaves the flights in another order
	void pointersArePosted() throws Exception {
		double before = metric("vgi.external.fetch");
		HttpResponse<String> response = post(pointers());
		assertThat(response.body()).contains("\"imported\":3000000").contains("\"flights\":3000000");
		assertThat(metric("vgi.external.fetch")).isGreaterThan(before + 3);
	}

	@Test
	void importThatFailsInTheMiddleIsNone() throws Exception {
		byte[] pointers = pointers();
		// The last of them leads to a host that is not allowed
		int last = new String(pointers, StandardCharsets.ISO_8859_1).lastIndexOf("http://");
		pointers[last + "http://".length()] = 'x';
		HttpResponse<String> response = post(pointers);
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.body()).contains("\"kind\":\"url-rejected\"");
		assertThat(get("/").body()).contains("\"flights\":3000000");
	}

	@Test
	void importThatIsNoFlightsIsRefused() throws Exception {
		assertThat(post(batches("/flights", 1)).statusCode()).as("over the cap").isEqualTo(413);
		assertThat(post("not Arrow".getBytes(StandardCharsets.US_ASCII)).statusCode()).isEqualTo(400);
		assertThat(post(Arrays.copyOf(batches("/flights/LAX/LAS", 3), 900_000)).statusCode()).as("cut off")
			.isEqualTo(400);
		assertThat(get("/").body()).contains("\"flights\":3000000");
	}

	@Test
	void summaryIsTyped() {
		RouteSummary summary = this.service.summarize("LAX", "LAS");
		assertThat(summary.flights()).isEqualTo(8323);
		assertThat(summary.maxDistance()).isEqualTo(236);
		assertThat(summary.firstDeparture()).hasYear(2001);
		assertThat(this.service.summarize("XXX", "YYY"))
			.isEqualTo(new RouteSummary("XXX", "YYY", 0, null, null, null, null, null));
	}

	@Test
	void typedMethodFetchesFlights() {
		try (VectorSchemaRoot route = this.service.fetchFlights("LAX", "LAS")) {
			assertThat(route.getRowCount()).isEqualTo(8323);
		}
		try (VectorSchemaRoot all = this.service.fetchFlights(null, null)) {
			assertThat(FlightDigest.of(all)).isEqualTo(FlightDigest.ALL);
		}
	}

	@Test
	void flightsAreStreamedThroughStorage() throws Exception {
		double before = metric("vgi.external.fetch");
		try (ProducerStream<FlightCount> stream = this.service.streamFlights(null, null)) {
			assertThat(stream.header().flights()).isEqualTo(3_000_000);
			List<AnnotatedBatch> pages = new ArrayList<>();
			stream.forEachRemaining(pages::add);
			assertThat(pages).hasSize(12).allMatch((page) -> page.metadata().contains(MetadataKeys.LOCATION_SOURCE));
			assertThat(FlightDigest.of(pages.stream().map(AnnotatedBatch::root).toList())).isEqualTo(FlightDigest.ALL);
			pages.forEach(AnnotatedBatch::close);
		}
		assertThat(metric("vgi.external.fetch")).isEqualTo(before + 12);
	}

	@Test
	void streamThatIsNotReadToItsEndIsCancelled() {
		try (ProducerStream<FlightCount> stream = this.service.streamFlights(null, null);
				AnnotatedBatch page = stream.next()) {
			assertThat(page.rowCount()).isEqualTo(250_000);
		}
	}

	@Test
	@DirtiesContext // leaves the flights in another order
	void importIsStreamed() throws Exception {
		double before = metric("vgi.external.upload.urls");
		try (VectorSchemaRoot route = this.service.fetchFlights("LAX", "LAS");
				ExchangeStream<Void> stream = this.service.importStream()) {
			assertThat(imported(stream, route)).containsExactly(8323L, 8323L);
			try (VectorSchemaRoot all = this.service.fetchFlights(null, null);
					VectorSchemaRoot latest = all.slice(2_900_000)) {
				assertThat(imported(stream, latest)).containsExactly(100_000L, 108_323L);
			}
		}
		assertThat(metric("vgi.external.upload.urls")).isEqualTo(before + 1);
		assertThat(get("/").body()).contains("\"flights\":3000000");
	}

	private static List<Object> imported(ExchangeStream<Void> stream, VectorSchemaRoot flights) {
		// Not closed: the batch stays the caller's
		AnnotatedBatch borrowed = AnnotatedBatch.of(flights);
		try (AnnotatedBatch answer = stream.exchange(borrowed)) {
			return List.of(answer.root().getVector("imported").getObject(0),
					answer.root().getVector("total").getObject(0));
		}
	}

	@Test
	@DirtiesContext // leaves the flights in another order
	void demoCallsBothWays() throws Exception {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		int code = new DemoCommand(new PrintStream(out, true, StandardCharsets.UTF_8), false)
			.run(List.of("--url", "http://localhost:" + this.port));
		assertThat(out.toString(StandardCharsets.UTF_8)).containsPattern("GET a route +inline +8,323 ")
			.containsPattern("GET all +external +[4-8] +3,000,000 ")
			.containsPattern("RPC stream_flights +external +12 +3,000,000 ")
			.containsPattern("RPC fetch_flights +external +1 +3,000,000 ")
			.containsPattern("RPC import_flights +external +1 +500,\\d{3} ")
			.containsPattern("RPC import_stream +external +5 +500,\\d{3} ")
			.contains("/actuator/vgiexternalpage");
		assertThat(code).isZero();
		assertThat(get("/").body()).contains("\"flights\":3000000");
	}

	@Test
	void halfARouteIsAnErrorOfTheCaller() {
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.service.fetchFlights("LAX", null))
			.withMessageContaining("A route has an origin and a destination");
	}

	@Test
	void importOfOtherColumnsIsAnErrorOfTheCaller() {
		try (BigIntVector delay = new BigIntVector("delay", this.allocator)) {
			delay.setSafe(0, 1);
			delay.setValueCount(1);
			VectorSchemaRoot other = new VectorSchemaRoot(List.of(delay));
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.service.importFlights(other))
				.withMessageContaining("Flights have the columns");
		}
	}

	@Test
	void capabilitiesAreAnnounced() throws Exception {
		HttpHeaders headers = get("/").headers();
		assertThat(headers.firstValue(Capabilities.UPLOAD_URL_SUPPORT)).hasValue("true");
		assertThat(headers.firstValueAsLong(Capabilities.MAX_REQUEST_BYTES)).hasValue(1 << 20);
	}

	@Test
	void healthIsUp() throws Exception {
		assertThat(get("/actuator/health").body()).contains("\"status\":\"UP\"");
	}

	@Test
	@DirtiesContext // leaves the service without a database
	void deadDatabaseIsDown() throws Exception {
		this.database.close();
		HttpResponse<String> health = get("/actuator/health");
		assertThat(health.statusCode()).isEqualTo(503);
		assertThat(health.body()).contains("\"status\":\"DOWN\"");
		assertThat(get("/").statusCode()).isEqualTo(503);
	}

	private ArrowReader read(String path) {
		return ArrowResponses.read(this.restClient.get().uri(path).retrieve());
	}

	private VectorSchemaRoot kept(VectorSchemaRoot batch) {
		VectorSchemaRoot kept = VectorSchemaRoot.create(batch.getSchema(), this.allocator);
		try (ArrowRecordBatch buffers = new VectorUnloader(batch).getRecordBatch()) {
			new VectorLoader(kept).load(buffers);
		}
		return kept;
	}

	// All flights, as a client sends them that has stored them before
	private byte[] pointers() throws Exception {
		return this.plainClient
			.send(request("/flights").header("VGI-Accept-Pointers", "true").build(), BodyHandlers.ofByteArray())
			.body();
	}

	// The first batch, several times
	private byte[] batches(String path, int times) throws Exception {
		ByteArrayOutputStream stream = new ByteArrayOutputStream();
		try (ArrowReader flights = read(path);
				ArrowStreamWriter writer = new ArrowStreamWriter(flights.getVectorSchemaRoot(), null, stream)) {
			flights.loadNextBatch();
			for (int i = 0; i < times; i++) {
				writer.writeBatch();
			}
		}
		return stream.toByteArray();
	}

	private HttpResponse<String> post(byte[] flights) throws Exception {
		return this.plainClient.send(request("/flights").header("Content-Type", "application/vnd.apache.arrow.stream")
			.POST(BodyPublishers.ofByteArray(flights))
			.build(), BodyHandlers.ofString());
	}

	private AnnotatedBatch arrow(String path) {
		AnnotatedBatch batch = this.restClient.get()
			.uri(path)
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.retrieve()
			.body(AnnotatedBatch.class);
		assertThat(batch).isNotNull();
		return batch;
	}

	private HttpRequest.Builder request(String path) {
		return HttpRequest.newBuilder(URI.create("http://localhost:" + this.port + path));
	}

	private HttpResponse<String> get(String path) throws Exception {
		return this.plainClient.send(request(path).build(), BodyHandlers.ofString());
	}

	private double metric(String name) throws Exception {
		HttpResponse<String> response = get("/actuator/metrics/" + name);
		if (response.statusCode() == 404) {
			return 0;
		}
		String body = response.body();
		int start = body.indexOf("\"value\":") + "\"value\":".length();
		return Double.parseDouble(body.substring(start, body.indexOf('}', start)));
	}

}
