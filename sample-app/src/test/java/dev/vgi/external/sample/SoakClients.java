package dev.vgi.external.sample;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.LongAdder;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.client.ArrowResponses;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;

import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.util.Assert;
import org.springframework.web.client.HttpServerErrorException;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestClientException;

/**
 * The load of {@code .ci/soak}: many clients, each with a pace of its own, which read,
 * import, stream, and leave in the middle of it.
 */
public final class SoakClients implements AutoCloseable {

	private static final String[][] ROUTES = { { "LAX", "LAS" }, { "LAS", "LAX" }, { "PHX", "LAX" }, { "DAL", "HOU" } };

	private final List<Call> deck = new ArrayList<>();

	private final URI url;

	private final ConfigurableApplicationContext context;

	private final RestClient restClient;

	private final FlightService service;

	private final HttpClient httpClient = HttpClient.newBuilder().followRedirects(Redirect.NORMAL).build();

	private final VectorSchemaRoot imported;

	private final byte[] importedStream;

	private SoakClients(URI url) {
		this.url = url;
		for (Call call : Call.values()) {
			this.deck.addAll(Collections.nCopies(call.share, call));
		}
		this.context = new SpringApplicationBuilder(Application.class).web(WebApplicationType.NONE)
			.bannerMode(Banner.Mode.OFF)
			// The JDK's client: another one's pool would let only a few of them call at a
			// time
			.run("--vgi.external.storage=none", "--logging.level.root=error",
					"--spring.http.clients.imperative.factory=jdk");
		this.restClient = this.context.getBean(RestClient.Builder.class).baseUrl(url.toString()).build();
		VgiClient vgiClient = this.context.getBean(VgiClient.Builder.class).baseUrl(url.toString()).build();
		this.service = new RpcClients(vgiClient, this.context.getBean(BufferAllocator.class), LogSink.discarding())
			.createClient(FlightService.class);
		try (VectorSchemaRoot all = this.service.fetchFlights(null, null)) {
			this.imported = all.slice(all.getRowCount() - 100_000);
		}
		try (VectorSchemaRoot part = this.imported.slice(0, 20_000)) {
			this.importedStream = toStream(part);
		}
	}

	/**
	 * Put a service under load and print what came of it.
	 * @param args URL of the service, number of clients, seconds, seconds between two
	 * calls of a client
	 * @throws InterruptedException if it is ended early
	 */
	public static void main(String[] args) throws InterruptedException {
		try (SoakClients clients = new SoakClients(URI.create(args[0]))) {
			clients.run(Integer.parseInt(args[1]), Duration.ofSeconds(Long.parseLong(args[2])),
					Duration.ofMillis((long) (1000 * Double.parseDouble(args[3]))));
			for (Call call : Call.values()) {
				System.out.println(call + " " + call.outcomes);
			}
		}
	}

	private void run(int clients, Duration time, Duration pause) throws InterruptedException {
		long end = System.nanoTime() + time.toNanos();
		List<Thread> threads = new ArrayList<>();
		for (int client = 0; client < clients; client++) {
			Random random = new Random(client);
			Thread thread = new Thread(() -> call(random, end, pause), "client-" + client);
			thread.start();
			threads.add(thread);
		}
		for (Thread thread : threads) {
			thread.join();
		}
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

	private void call(Call call, Random random) throws InterruptedException {
		Outcomes outcomes = call.outcomes;
		String[] route = ROUTES[random.nextInt(ROUTES.length)];
		long start = System.nanoTime();
		try {
			switch (call) {
				case READ_ROUTE -> read("/flights/" + route[0] + "/" + route[1]);
				case READ_ALL -> read("/flights");
				case SUMMARIZE -> this.service.summarize(route[0], route[1]);
				case STREAM -> stream(Integer.MAX_VALUE);
				case STREAM_CANCELLED -> stream(1 + random.nextInt(2));
				case IMPORT -> importRoute(route);
				case IMPORT_LARGE -> Assert.state(this.service.importFlights(this.imported) == 100_000, "Imported");
				case IMPORT_STREAM -> importStream();
				case DOWNLOAD_CANCELLED -> cancelDownload((random.nextInt(16) == 0) ? "/flights" : "/flights/LAX/LAS");
				case UPLOAD_CANCELLED -> cancelUpload();
			}
			outcomes.succeeded.increment();
		}
		catch (HttpServerErrorException.ServiceUnavailable ex) {
			outcomes.refused.increment();
		}
		catch (ErrorBatchException ex) {
			String message = String.valueOf(ex.getMessage());
			boolean refused = message.contains("Too many flights") || message.contains("Flights are being read");
			(refused ? outcomes.refused : outcomes.failed).increment();
			System.err.println(call + " " + ex);
		}
		catch (VgiExternalException | RestClientException | IllegalStateException | IOException ex) {
			outcomes.failed.increment();
			System.err.println(call + " " + ex);
		}
		finally {
			outcomes.took(System.nanoTime() - start);
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

	private void cancelDownload(String path) throws IOException, InterruptedException {
		HttpRequest request = HttpRequest.newBuilder(this.url.resolve(path)).build();
		try (InputStream body = this.httpClient.send(request, BodyHandlers.ofInputStream()).body()) {
			body.readNBytes(10_000);
		}
	}

	private void cancelUpload() throws IOException {
		try (Socket socket = new Socket(this.url.getHost(), this.url.getPort())) {
			OutputStream out = socket.getOutputStream();
			out.write(("POST /flights HTTP/1.1\r\nHost: " + this.url.getAuthority()
					+ "\r\nContent-Type: application/vnd.apache.arrow.stream\r\nContent-Length: "
					+ this.importedStream.length + "\r\n\r\n")
				.getBytes(StandardCharsets.US_ASCII));
			out.write(this.importedStream, 0, this.importedStream.length / 2);
		}
	}

	private static byte[] toStream(VectorSchemaRoot batch) {
		ByteArrayOutputStream stream = new ByteArrayOutputStream();
		try (ArrowStreamWriter writer = new ArrowStreamWriter(batch, null, stream)) {
			writer.writeBatch();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return stream.toByteArray();
	}

	@Override
	public void close() {
		this.imported.close();
		this.context.close();
	}

	/**
	 * What a client does, and how many of a hundred calls are that: what is heavy is
	 * rare.
	 */
	enum Call {

		/** Read some 8,000 flights, inline. */
		READ_ROUTE(38),
		/** Read all flights, through storage. */
		READ_ALL(1),
		/** Call a typed method. */
		SUMMARIZE(20),
		/** Stream all flights. */
		STREAM(1),
		/** Stream one or two pages and cancel. */
		STREAM_CANCELLED(8),
		/** Fetch a route and import it again. */
		IMPORT(12),
		/** Import 100,000 flights through an upload URL. */
		IMPORT_LARGE(2),
		/** Import two batches as a stream. */
		IMPORT_STREAM(4),
		/** Leave while a response arrives. */
		DOWNLOAD_CANCELLED(7),
		/** Leave while the request is sent. */
		UPLOAD_CANCELLED(7);

		private final int share;

		private final Outcomes outcomes = new Outcomes();

		Call(int share) {
			this.share = share;
		}

	}

	/**
	 * What came of the calls of a kind.
	 */
	private static final class Outcomes {

		private final LongAdder succeeded = new LongAdder();

		private final LongAdder refused = new LongAdder();

		private final LongAdder failed = new LongAdder();

		private final List<Long> milliseconds = new ArrayList<>();

		synchronized void took(long nanos) {
			this.milliseconds.add(nanos / 1_000_000);
		}

		@Override
		public synchronized String toString() {
			this.milliseconds.sort(null);
			return this.succeeded + " " + this.refused + " " + this.failed + " " + percentile(50) + " "
					+ percentile(99);
		}

		private long percentile(int percent) {
			int size = this.milliseconds.size();
			return (size > 0) ? this.milliseconds.get(Math.min(size - 1, size * percent / 100)) : 0;
		}

	}

	/**
	 * The library's beans and no others.
	 */
	@EnableAutoConfiguration
	static class Application {

	}

}
