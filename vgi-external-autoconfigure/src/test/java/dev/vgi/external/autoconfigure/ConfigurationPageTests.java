package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.lang.reflect.Parameter;
import java.lang.reflect.RecordComponent;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.ClassUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * Keeps the tables of docs/configuration.md equal to what the annotation processor made
 * of the properties: every key once, with its default and description, and no other. Who
 * writes the page decides which table a key is in.
 */
class ConfigurationPageTests {

	private static final Path PAGE = Path.of("..", "docs", "configuration.md");

	/** A row of a key. */
	private static final Pattern ROW = Pattern.compile("\\| `((?:vgi|management)\\.[^`]+)` \\|.*");

	/** System property by which the rows of the page are renewed first. */
	private static final String RENEW = "configuration-page.renew";

	private static final String WORKER = "vgi.rpc.workers.<name>.";

	private static final int FIRST_KEYS = 7;

	@Test
	void pageListsExactlyTheKeysThereAre() throws Exception {
		if (Boolean.getBoolean(RENEW)) {
			renew();
		}
		Map<String, String> documented = documented();
		documented.keySet().removeIf((key) -> key.startsWith(WORKER));
		assertThat(documented).as("rows of " + PAGE + ", which -D" + RENEW + "=true renews")
			.containsExactlyInAnyOrderEntriesOf(rows());
	}

	// Keys that are in no table yet are added to the last.
	private static void renew() throws Exception {
		Map<String, String> rows = rows();
		List<String> lines = new ArrayList<>();
		int end = 0;
		for (String line : Files.readAllLines(PAGE)) {
			String key = key(line);
			String row = (key == null || key.startsWith(WORKER)) ? line : rows.remove(key);
			if (row != null) {
				lines.add(row);
				end = (key != null) ? lines.size() : end;
			}
		}
		lines.addAll(end, rows.values());
		Files.write(PAGE, lines);
	}

	private static Map<String, String> documented() throws IOException {
		Map<String, String> documented = new LinkedHashMap<>();
		for (String line : Files.readAllLines(PAGE)) {
			String key = key(line);
			if (key != null) {
				assertThat(documented.put(key, line)).as(key + " before").isNull();
			}
		}
		return documented;
	}

	private static @Nullable String key(String line) {
		Matcher row = ROW.matcher(line);
		return row.matches() ? row.group(1) : null;
	}

	// What is set in a map is in no metadata.
	@Test
	void pageListsExactlyTheKeysOfAWorker() throws Exception {
		Map<String, String> documented = documented();
		documented.keySet().removeIf((key) -> !key.startsWith(WORKER));
		assertThat(documented.values()).allMatch((line) -> line.matches(".*\\| \\p{Upper}[^|]*\\. \\|"))
			.extracting((line) -> line.substring(0, line.indexOf('|', line.indexOf('|', 1) + 1)).strip())
			.containsExactlyInAnyOrderElementsOf(Arrays.stream(VgiWorkersProperties.Worker.class.getRecordComponents())
				.map((component) -> "| `" + WORKER + DataObjectPropertyName.toDashedForm(component.getName()) + "` | "
						+ defaultOf(component))
				.toList());
	}

	@Test
	void theFirstKeysExistAndTheirExamplesAreAccepted() throws Exception {
		String page = Files.readString(PAGE);
		String first = page.substring(page.indexOf("## The seven"), page.indexOf("## Where batches go"));
		List<String> examples = Pattern.compile("`(vgi[^`]+)`")
			.matcher(first)
			.results()
			.map((MatchResult match) -> match.group(1))
			.toList();
		Set<String> keys = rows().keySet();
		for (String example : examples) {
			Map<String, Object> setting = new Yaml().load(example);
			Map.Entry<String, Object> only = setting.entrySet().iterator().next();
			String key = only.getKey();
			// 32 bytes, as they come from elsewhere.
			String value = only.getValue().toString().replace("${TOKEN_KEY}", "01".repeat(32));
			assertThat(keys).contains(key);
			assertThatNoException().as(example).isThrownBy(() -> ConfigurationMetadataTests.bind(Map.of(key, value)));
		}
		assertThat(first.lines().filter((line) -> line.contains("| `"))).hasSize(FIRST_KEYS);
	}

	private static String defaultOf(RecordComponent component) {
		// The annotation is one of parameters.
		Parameter parameter = Arrays
			.stream(VgiWorkersProperties.Worker.class.getDeclaredConstructors()[0].getParameters())
			.filter((candidate) -> candidate.getName().equals(component.getName()))
			.findFirst()
			.orElseThrow();
		DefaultValue value = parameter.getAnnotation(DefaultValue.class);
		return (value != null && value.value().length > 0) ? value.value()[0] : "–";
	}

	private static Map<String, String> rows() throws Exception {
		Map<String, String> rows = new TreeMap<>();
		for (JsonNode property : properties()) {
			String key = property.get("name").asString();
			rows.put(key, "| `" + key + "` | " + defaultOf(property) + " | " + property.path("description").asString("")
					+ values(property.path("type").asString("")) + " |");
		}
		return rows;
	}

	private static String values(String type) throws Exception {
		if (type.startsWith("java.") || !ClassUtils.isPresent(type, null)) {
			return "";
		}
		Object[] constants = ClassUtils.forName(type, null).getEnumConstants();
		if (constants == null) {
			return "";
		}
		return Arrays.stream(constants)
			.map((constant) -> "`" + ((Enum<?>) constant).name().toLowerCase(Locale.ROOT).replace('_', '-') + "`")
			.collect(Collectors.joining(", ", " One of ", "."));
	}

	private static String defaultOf(JsonNode property) {
		JsonNode value = property.path("defaultValue");
		String text = value.isMissingNode() ? "" : value.asString(value.toString());
		return text.isEmpty() ? "–" : text;
	}

	private static List<JsonNode> properties() throws Exception {
		URI classes = VgiExternalProperties.class.getProtectionDomain().getCodeSource().getLocation().toURI();
		JsonNode metadata = JsonMapper.shared()
			.readTree(Files.readString(Path.of(classes).resolve("META-INF/spring-configuration-metadata.json")));
		return metadata.get("properties").valueStream().toList();
	}

}
