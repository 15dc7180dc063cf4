package dev.vgi.external.sample.demo;

import java.io.IOException;
import java.net.URI;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.sample.FlightCount;
import dev.vgi.external.sample.FlightService;
import dev.vgi.external.sample.RouteSummary;
import dev.vgi.external.url.AllowedUrlValidator;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.client.ArrowResponses;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.util.Assert;
import org.springframework.web.client.RestClient;

/**
 * Calls the flight service and measures each call. An ordinary Spring application,
 * without a web server unless its own transfers are to be looked at. Its calls are the
 * same whether batches travel through storage or not. Not thread-safe.
 */
final class FlightClient implements AutoCloseable {

	private final ConfigurableApplicationContext context;

	private final StoredObjects objects;

	private final ProgressDisplay display;

	private final RestClient restClient;

	private final BufferAllocator allocator;

	private final LocationResolver resolver;

	private final FlightService service;

	private FlightClient(ConfigurableApplicationContext context, URI url, ProgressDisplay display) {
		this.context = context;
		this.display = display;
		this.objects = context.getBean(StoredObjects.class);
		this.restClient = context.getBean(RestClient.Builder.class).baseUrl(url.toString()).build();
		VgiClient vgiClient = context.getBean(VgiClient.Builder.class).baseUrl(url.toString()).build();
		this.allocator = context.getBean(BufferAllocator.class);
		this.resolver = context.getBean("vgiClientLocationResolver", LocationResolver.class);
		this.service = new RpcClients(vgiClient, this.allocator, LogSink.discarding())
			.createClient(FlightService.class);
	}

	/**
	 * Create a client.
	 * @param url the URL of the service
	 * @param display measures the calls
	 * @param shown whether its transfers are to be looked at
	 * @return the client; the caller closes it
	 */
	static FlightClient connect(URI url, ProgressDisplay display, boolean shown) {
		ConfigurableApplicationContext context = new SpringApplicationBuilder(Application.class)
			.web(shown ? WebApplicationType.SERVLET : WebApplicationType.NONE)
			.bannerMode(Banner.Mode.OFF)
			.run("--vgi.external.storage=none", "--logging.level.root=warn", "--server.port=0",
					"--spring.application.name=flights client");
		try {
			return new FlightClient(context, url, display);
		}
		catch (RuntimeException ex) {
			context.close();
			throw ex;
		}
	}

	/**
	 * Return where this client's transfers can be looked at.
	 * @return the URL of its web server
	 */
	URI url() {
		return URI.create("http://localhost:" + this.context.getEnvironment().getRequiredProperty("local.server.port"));
	}

	/**
	 * Ask the service how many flights it has.
	 * @return the number of flights
	 */
	long count() {
		Info info = this.restClient.get().uri("/").retrieve().body(Info.class);
		Assert.state(info != null, "The service says nothing of itself");
		return info.flights();
	}

	/**
	 * Read flights from an ordinary handler, batch by batch.
	 * @param call name of the call
	 * @param path where they are
	 * @param expected how many they are
	 * @return how many were read
	 * @throws IOException if the connection fails
	 */
	long read(String call, String path, long expected) throws IOException {
		return measure(call, expected, (progress) -> {
			try (ArrowReader flights = ArrowResponses.read(this.restClient.get().uri(path).retrieve())) {
				return progress.addAll(flights);
			}
		});
	}

	/**
	 * Summarize the flights of one route with a typed method.
	 * @param origin the airport of departure
	 * @param destination the airport of arrival
	 * @return the summary
	 * @throws IOException if the connection fails
	 */
	RouteSummary summarize(String origin, String destination) throws IOException {
		return measure("RPC summarize", 1, (progress) -> {
			progress.add(1, 0);
			return this.service.summarize(origin, destination);
		});
	}

	/**
	 * Read all flights with a typed method, page by page.
	 * @param expected how many they are
	 * @return how many were read
	 * @throws IOException if the connection fails
	 */
	long stream(long expected) throws IOException {
		return measure("RPC stream_flights", expected, (progress) -> {
			try (ProducerStream<FlightCount> stream = this.service.streamFlights(null, null)) {
				while (stream.hasNext()) {
					try (AnnotatedBatch page = stream.next()) {
						progress.add(page.root());
					}
				}
				return stream.header().flights();
			}
		});
	}

	/**
	 * Fetch all flights with a typed method, as one batch.
	 * @return the batch; the caller closes it
	 * @throws IOException if the connection fails
	 */
	VectorSchemaRoot fetch() throws IOException {
		return measure("RPC fetch_flights", 0, (progress) -> {
			VectorSchemaRoot flights = this.service.fetchFlights(null, null);
			progress.add(flights);
			return flights;
		});
	}

	/**
	 * Download a stored batch, without a call.
	 * @param ref the batch, in a storage that this client trusts
	 * @param shape a batch with the same columns; borrowed
	 * @return the batch; the caller closes it
	 */
	AnnotatedBatch download(ExternalRef ref, AnnotatedBatch shape) {
		UrlValidator policy = AllowedUrlValidator.builder().schemes("http", "https").hosts(ref.url().getHost()).build();
		return this.resolver.alsoAccepting(policy)
			.resolve(ref.pointerBatch(shape, this.allocator), this.allocator, LogSink.discarding());
	}

	/**
	 * Import flights with a typed method.
	 * @param flights the flights; borrowed
	 * @return how many were imported
	 * @throws IOException if the connection fails
	 */
	long importFlights(VectorSchemaRoot flights) throws IOException {
		return measure("RPC import_flights", 0, (progress) -> {
			progress.add(flights);
			return this.service.importFlights(flights);
		});
	}

	/**
	 * Import flights batch by batch.
	 * @param batches the flights; borrowed
	 * @param total how many they are
	 * @throws IOException if the connection fails
	 */
	void importInBatches(List<VectorSchemaRoot> batches, long total) throws IOException {
		measure("RPC import_stream", total, (progress) -> {
			try (ExchangeStream<Void> stream = this.service.importStream()) {
				for (VectorSchemaRoot batch : batches) {
					// Not closed, since the caller owns the batch
					AnnotatedBatch borrowed = AnnotatedBatch.of(batch);
					try (AnnotatedBatch answer = stream.exchange(borrowed)) {
						Assert.state(answer.rowCount() == 1, "The service did not say what it imported");
					}
					progress.add(batch);
				}
			}
			return total;
		});
	}

	private <T> T measure(String call, long expectedRows, ProgressDisplay.Work<T> work) throws IOException {
		return this.display.measure(call, expectedRows, (progress) -> {
			this.objects.reset();
			T result = work.run(progress);
			progress.through(this.objects.reset());
			return result;
		});
	}

	@Override
	public void close() {
		this.context.close();
	}

	/**
	 * The part of the service's description that this client uses.
	 *
	 * @param flights number of flights
	 */
	record Info(long flights) {

	}

	/**
	 * The client's beans: the library's own, and what listens to its transfers. Not found
	 * by component scanning, so that the service never gets it.
	 */
	@EnableAutoConfiguration
	static class Application {

		@Bean
		StoredObjects storedObjects() {
			return new StoredObjects();
		}

	}

}
