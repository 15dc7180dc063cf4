package dev.vgi.external.sample.demo;

import java.io.PrintStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.sample.RouteSummary;
import dev.vgi.external.sample.SampleApplication;
import org.apache.arrow.vector.TimeStampVector;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.boot.Banner;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.web.client.RestClientException;

/**
 * The {@code demo} command: calls the flight service in both ways and prints how much was
 * transferred, and how.
 */
public final class DemoCommand {

	private static final String ORIGIN = "LAX";

	private static final String DESTINATION = "LAS";

	private static final int IMPORTED = 500_000;

	private static final int BATCHES = 5;

	private final PrintStream out;

	private final boolean terminal;

	/**
	 * Create the command.
	 * @param out where to print
	 * @param terminal whether it is a terminal
	 */
	public DemoCommand(PrintStream out, boolean terminal) {
		this.out = out;
		this.terminal = terminal;
	}

	/**
	 * Run the command.
	 * @param arguments the arguments after {@code demo}
	 * @return the exit code: 0, or 1 if something failed
	 */
	public int run(List<String> arguments) {
		DemoOptions options;
		try {
			options = DemoOptions.parse(arguments);
		}
		catch (IllegalArgumentException ex) {
			this.out.println(ex.getMessage());
			this.out.print(DemoOptions.USAGE);
			return 1;
		}
		if (options.help()) {
			this.out.print(DemoOptions.USAGE);
			return 0;
		}
		try {
			if (options.url() != null) {
				call(options.url());
			}
			else {
				callOwnService();
			}
			return 0;
		}
		catch (VgiExternalException | RestClientException | IllegalStateException ex) {
			this.out.println("The demo failed: " + ex.getMessage());
			return 1;
		}
	}

	private void callOwnService() {
		this.out.println("Starting a flight service ...");
		try (var service = new SpringApplicationBuilder(SampleApplication.class).bannerMode(Banner.Mode.OFF)
			.run("--server.port=0", "--logging.level.root=warn")) {
			call(URI.create("http://localhost:" + service.getEnvironment().getRequiredProperty("local.server.port")));
		}
	}

	private void call(URI service) {
		this.out.println("Calling " + service);
		List<Measurement> measurements = new ArrayList<>();
		try (FlightClient client = FlightClient.connect(service,
				new ProgressDisplay(this.out, this.terminal, System::nanoTime))) {
			this.out.println(String.format(Locale.ROOT, "It has %,d flights", client.count()));
			try (FlightClient.Received route = client.route(ORIGIN, DESTINATION)) {
				measurements.add(route.measurement());
				FlightClient.Summarized summary = client.summarize(ORIGIN, DESTINATION);
				measurements.add(summary.measurement());
				require(summary.summary().flights() == route.batch().getRowCount(),
						"The summary has another number of flights than the route");
				printSummary(summary.summary());
			}
			try (FlightClient.Received all = client.all()) {
				measurements.add(all.measurement());
				try (VectorSchemaRoot latest = latest(all.batch())) {
					measurements.add(client.importFlights(latest));
					List<VectorSchemaRoot> batches = split(latest);
					try {
						measurements.add(client.importInBatches(batches));
					}
					finally {
						batches.forEach(VectorSchemaRoot::close);
					}
				}
				require(client.count() == all.batch().getRowCount(),
						"The import of stored flights changed their number");
			}
			measurements.add(client.stream());
		}
		MeasurementTable.lines(measurements).forEach(this.out::println);
	}

	private static VectorSchemaRoot latest(VectorSchemaRoot flights) {
		return flights.slice(departure(flights, Math.max(0, flights.getRowCount() - IMPORTED)));
	}

	private static List<VectorSchemaRoot> split(VectorSchemaRoot flights) {
		List<VectorSchemaRoot> batches = new ArrayList<>();
		int first = 0;
		for (int batch = 1; batch <= BATCHES; batch++) {
			int next = departure(flights, (int) ((long) flights.getRowCount() * batch / BATCHES));
			batches.add(flights.slice(first, next - first));
			first = next;
		}
		return batches;
	}

	// A batch begins with a new departure time, since an import replaces a whole period.
	private static int departure(VectorSchemaRoot flights, int row) {
		TimeStampVector date = (TimeStampVector) flights.getVector("date");
		int first = row;
		while (first > 0 && first < flights.getRowCount() && date.get(first) == date.get(first - 1)) {
			first--;
		}
		return first;
	}

	private void printSummary(RouteSummary summary) {
		this.out.println(String.format(Locale.ROOT,
				"%s to %s: %,d flights over %,d miles, %.1f minutes late on average", summary.origin(),
				summary.destination(), summary.flights(), summary.maxDistance(), summary.meanDelay()));
	}

	private static void require(boolean condition, String message) {
		if (!condition) {
			throw new IllegalStateException(message);
		}
	}

}
