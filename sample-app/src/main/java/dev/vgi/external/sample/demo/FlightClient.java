package dev.vgi.external.sample.demo;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.sample.FlightCount;
import dev.vgi.external.sample.FlightService;
import dev.vgi.external.sample.RouteSummary;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.restclient.RestClientCustomizer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.util.Assert;
import org.springframework.web.client.RestClient;

/**
 * Calls the flight service and measures each call. An ordinary Spring application without
 * a web server. Its calls are the same whether batches travel through storage or not. Not
 * thread-safe.
 */
final class FlightClient implements AutoCloseable {

	private final ConfigurableApplicationContext context;

	private final TransferMeter meter;

	private final ProgressDisplay display;

	private final RestClient restClient;

	private final FlightService service;

	private FlightClient(ConfigurableApplicationContext context, URI url, ProgressDisplay display) {
		this.context = context;
		this.display = display;
		this.meter = context.getBean(TransferMeter.class);
		this.meter.showOn(display);
		this.restClient = context.getBean(RestClient.Builder.class).baseUrl(url.toString()).build();
		VgiClient vgiClient = context.getBean(VgiClient.Builder.class).baseUrl(url.toString()).build();
		this.service = new RpcClients(vgiClient, context.getBean(BufferAllocator.class), LogSink.discarding())
			.createClient(FlightService.class);
	}

	/**
	 * Create a client.
	 * @param url the URL of the service
	 * @param display shows long transfers
	 * @return the client; the caller closes it
	 */
	static FlightClient connect(URI url, ProgressDisplay display) {
		ConfigurableApplicationContext context = new SpringApplicationBuilder(Application.class)
			.web(WebApplicationType.NONE)
			.bannerMode(Banner.Mode.OFF)
			.run("--vgi.external.storage=none", "--logging.level.root=warn");
		try {
			return new FlightClient(context, url, display);
		}
		catch (RuntimeException ex) {
			context.close();
			throw ex;
		}
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
	 * Fetch the flights of one route from an ordinary handler.
	 * @param origin the airport of departure
	 * @param destination the airport of arrival
	 * @return the flights; the caller closes them
	 */
	Received route(String origin, String destination) {
		return receive("GET flights " + origin + "-" + destination,
				this.restClient.get().uri("/flights/{origin}/{destination}", origin, destination));
	}

	/**
	 * Fetch all flights from an ordinary handler.
	 * @return the flights; the caller closes them
	 */
	Received all() {
		return receive("GET all flights", this.restClient.get().uri("/flights"));
	}

	private Received receive(String call, RestClient.RequestHeadersSpec<?> request) {
		Timed<VectorSchemaRoot> timed = time(() -> {
			VectorSchemaRoot batch = request.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.retrieve()
				.body(VectorSchemaRoot.class);
			Assert.state(batch != null, "The service answers without a batch");
			return batch;
		});
		long rows = timed.result().getRowCount();
		return new Received(timed.result(), measure(call, rows, this.meter.fetchedBytes(), timed.elapsed()));
	}

	/**
	 * Summarize the flights of one route with a typed method.
	 * @param origin the airport of departure
	 * @param destination the airport of arrival
	 * @return the summary
	 */
	Summarized summarize(String origin, String destination) {
		Timed<RouteSummary> timed = time(() -> this.service.summarize(origin, destination));
		return new Summarized(timed.result(),
				measure("RPC summarize " + origin + "-" + destination, 1, this.meter.fetchedBytes(), timed.elapsed()));
	}

	/**
	 * Import flights with a typed method.
	 * @param flights the flights; borrowed
	 * @return the measurement
	 */
	Measurement importFlights(VectorSchemaRoot flights) {
		Timed<Long> timed = time(() -> this.service.importFlights(flights));
		Assert.state(timed.result() == flights.getRowCount(), "The service imported another number of flights");
		return measure("RPC import_flights", flights.getRowCount(), this.meter.uploadedBytes(), timed.elapsed());
	}

	/**
	 * Read all flights page by page.
	 * @return the measurement
	 */
	Measurement stream() {
		Timed<Long> timed = time(() -> {
			long rows = 0;
			try (ProducerStream<FlightCount> stream = this.service.streamFlights(null, null)) {
				while (stream.hasNext()) {
					try (AnnotatedBatch page = stream.next()) {
						rows += page.rowCount();
					}
				}
				Assert.state(rows == stream.header().flights(),
						"The stream has another number of flights than it says");
			}
			return rows;
		});
		return measure("RPC stream_flights", timed.result(), this.meter.fetchedBytes(), timed.elapsed());
	}

	/**
	 * Import flights batch by batch.
	 * @param batches the flights; borrowed
	 * @return the measurement
	 */
	Measurement importInBatches(List<VectorSchemaRoot> batches) {
		Timed<Long> timed = time(() -> {
			long rows = 0;
			try (ExchangeStream<Void> stream = this.service.importStream()) {
				for (VectorSchemaRoot batch : batches) {
					// Not closed, since the caller owns the batch
					AnnotatedBatch borrowed = AnnotatedBatch.of(batch);
					try (AnnotatedBatch answer = stream.exchange(borrowed)) {
						Assert.state(answer.rowCount() == 1, "The service did not say what it imported");
					}
					rows += batch.getRowCount();
				}
			}
			return rows;
		});
		return measure("RPC import_stream", timed.result(), this.meter.uploadedBytes(), timed.elapsed());
	}

	private <T> Timed<T> time(Supplier<T> call) {
		this.meter.reset();
		long start = System.nanoTime();
		try {
			T result = call.get();
			return new Timed<>(result, Duration.ofNanos(System.nanoTime() - start));
		}
		finally {
			this.display.end();
		}
	}

	private Measurement measure(String call, long rows, long stored, Duration elapsed) {
		return new Measurement(call, stored > 0, rows, (stored > 0) ? stored : this.meter.httpBytes(), elapsed);
	}

	@Override
	public void close() {
		this.context.close();
	}

	/**
	 * A batch and the measurement of its transfer.
	 *
	 * @param batch the batch
	 * @param measurement the measurement
	 */
	record Received(VectorSchemaRoot batch, Measurement measurement) implements AutoCloseable {

		@Override
		public void close() {
			this.batch.close();
		}

	}

	/**
	 * A summary and the measurement of its call.
	 *
	 * @param summary the summary
	 * @param measurement the measurement
	 */
	record Summarized(RouteSummary summary, Measurement measurement) {

	}

	/**
	 * A result and how long it took.
	 *
	 * @param <T> the type of the result
	 * @param result the result
	 * @param elapsed from the call to the usable result
	 */
	private record Timed<T>(T result, Duration elapsed) {

	}

	/**
	 * The part of the service's description that this client uses.
	 *
	 * @param flights number of flights
	 */
	record Info(long flights) {

	}

	/**
	 * The client's beans: the library's own, and the meter that observes transfers and
	 * every HTTP call. Not found by component scanning, so that the service never gets
	 * it.
	 */
	@EnableAutoConfiguration
	static class Application {

		@Bean
		TransferMeter transferMeter() {
			return new TransferMeter();
		}

		@Bean
		RestClientCustomizer meterCustomizer(TransferMeter meter) {
			return (builder) -> builder.requestInterceptor(meter);
		}

	}

}
