package dev.vgi.external.sample;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.client.ArrowResponses;
import dev.vgi.external.web.client.UnexpectedResponseException;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;

import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.util.Assert;
import org.springframework.web.client.HttpStatusCodeException;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestClientException;

/**
 * The load of {@code .ci/soak}: many clients, each with a pace of its own, which read,
 * import, stream, leave in the middle of it, and send what they should not, while the
 * line to the storage fails now and then.
 */
public final class SoakClients implements AutoCloseable {

	private static final String[][] ROUTES = { { "LAX", "LAS" }, { "LAS", "LAX" }, { "PHX", "LAX" }, { "DAL", "HOU" } };

	/** Longer than links live. */
	private static final Duration LATE = Duration.ofSeconds(25);

	private final List<SoakCall> deck = new ArrayList<>();

	private final long began;

	private final PrintStream out;

	private final SoakFaults faults;

	private final ConfigurableApplicationContext context;

	private final RestClient restClient;

	private final VgiClient vgiClient;

	private final FlightService service;

	private final SoakRequests requests;

	private final VectorSchemaRoot imported;

	private SoakClients(URI url, URI storage, Path folder) throws IOException {
		this.out = new PrintStream(folder.resolve("calls.csv").toFile());
		this.out.println("start_ms,took_ms,call,outcome,kind,fault");
		PrintStream windows = new PrintStream(folder.resolve("faults.csv").toFile());
		windows.println("fault,from_ms,until_ms");
		for (SoakCall call : SoakCall.values()) {
			this.deck.addAll(Collections.nCopies(call.share(), call));
		}
		this.context = new SpringApplicationBuilder(Application.class).web(WebApplicationType.NONE)
			.bannerMode(Banner.Mode.OFF)
			// The JDK's client: another one's pool would let only a few of them call at a
			// time
			.run("--vgi.external.storage=none", "--logging.level.root=error",
					"--spring.http.clients.imperative.factory=jdk", "--spring.http.clients.read-timeout=60s",
					"--vgi.external.client.url.allowed-hosts=127.0.0.1",
					"--vgi.external.client.url.allowed-schemes=http", "--vgi.external.client.upload-threshold=1MB",
					"--vgi.external.fetch.prefetch-size=16MB", "--vgi.external.http.read-timeout=5s",
					"--vgi.external.memory.budget=512MB");
		this.restClient = this.context.getBean(RestClient.Builder.class).baseUrl(url.toString()).build();
		this.vgiClient = this.context.getBean(VgiClient.Builder.class)
			.baseUrl(url.toString())
			.segmentSize(1_000_000)
			.build();
		this.service = new RpcClients(this.vgiClient, this.context.getBean(BufferAllocator.class), LogSink.discarding())
			.createClient(FlightService.class);
		this.imported = last("/flights", 40_000);
		this.requests = new SoakRequests(url, storage, this.imported.slice(0, Math.min(20_000, rows(this.imported))),
				this.vgiClient, this.context.getBean(BufferAllocator.class));
		this.began = System.nanoTime();
		this.faults = new SoakFaults(storage, windows, this.began);
		Files.writeString(folder.resolve("began"), System.currentTimeMillis() / 1000.0 + "\n");
	}

	/**
	 * Put a service under load, and write what came of each call.
	 * @param args URL of the service, URL of the {@link BoardStorage}, number of clients,
	 * seconds, seconds between two calls of a client, folder of what is written
	 * @throws Exception if it is ended early
	 */
	public static void main(String[] args) throws Exception {
		try (SoakClients clients = new SoakClients(URI.create(args[0]), URI.create(args[1]), Path.of(args[5]))) {
			clients.run(Integer.parseInt(args[2]), Duration.ofSeconds(Long.parseLong(args[3])),
					Duration.ofMillis((long) (1000 * Double.parseDouble(args[4]))));
		}
		System.exit(0);
	}

	private void run(int clients, Duration time, Duration pause) throws InterruptedException {
		long end = this.began + time.toNanos();
		Thread failing = new Thread(() -> this.faults.run(end), "faults");
		failing.setDaemon(true);
		failing.start();
		List<Thread> threads = new ArrayList<>();
		for (int client = 0; client < clients; client++) {
			// Neighbouring seeds begin with almost the same number
			Random random = new Random(client * 0x9E3779B97F4A7C15L);
			Thread thread = new Thread(() -> call(random, end, pause), "client-" + client);
			thread.start();
			threads.add(thread);
		}
		for (Thread thread : threads) {
			thread.join();
		}
		failing.join();
	}

	private void call(Random random, long end, Duration pause) {
		try {
			long next = System.nanoTime() + (long) (random.nextDouble() * pause.toNanos());
			while (next < end) {
				Thread.sleep(Math.max(0, (next - System.nanoTime()) / 1_000_000));
				// Late calls are not made up for: it is the pace that is bounded
				next = Math.max(next, System.nanoTime()) + (long) ((0.5 + random.nextDouble()) * pause.toNanos());
				call(this.deck.get(random.nextInt(this.deck.size())), random);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private void call(SoakCall call, Random random) throws InterruptedException {
		long start = System.nanoTime();
		String kind = "";
		try {
			make(call, random);
		}
		catch (VgiExternalException | RestClientException | IllegalStateException | IOException
				| UncheckedIOException ex) {
			kind = kindOf(ex);
			System.err.println(call + " " + kind + " " + ex);
		}
		long end = System.nanoTime();
		String outcome = kind.isEmpty() ? "ok"
				: (kind.equals("no-room") || kind.equals("http-503")) ? "refused" : "failed";
		this.out.println((start - this.began) / 1_000_000 + "," + (end - start) / 1_000_000 + "," + call + "," + outcome
				+ "," + kind + "," + this.faults.during(start, end));
	}

	private static String kindOf(Exception ex) {
		String message = String.valueOf(ex.getMessage());
		if (message.contains("Too many flights") || message.contains("Flights are being read")
				|| message.contains("lights failed") || message.contains("budget_exhausted")
				|| message.contains("memory.budget")
				|| (ex instanceof VgiExternalException known && known.kind() == Kind.BUDGET_EXHAUSTED)) {
			return "no-room";
		}
		if (ex instanceof SoakRequests.StatusException refused) {
			return "http-" + refused.status();
		}
		if (ex instanceof HttpStatusCodeException refused) {
			return "http-" + refused.getStatusCode().value();
		}
		if (ex instanceof UnexpectedResponseException refused) {
			return "http-" + refused.status();
		}
		if (Stream.of(" S3 ", "Transfer of", "Fetch of", "Cannot reach").anyMatch(message::contains)) {
			return "error-storage";
		}
		if (ex instanceof ErrorBatchException error) {
			return "error-" + ((error.errorKind() != null) ? error.errorKind() : error.errorType());
		}
		return (ex instanceof VgiExternalException known) ? known.kind().code() : ex.getClass().getSimpleName();
	}

	private void make(SoakCall call, Random random) throws IOException, InterruptedException {
		String[] route = ROUTES[random.nextInt(ROUTES.length)];
		switch (call) {
			case READ_ROUTE -> read("/flights/" + route[0] + "/" + route[1]);
			case READ_ALL -> read("/flights");
			case SUMMARIZE -> this.service.summarize(route[0], route[1]);
			case STREAM -> stream(Integer.MAX_VALUE);
			case STREAM_CANCELLED -> stream(1 + random.nextInt(2));
			case IMPORT -> importRoute(route);
			case IMPORT_LARGE ->
				Assert.state(this.service.importFlights(this.imported) == rows(this.imported), "Imported");
			case IMPORT_STREAM -> importStream();
			case IMPORT_READER -> importReader();
			case RENEW -> renew();
			default -> this.requests.make(call, random);
		}
	}

	private void read(String path) throws IOException {
		try (ArrowReader flights = ArrowResponses.read(this.restClient.get().uri(path).retrieve())) {
			long rows = 0;
			while (flights.loadNextBatch()) {
				rows += flights.getVectorSchemaRoot().getRowCount();
			}
			Assert.state(rows > 0, "No flights");
		}
	}

	private VectorSchemaRoot last(String path, int rows) throws IOException {
		try (ArrowReader flights = ArrowResponses.read(this.restClient.get().uri(path).retrieve())) {
			VectorSchemaRoot batch = flights.getVectorSchemaRoot();
			while (flights.loadNextBatch()) {
				if (rows(batch) >= rows) {
					return batch.slice(rows(batch) - rows, rows);
				}
			}
		}
		throw new IllegalStateException("No flights");
	}

	private static int rows(VectorSchemaRoot batch) {
		return batch.getRowCount();
	}

	private void stream(int pages) {
		try (ProducerStream<FlightCount> stream = this.service.streamFlights(null, null)) {
			for (int page = 0; page < pages && stream.hasNext(); page++) {
				stream.next().close();
			}
		}
	}

	private void importRoute(String[] route) {
		try (VectorSchemaRoot flights = this.service.fetchFlights(route[0], route[1])) {
			this.restClient.post()
				.uri("/flights")
				.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.body(flights)
				.retrieve()
				.toBodilessEntity();
		}
	}

	private void importStream() {
		try (ExchangeStream<Void> stream = this.service.importStream()) {
			for (int first = 0; first < 20_000; first += 10_000) {
				try (VectorSchemaRoot part = this.imported.slice(first, 10_000);
						AnnotatedBatch answer = stream.exchange(AnnotatedBatch.of(part))) {
					Assert.state(answer.rowCount() == 1, "No answer");
				}
			}
		}
	}

	private void importReader() {
		ArrowReader flights = new PartsReader(this.imported, this.context.getBean(BufferAllocator.class));
		Object answer = this.vgiClient.send("/flights", flights, String.class, LogSink.discarding());
		Assert.state(String.valueOf(answer).contains("imported"), "Not imported");
	}

	private void renew() throws IOException, InterruptedException {
		try (ArrowReader flights = this.vgiClient.read("/flights", LogSink.discarding())) {
			Assert.state(flights.loadNextBatch(), "No flights");
			Thread.sleep(LATE.toMillis());
			long rows = 0;
			while (flights.loadNextBatch()) {
				rows += rows(flights.getVectorSchemaRoot());
			}
			Assert.state(rows > 0, "No further flights");
		}
	}

	@Override
	public void close() {
		this.imported.close();
		this.context.close();
	}

	/**
	 * A batch in parts; borrowed.
	 */
	private static final class PartsReader extends ArrowReader {

		private static final int PART = 5_000;

		private final VectorSchemaRoot batch;

		private int next;

		private PartsReader(VectorSchemaRoot batch, BufferAllocator allocator) {
			super(allocator);
			this.batch = batch;
		}

		@Override
		public boolean loadNextBatch() throws IOException {
			prepareLoadNextBatch();
			if (this.next >= rows(this.batch)) {
				return false;
			}
			try (VectorSchemaRoot part = this.batch.slice(this.next, PART)) {
				loadRecordBatch(new VectorUnloader(part).getRecordBatch());
			}
			this.next += PART;
			return true;
		}

		@Override
		protected Schema readSchema() {
			return this.batch.getSchema();
		}

		@Override
		public long bytesRead() {
			return 0;
		}

		@Override
		protected void closeReadSource() {
			// Borrowed
		}

	}

	/**
	 * The library's beans and no others.
	 */
	@EnableAutoConfiguration
	static class Application {

	}

}
