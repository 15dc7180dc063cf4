package dev.vgi.external.sample.demo;

import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.sample.FlightStore;
import dev.vgi.external.sample.RouteSummary;
import dev.vgi.external.sample.SampleApplication;
import org.apache.arrow.vector.TimeStampVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ApplicationContext;
import org.springframework.util.FileSystemUtils;
import org.springframework.web.client.RestClientException;

/**
 * The {@code demo} command: calls the flight service in both ways and prints how much was
 * transferred, how, and what each stage of a transfer takes.
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
				call(options.url(), null, options.keep());
			}
			else {
				callOwnService(options.keep());
			}
			return 0;
		}
		catch (VgiExternalException | RestClientException | IllegalStateException | IOException ex) {
			this.out.println("The demo failed: " + ex.getMessage());
			return 1;
		}
	}

	private void callOwnService(boolean keep) throws IOException {
		this.out.println("Starting a flight service ...");
		try (var service = new SpringApplicationBuilder(SampleApplication.class).bannerMode(Banner.Mode.OFF)
			.properties("vgi.external.local.directory=" + folder())
			.run("--server.port=0", "--logging.level.root=warn")) {
			call(URI.create("http://localhost:" + service.getEnvironment().getRequiredProperty("local.server.port")),
					service, keep);
		}
	}

	// Used unless a folder or a bucket is configured. What the demo stores goes with it.
	private static Path folder() throws IOException {
		Path folder = Files.createTempDirectory("flights-demo");
		SpringApplication.getShutdownHandlers().add(() -> {
			try {
				FileSystemUtils.deleteRecursively(folder);
			}
			catch (IOException ex) {
				// A temporary folder may stay
			}
		});
		return folder;
	}

	private static String page(URI service) {
		return service + "/actuator/vgiexternalpage";
	}

	// Ctrl-C ends the process, and Boot's hook the service.
	private static void awaitInterruption() {
		try {
			new CountDownLatch(1).await();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private void call(URI url, @Nullable ApplicationContext service, boolean keep) throws IOException {
		this.out.println("Calling " + url);
		ProgressDisplay display = new ProgressDisplay(this.out, this.terminal, System::nanoTime);
		try (FlightClient client = FlightClient.connect(url, display, keep)) {
			long count = client.count();
			this.out.println(String.format(Locale.ROOT, "It has %,d flights", count));
			this.out.println("Making each call once, since a program is slow at first ...");
			display.rehearse(() -> makeCalls(client, count));
			printSummary(makeCalls(client, count));
			print(MeasurementTable.calls(display.measurements()));
			if (service != null) {
				this.out.println("The stages of one transfer of all flights, each by itself:");
				print(MeasurementTable.stages(new StageComparison(service.getBean(FlightStore.class),
						service.getBean(Externalizer.class), client, System::nanoTime)
					.measure()));
			}
			if (keep) {
				this.out.println("These transfers in a browser, until Ctrl-C:");
				this.out.println("  as the client saw them   " + page(client.url()));
				this.out.println("  as the service saw them  " + page(url));
				awaitInterruption();
			}
			else if (service == null) {
				this.out.println("These transfers in a browser: " + page(url));
			}
			else {
				this.out.println("With --keep, these transfers can be looked at in a browser.");
			}
		}
	}

	private RouteSummary makeCalls(FlightClient client, long count) throws IOException {
		long route = client.read("GET a route", "/flights/" + ORIGIN + "/" + DESTINATION, 0);
		RouteSummary summary = client.summarize(ORIGIN, DESTINATION);
		require(summary.flights() == route, "The summary has another number of flights than the route");
		require(client.read("GET all", "/flights", count) == count, "A reader yields another number of flights");
		require(client.stream(count) == count, "A stream has another number of flights");
		try (VectorSchemaRoot all = client.fetch(); VectorSchemaRoot latest = latest(all)) {
			require(all.getRowCount() == count, "A batch has another number of flights");
			require(client.importFlights(latest) == latest.getRowCount(), "Another number of flights was imported");
			importInBatches(client, latest);
		}
		require(client.count() == count, "The import of stored flights changed their number");
		return summary;
	}

	private void print(List<String> table) {
		table.forEach(this.out::println);
	}

	private static void importInBatches(FlightClient client, VectorSchemaRoot flights) throws IOException {
		List<VectorSchemaRoot> batches = split(flights);
		try {
			client.importInBatches(batches, flights.getRowCount());
		}
		finally {
			batches.forEach(VectorSchemaRoot::close);
		}
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
