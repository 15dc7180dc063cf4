package dev.vgi.external.autoconfigure;

import java.io.InputStream;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.configurationmetadata.ConfigurationMetadataProperty;
import org.springframework.boot.configurationmetadata.ConfigurationMetadataRepository;
import org.springframework.boot.configurationmetadata.ConfigurationMetadataRepositoryJsonBuilder;
import org.springframework.boot.configurationmetadata.ConfigurationMetadataSource;
import org.springframework.boot.configurationmetadata.Deprecation;
import org.springframework.boot.configurationmetadata.Hints;
import org.springframework.boot.configurationmetadata.ValueHint;
import org.springframework.boot.configurationmetadata.ValueProvider;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * Tests for the configuration metadata, as Boot's own reader and an IDE see it.
 */
class ConfigurationMetadataTests {

	private static final String FILE = "META-INF/spring-configuration-metadata.json";

	private static final String SENTENCE = "(?s)\\p{Upper}.*\\.";

	/** The providers that Boot's documentation names. */
	private static final List<String> PROVIDERS = List.of("any", "class-reference", "handle-as", "logger-name",
			"spring-bean-reference", "spring-profile-name");

	private static ConfigurationMetadataRepository metadata;

	private static JsonNode json;

	@BeforeAll
	static void read() throws Exception {
		try (InputStream file = open()) {
			metadata = ConfigurationMetadataRepositoryJsonBuilder.create(file).build();
		}
		try (InputStream file = open()) {
			json = JsonMapper.shared().readTree(file);
		}
	}

	// Those of Boot have a file of this name, too.
	private static InputStream open() throws Exception {
		return VgiExternalProperties.class.getProtectionDomain()
			.getCodeSource()
			.getLocation()
			.toURI()
			.resolve(FILE)
			.toURL()
			.openStream();
	}

	@Test
	void everyKeyHasATypeAndSaysWhatItIs() {
		Collection<ConfigurationMetadataProperty> properties = metadata.getAllProperties().values();
		assertThat(properties).hasSizeGreaterThan(100).allSatisfy((property) -> {
			assertThat(property.getDescription()).as(property.getId()).isNotNull().matches(SENTENCE);
			assertThat(property.getType()).as(property.getId()).isNotNull();
		});
	}

	@Test
	void aKeyWithoutADefaultSaysWhatHappensOrNeedsNone() {
		// The rest of them stands in the description.
		assertThat(metadata.getAllProperties().values()).filteredOn((property) -> property.getDefaultValue() == null)
			.filteredOn(
					(property) -> !property.getDescription().toLowerCase().matches("(?s).*(default|if it differs).*"))
			.extracting(ConfigurationMetadataProperty::getId)
			.allMatch(
					(key) -> key.matches(".*\\.(s3|gcs)\\.bucket|.*\\.allowed-hosts|.*\\.(proxy|ssl)\\..*|.*\\.sse\\..*"
							+ "|.*\\.(storage-class|tags|workers|roles)"));
	}

	@Test
	void everyGroupSaysWhatItIs() {
		List<ConfigurationMetadataSource> sources = metadata.getAllGroups()
			.values()
			.stream()
			.flatMap((group) -> group.getSources().values().stream())
			.toList();
		assertThat(sources).hasSizeGreaterThan(20)
			.allSatisfy((source) -> assertThat(source.getDescription()).as(source.getGroupId() + " " + source.getType())
				.isNotNull()
				.matches(SENTENCE));
	}

	@Test
	void hintsAreForKeysThatExist() {
		List<String> hinted = json.get("hints").valueStream().map((hint) -> hint.get("name").asString()).toList();
		assertThat(hinted).doesNotHaveDuplicates()
			.hasSizeGreaterThan(20)
			.isSubsetOf(metadata.getAllProperties().keySet());
		for (String key : hinted) {
			Hints hints = property(key).getHints();
			assertThat(hints.getValueProviders()).extracting(ValueProvider::getName).isSubsetOf(PROVIDERS);
			assertThat(hints.getValueHints().isEmpty() && hints.getValueProviders().isEmpty()).as(key).isFalse();
		}
	}

	@Test
	void suggestedValuesAreAccepted() {
		for (ConfigurationMetadataProperty property : metadata.getAllProperties().values()) {
			for (ValueHint hint : property.getHints().getValueHints()) {
				String value = String.valueOf(hint.getValue());
				assertThatNoException().as(property.getId() + "=" + value)
					.isThrownBy(() -> bind(Map.of(property.getId(), value)));
				if (property.getType().equals(DataSize.class.getName())
						|| property.getType().equals(Duration.class.getName())) {
					assertThat(value).as(property.getId()).matches("[0-9]+(B|KB|MB|GB|ms|s|m|h|d)");
				}
				if (hint.getDescription() != null) {
					assertThat(hint.getDescription()).matches(SENTENCE);
				}
			}
		}
	}

	/**
	 * Bind settings as an application does.
	 * @param settings values by their keys
	 */
	static void bind(Map<String, String> settings) {
		Binder binder = new Binder(new MapConfigurationPropertySource(settings));
		binder.bind("vgi.external", VgiExternalProperties.class);
		binder.bind("vgi.rpc", VgiRpcProperties.class);
	}

	// Holds what docs/architecture.md asks for, from the first key that goes.
	@Test
	void aDeprecatedKeySaysWhyAndWhatReplacesIt() {
		TreeSet<String> keys = new TreeSet<>(metadata.getAllProperties().keySet());
		deprecated().forEach((property) -> {
			Deprecation deprecation = property.getDeprecation();
			assertThat(deprecation.getReason()).as(property.getId()).isNotNull().matches(SENTENCE);
			assertThat(keys).as(property.getId()).contains(deprecation.getReplacement());
			assertThat(property(deprecation.getReplacement()).isDeprecated()).isFalse();
		});
	}

	private static ConfigurationMetadataProperty property(String key) {
		return Objects.requireNonNull(metadata.getAllProperties().get(key), key);
	}

	private static Stream<ConfigurationMetadataProperty> deprecated() {
		return metadata.getAllProperties().values().stream().filter(ConfigurationMetadataProperty::isDeprecated);
	}

}
