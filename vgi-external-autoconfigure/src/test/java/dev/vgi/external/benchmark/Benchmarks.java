package dev.vgi.external.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * Measures what the project promises, on this JDK and on a JDK 25 if there is one, each
 * in a process of its own, and writes the report and the plots.
 * <p>
 * System properties: {@code benchmark.samples} (7), {@code benchmark.java25} (the home of
 * a JDK 25; otherwise one is looked for beside this JDK), {@code benchmark.only} (names
 * of groups, see {@link Measurements}), {@code benchmark.flights} (the sample's Parquet
 * file), {@code benchmark.python} (an interpreter that has vgi-rpc, for calls between the
 * two).
 */
public final class Benchmarks {

	/** Judged on JDK 25 alone, as long as there is one. */
	private static final List<String> ON_25 = List.of("fetch-loopback-plain", "fetch-loopback-plain-flights",
			"fetch-loopback-plain-incompressible");

	private static final JsonMapper JSON = JsonMapper.builder().build();

	private Benchmarks() {
	}

	/**
	 * Measure and report.
	 * @param args where the report goes, and where the plots go
	 * @throws Exception if something cannot be measured
	 */
	public static void main(String[] args) throws Exception {
		Map<Integer, Measurements.Result> results = new LinkedHashMap<>();
		Path current = Path.of(System.getProperty("java.home"));
		results.put(Runtime.version().feature(), measure(current));
		Path other = (Runtime.version().feature() != 25) ? findJdk25(current) : null;
		if (other != null) {
			results.put(25, measure(other));
		}
		List<Figure> figures = merge(results);
		Path report = Path.of(args[0]);
		Files.createDirectories(report.toAbsolutePath().getParent());
		Files.writeString(report, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(figures));
		Plots.draw(Path.of(args[1]), results);
		System.exit(0);
	}

	private static Measurements.Result measure(Path home) throws Exception {
		Path file = Files.createTempFile("vgi-benchmark", ".json");
		System.out.println("On " + version(home));
		List<String> command = new ArrayList<>(List.of(home.resolve("bin").resolve("java").toString(),
				"--add-opens=java.base/java.nio=ALL-UNNAMED", "--enable-native-access=ALL-UNNAMED", "-Xms1g", "-Xmx1g",
				"-XX:+AlwaysPreTouch", "-XX:MaxDirectMemorySize=3g",
				"-Dbenchmark.flights=" + System.getProperty("benchmark.flights", ""),
				"-Dbenchmark.python=" + System.getProperty("benchmark.python", ""), "-cp",
				System.getProperty("java.class.path"), Measurements.class.getName(), file.toString(),
				System.getProperty("benchmark.samples", "7")));
		String only = System.getProperty("benchmark.only", "");
		if (!only.isBlank()) {
			command.addAll(List.of(only.split(",")));
		}
		Process process = new ProcessBuilder(command).inheritIO().start();
		if (process.waitFor() != 0) {
			throw new IllegalStateException("Could not measure on " + version(home));
		}
		Measurements.Result result = JSON.readValue(Files.readString(file), Measurements.Result.class);
		Files.delete(file);
		return result;
	}

	// The figure of all JDKs that its target is meant for, the worst of them; and each
	// JDK's own.
	private static List<Figure> merge(Map<Integer, Measurements.Result> results) {
		List<Figure> judged = new ArrayList<>();
		List<Figure> others = new ArrayList<>();
		for (Figure first : results.values().iterator().next().figures()) {
			Figure worst = null;
			for (Map.Entry<Integer, Measurements.Result> result : results.entrySet()) {
				Figure figure = find(result.getValue(), first.name());
				if (figure == null) {
					continue;
				}
				others.add(figure.withName(figure.name() + "-jdk-" + result.getKey()).withoutTarget());
				boolean counts = !ON_25.contains(first.name()) || !results.containsKey(25) || result.getKey() == 25;
				if (counts && (worst == null || isWorse(figure, worst))) {
					worst = figure;
				}
			}
			judged.add((worst != null) ? worst : first);
		}
		judged.addAll(others);
		return judged;
	}

	private static @Nullable Figure find(Measurements.Result result, String name) {
		return result.figures().stream().filter((figure) -> figure.name().equals(name)).findFirst().orElse(null);
	}

	private static boolean isWorse(Figure figure, Figure than) {
		if (figure.met() == null || than.met() == null || !figure.met().equals(than.met())) {
			return Boolean.FALSE.equals(figure.met());
		}
		boolean largerIsBetter = figure.target() != null && figure.met() == (figure.value() > figure.target());
		return largerIsBetter ? figure.value() < than.value() : figure.value() > than.value();
	}

	private static @Nullable Path findJdk25(Path current) throws IOException {
		String named = System.getProperty("benchmark.java25", "");
		if (!named.isBlank()) {
			return Path.of(named);
		}
		Path siblings = current.toRealPath().getParent();
		if (siblings == null) {
			return null;
		}
		try (Stream<Path> homes = Files.list(siblings)) {
			return homes.filter((home) -> version(home).startsWith("25")).sorted().findFirst().orElse(null);
		}
	}

	private static String version(Path home) {
		Properties release = new Properties();
		try (var in = Files.newBufferedReader(home.resolve("release"))) {
			release.load(in);
		}
		catch (IOException ex) {
			return "?";
		}
		return release.getProperty("JAVA_VERSION", "?").replace("\"", "");
	}

}
