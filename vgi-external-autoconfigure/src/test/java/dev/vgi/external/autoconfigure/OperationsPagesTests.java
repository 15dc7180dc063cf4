package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException.Kind;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Compares the pages below docs/operations with what they speak of: keys, meters,
 * headings and the manifest.
 */
class OperationsPagesTests {

	private static final Path DOCS = Path.of("..", "docs");

	private static final Path OPERATIONS = DOCS.resolve("operations");

	private static final Pattern CODE = Pattern.compile("```(\\w+)\n(.*?)```", Pattern.DOTALL);

	/** A key or a meter, alone or with a value, as {@code vgi.external.storage=local}. */
	private static final Pattern NAME = Pattern.compile("`(vgi(?:\\.(?:[a-z0-9-]+|<name>|\\*))+)(?:=[^`]*)?`");

	@Test
	void keysAndMetersExist() throws Exception {
		List<String> known = new ArrayList<>(firstCells("configuration.md"));
		known.addAll(all(NAME, Files.readString(DOCS.resolve("metrics.md"))).map((match) -> match.group(1)).toList());
		known.addAll(firstCells("operations/logs.md"));
		// For sanitizing functions.
		known.add("vgi.external.transfer.location");
		assertThat(known).hasSizeGreaterThan(100);
		Map<String, List<String>> unknown = new TreeMap<>();
		for (Path page : pages()) {
			List<String> names = all(NAME, Files.readString(page)).map((match) -> match.group(1)).toList();
			unknown.put(page.getFileName().toString(),
					names.stream().filter((name) -> known.stream().noneMatch((each) -> covers(name, each))).toList());
		}
		assertThat(unknown).isNotEmpty().allSatisfy((page, names) -> assertThat(names).isEmpty());
	}

	private static boolean covers(String name, String known) {
		return name.equals(known) || (name.endsWith(".*") && known.startsWith(name.substring(0, name.length() - 1)));
	}

	// The other pages hold their tables equal to the application.
	private static List<String> firstCells(String page) throws IOException {
		return all(Pattern.compile("(?m)^\\| `(vgi[^`]+)`"), Files.readString(DOCS.resolve(page)))
			.map((match) -> match.group(1))
			.toList();
	}

	@Test
	void boardAndRulesAskForMetersThatExist() throws Exception {
		List<String> known = all(NAME, Files.readString(DOCS.resolve("metrics.md")))
			.map((match) -> match.group(1).replaceAll("[.-]", "_"))
			.toList();
		for (String file : List.of("grafana-dashboard.json", "prometheus-rules.yml")) {
			List<String> asked = all(Pattern.compile("\\bvgi_(?:external|rpc)_[a-z_]+"),
					Files.readString(OPERATIONS.resolve(file)))
				.map((match) -> match.group().replaceAll("_(g|count|sum|max|bucket|total)$", ""))
				.map((name) -> name.replaceAll("_(seconds(_g)?|bytes)$", "").replaceAll("_$", ""))
				.distinct()
				.toList();
			assertThat(asked).as(file).hasSizeGreaterThan(8).isSubsetOf(known);
		}
	}

	@Test
	void everyKindHasItsRow() throws Exception {
		String page = Files.readString(OPERATIONS.resolve("runbook.md"));
		String table = page.substring(page.indexOf("## Kinds"), page.indexOf("\n## 502"));
		List<String> kinds = all(Pattern.compile("(?m)^\\| (`[^|]+) \\| \\d"), table)
			.flatMap((match) -> Arrays.stream(match.group(1).replace("`", "").split(", ")))
			.toList();
		assertThat(kinds)
			.containsExactlyInAnyOrderElementsOf(Arrays.stream(Kind.values()).map((kind) -> kind.code()).toList());
	}

	@Test
	void alertsAreThoseOfTheirPage() throws Exception {
		String rules = Files.readString(OPERATIONS.resolve("prometheus-rules.yml"));
		List<String> alerts = all(
				Pattern.compile("alert: (\\w+)[\\s\\S]*?severity: (\\w+)[\\s\\S]*?runbook_url: \\S+(#\\S+)"), rules)
			.map((match) -> match.group(1) + " " + match.group(2) + " " + match.group(3))
			.toList();
		assertThat(alerts).hasSizeGreaterThan(8);
		assertThat(all(
				Pattern
					.compile("(?m)^\\| `(VgiExternal\\w+)` \\|.*\\| (\\w+) \\| \\[.*]\\(runbook\\.md(#\\S+)\\) \\|$"),
				Files.readString(OPERATIONS.resolve("monitoring.md")))
			.map((match) -> match.group(1) + " " + match.group(2) + " " + match.group(3)))
			.containsExactlyElementsOf(alerts);
		for (String alert : alerts) {
			assertLeadsSomewhere(OPERATIONS.resolve("monitoring.md"),
					"runbook.md" + alert.substring(alert.indexOf('#')));
		}
	}

	private static void assertLeadsSomewhere(Path page, String link) throws IOException {
		String[] parts = link.split("#", 2);
		Path target = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]);
		assertThat(target).as(page + ": " + link).exists();
		if (parts.length == 2) {
			assertThat(anchors(target)).as(page + ": " + link).contains(parts[1]);
		}
	}

	private static List<String> anchors(Path page) throws IOException {
		return all(Pattern.compile("(?m)^#+ (.+)$"), Files.readString(page))
			.map((match) -> match.group(1).toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9 _-]", "").replace(' ', '-'))
			.toList();
	}

	@Test
	void manifestIsWhatItsPageShows() throws Exception {
		String manifest = Files.readString(OPERATIONS.resolve("kubernetes.yaml"));
		List<String> shown = all(CODE, Files.readString(OPERATIONS.resolve("kubernetes.md")))
			.filter((match) -> match.group(1).equals("yaml"))
			.map((match) -> match.group(2))
			.toList();
		assertThat(shown).hasSizeGreaterThan(3);
		assertThat(shown).allSatisfy((block) -> assertThat(manifest).contains("\n" + block));
	}

	@Test
	void manifestConfiguresWhatThereIs() throws Exception {
		List<String> keys = firstCells("configuration.md");
		List<String> configured = new ArrayList<>();
		for (Object resource : new Yaml().loadAll(Files.readString(OPERATIONS.resolve("kubernetes.yaml")))) {
			if (resource instanceof Map<?, ?> map && map.get("data") instanceof Map<?, ?> files) {
				collect("", new Yaml().load(String.valueOf(files.get("application.yaml"))), configured);
			}
		}
		assertThat(configured).contains("vgi.external.s3.bucket")
			.filteredOn((key) -> key.startsWith("vgi."))
			.isSubsetOf(keys);
		String prefix = "management.metrics.distribution.percentiles-histogram.";
		assertThat(configured).filteredOn((key) -> key.startsWith(prefix))
			.isNotEmpty()
			.allSatisfy((key) -> assertThat(firstCells("metrics.md")).contains(key.substring(prefix.length())));
	}

	private static void collect(String prefix, Object value, List<String> keys) {
		if (value instanceof Map<?, ?> map) {
			map.forEach((key, nested) -> collect(prefix.isEmpty() ? key.toString() : prefix + "." + key, nested, keys));
		}
		else {
			keys.add(prefix);
		}
	}

	@Test
	void memoryOfTheExamplesIsWhatTheServiceComputes() throws Exception {
		List<MatchResult> examples = all(Pattern.compile("(?m)^\\| (\\d+) MB \\| .* \\| (\\d+) MB \\| (\\d+) MB \\|$"),
				Files.readString(OPERATIONS.resolve("kubernetes.md")))
			.toList();
		assertThat(examples).hasSize(2).allSatisfy((example) -> {
			long budget = ProcessMemory.budget(megabytes(example.group(1)), megabytes(example.group(2)));
			assertThat(budget).isEqualTo(megabytes(example.group(3)));
		});
	}

	private static long megabytes(String number) {
		return DataSize.ofMegabytes(Long.parseLong(number)).toBytes();
	}

	private static List<Path> pages() throws IOException {
		try (var files = Files.list(OPERATIONS)) {
			return files.filter((file) -> file.toString().endsWith(".md")).sorted().toList();
		}
	}

	private static Stream<MatchResult> all(Pattern pattern, String text) {
		return pattern.matcher(text).results();
	}

}
