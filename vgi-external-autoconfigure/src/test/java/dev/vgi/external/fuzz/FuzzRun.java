package dev.vgi.external.fuzz;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Runs the fuzzer for each target in a process of its own, one after the other, and
 * prints what it did. Fails if it found anything.
 * <p>
 * System properties: {@code fuzz.minutes} for each target (5), {@code fuzz.executions}
 * after which it ends earlier (0 for no limit), {@code fuzz.target} (names of targets,
 * separated by commas; all by default), {@code fuzz.merge} ({@code true} to replace the
 * corpus in the sources by a minimal one of the same coverage, instead of fuzzing).
 */
public final class FuzzRun {

	private static final String MAIN = "com.code_intelligence.jazzer.Jazzer";

	/** Lines such as {@code #1234 DONE cov: 567 ft: 890 corp: 12/34b}. */
	private static final Pattern PROGRESS = Pattern.compile("#(\\d+)\\s.*cov: (\\d+) ft: (\\d+) corp: (\\d+)/.*");

	private static final Pattern EXECUTED = Pattern.compile("stat::number_of_executed_units: (\\d+)");

	private final Path output;

	private final Path corpora;

	private FuzzRun(Path output, Path corpora) {
		this.output = output;
		this.corpora = corpora;
	}

	/**
	 * Run the fuzzer.
	 * @param args the folder for logs, findings and new inputs, and the corpora's folder
	 * @throws Exception if it cannot be run
	 */
	public static void main(String[] args) throws Exception {
		FuzzRun run = new FuzzRun(Path.of(args[0]).toAbsolutePath(), Path.of(args[1]).toAbsolutePath());
		String only = System.getProperty("fuzz.target", "");
		List<FuzzTarget> targets = Stream.of(FuzzTarget.values())
			.filter((target) -> only.isBlank() || Arrays.asList(only.split(",")).contains(target.toString()))
			.toList();
		boolean sound = !targets.isEmpty();
		for (FuzzTarget target : targets) {
			if (Boolean.getBoolean("fuzz.merge")) {
				run.merge(target);
			}
			else {
				sound &= run.fuzz(target);
			}
		}
		System.exit(sound ? 0 : 1);
	}

	private boolean fuzz(FuzzTarget target) throws Exception {
		Path inputs = folder(target + "/inputs");
		Path findings = folder(target + "/findings");
		long seconds = Math.round(60 * Double.parseDouble(System.getProperty("fuzz.minutes", "5")));
		long started = System.nanoTime();
		int status = start(target,
				List.of("-max_total_time=" + seconds, "-runs=" + positive(Long.getLong("fuzz.executions", 0)),
						"-timeout=60", "-rss_limit_mb=3000", "-max_len=4096", "-reload=0", "-print_final_stats=1",
						"-artifact_prefix=" + findings + "/", inputs.toString(),
						this.corpora.resolve(target.toString()).toString()));
		double took = (System.nanoTime() - started) / 1e9;
		long executed = 0;
		String coverage = "?";
		String features = "?";
		for (String line : Files.readAllLines(log(target), StandardCharsets.ISO_8859_1)) {
			Matcher progress = PROGRESS.matcher(line);
			if (progress.matches()) {
				executed = Math.max(executed, Long.parseLong(progress.group(1)));
				coverage = progress.group(2);
				features = progress.group(3);
			}
			Matcher end = EXECUTED.matcher(line);
			if (end.find()) {
				executed = Long.parseLong(end.group(1));
			}
		}
		System.out.printf(Locale.ROOT, "%-14s %,12d executions in %,.0f s, coverage %s, features %s: %s%n", target,
				executed, took, coverage, features, (status == 0) ? "nothing found" : "see " + log(target));
		return status == 0;
	}

	private static long positive(long executions) {
		return (executions > 0) ? executions : -1;
	}

	private void merge(FuzzTarget target) throws Exception {
		Path merged = folder(target + "/merged");
		for (Path old : files(merged)) {
			Files.delete(old);
		}
		Path corpus = Files.createDirectories(this.corpora.resolve(target.toString()));
		int status = start(target, List.of("-merge=1", "-max_len=4096", merged.toString(), corpus.toString(),
				folder(target + "/inputs").toString()));
		if (status != 0 || files(merged).isEmpty()) {
			throw new IllegalStateException("Cannot merge, see " + log(target));
		}
		for (Path old : files(corpus)) {
			// What was once found stays, although other inputs may reach the same.
			if (!old.getFileName().toString().contains("-")) {
				Files.delete(old);
			}
		}
		long bytes = 0;
		for (Path file : files(merged)) {
			Files.copy(file, corpus.resolve(file.getFileName()));
			bytes += Files.size(file);
		}
		System.out.printf("%-14s %d inputs, %d bytes%n", target, files(corpus).size(), bytes);
	}

	private int start(FuzzTarget target, List<String> arguments) throws IOException, InterruptedException {
		List<String> command = new ArrayList<>(List.of(
				Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				"--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xmx700m", "-XX:+UseSerialGC",
				"-Dlogback.configurationFile=fuzz/logback.xml", "-cp", System.getProperty("java.class.path"), MAIN,
				"--target_class=" + target.type().getName(), "--instrumentation_includes=dev.vgi.external.**",
				"--instrumentation_excludes=dev.vgi.external.fuzz.**", "--custom_hook_includes=dev.vgi.external.**"));
		Path dictionary = this.corpora.resolve(target + ".dict");
		if (Files.exists(dictionary)) {
			command.add("-dict=" + dictionary);
		}
		command.addAll(arguments);
		// Java files that repeat a finding are written into the current folder.
		Process process = new ProcessBuilder(command).directory(folder(target.toString()).toFile())
			.redirectErrorStream(true)
			.redirectOutput(log(target).toFile())
			.start();
		try {
			return process.waitFor();
		}
		finally {
			process.destroy();
		}
	}

	private Path log(FuzzTarget target) {
		return this.output.resolve(target + ".log");
	}

	private Path folder(String name) throws IOException {
		return Files.createDirectories(this.output.resolve(name));
	}

	private static List<Path> files(Path folder) throws IOException {
		try (Stream<Path> files = Files.list(folder)) {
			return files.toList();
		}
	}

}
