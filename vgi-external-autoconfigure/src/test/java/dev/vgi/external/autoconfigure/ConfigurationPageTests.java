package dev.vgi.external.autoconfigure;

import java.lang.reflect.Parameter;
import java.lang.reflect.RecordComponent;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.context.properties.bind.DefaultValue;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Keeps docs/configuration.md equal to what the annotation processor made of the
 * properties: every key with its default and description, and no other.
 */
class ConfigurationPageTests {

	private static final Path PAGE = Path.of("..", "docs", "configuration.md");

	/** Keys of Actuator, in a table of their own. */
	private static final String MANAGEMENT = "| `management.";

	private static final String WORKER = "| `vgi.rpc.workers.<name>.";

	@Test
	void pageListsExactlyTheKeysThereAre() throws Exception {
		List<String> documented = Files.readAllLines(PAGE)
			.stream()
			.filter((line) -> (line.startsWith("| `vgi.") && !line.startsWith(WORKER)) || line.startsWith(MANAGEMENT))
			.toList();
		// The difference is what to paste.
		assertThat(documented).containsExactlyElementsOf(rows());
	}

	// The metadata does not go into maps.
	@Test
	void pageListsExactlyTheKeysOfAWorker() throws Exception {
		List<String> documented = Files.readAllLines(PAGE).stream().filter((line) -> line.startsWith(WORKER)).toList();
		assertThat(documented).allMatch((line) -> line.matches(".*\\| \\p{Upper}[^|]*\\. \\|"))
			.extracting((line) -> line.substring(0, line.indexOf('|', line.indexOf('|', 1) + 1)).strip())
			.containsExactlyElementsOf(Arrays.stream(VgiWorkersProperties.Worker.class.getRecordComponents())
				.map((component) -> WORKER + DataObjectPropertyName.toDashedForm(component.getName()) + "` | "
						+ defaultOf(component))
				.sorted()
				.toList());
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

	@Test
	void everyKeyIsDescribed() throws Exception {
		for (JsonNode property : properties()) {
			String description = property.path("description").asString("");
			assertThat(description).as(property.get("name").asString()).matches("\\p{Upper}.*\\.");
		}
	}

	private static List<String> rows() throws Exception {
		return properties().stream()
			.map((property) -> "| `" + property.get("name").asString() + "` | " + defaultOf(property) + " | "
					+ property.path("description").asString("") + " |")
			.sorted(Comparator.comparing((String row) -> row.startsWith(MANAGEMENT))
				.thenComparing(Comparator.naturalOrder()))
			.toList();
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
