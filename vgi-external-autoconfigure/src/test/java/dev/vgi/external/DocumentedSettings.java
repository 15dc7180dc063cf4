package dev.vgi.external;

import java.io.IOException;
import java.net.URL;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.AbstractBindHandler;
import org.springframework.boot.context.properties.bind.BindContext;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.core.annotation.MergedAnnotations;

/**
 * What the class path says about keys of a configuration.
 */
final class DocumentedSettings {

	private static final Set<String> ROOTS = Set.of("vgi", "spring", "server", "management", "logging");

	/** Types of the keys, as the metadata has them. */
	private final Map<String, String> types = new TreeMap<>();

	/** Classes that keys are bound to, and their prefixes. */
	private final Map<Class<?>, String> classes = new LinkedHashMap<>();

	DocumentedSettings() throws IOException {
		ClassLoader loader = DocumentedSettings.class.getClassLoader();
		for (String file : List.of("META-INF/spring-configuration-metadata.json",
				"META-INF/additional-spring-configuration-metadata.json")) {
			for (URL url : Collections.list(loader.getResources(file))) {
				try (var stream = url.openStream()) {
					add(JsonMapper.shared().readTree(stream));
				}
			}
		}
	}

	private void add(JsonNode metadata) {
		for (JsonNode property : metadata.path("properties")) {
			if (!property.path("deprecation").path("level").asString("").equals("error")) {
				this.types.put(canonical(property.path("name").asString()), property.path("type").asString(""));
			}
		}
		for (JsonNode group : metadata.path("groups")) {
			try {
				Class<?> type = Class.forName(group.path("type").asString(""));
				String prefix = group.path("name").asString();
				if (MergedAnnotations.from(type)
					.get(ConfigurationProperties.class)
					.getValue("prefix", String.class)
					.filter(prefix::equals)
					.isPresent()) {
					this.classes.put(type, prefix);
				}
			}
			catch (ClassNotFoundException | LinkageError ex) {
				// Of a library that is not there.
			}
		}
	}

	private static String canonical(String key) {
		return ConfigurationPropertyName.adapt(key, '.').toString();
	}

	/**
	 * Checks keys and values.
	 * @param settings the values by their keys
	 * @return what is wrong, nothing if all are fine
	 */
	List<String> check(Map<String, String> settings) {
		List<String> wrong = new ArrayList<>();
		Map<String, String> values = new TreeMap<>();
		settings.forEach((key, value) -> {
			ConfigurationPropertyName name = ConfigurationPropertyName.adapt(key, '.');
			if (ROOTS.contains(name.getElement(0, ConfigurationPropertyName.Form.UNIFORM))) {
				if (!isKnown(name)) {
					wrong.add("unknown key: " + key);
				}
				// A placeholder is set somewhere else.
				if (!value.matches(".*\\$\\{[^:}]+}.*")) {
					values.put(name.toString(), value.replaceAll("\\$\\{[^:}]+:(.*?)}", "$1"));
				}
			}
		});
		wrong.addAll(bind(values));
		return wrong;
	}

	private boolean isKnown(ConfigurationPropertyName name) {
		for (ConfigurationPropertyName each = name; !each.isEmpty(); each = each.getParent()) {
			String type = this.types.get(each.toString().replaceAll("\\[[^]]*]", ""));
			if (type != null) {
				return each.equals(name) || type.matches("java\\.util\\.(Map|List|Set)<.*") || type.endsWith("[]");
			}
		}
		return false;
	}

	private List<String> bind(Map<String, String> values) {
		List<String> wrong = new ArrayList<>();
		Map<ConfigurationPropertyName, Object> bound = new LinkedHashMap<>();
		Binder binder = new Binder(new MapConfigurationPropertySource(values));
		this.classes.forEach((type, prefix) -> {
			if (values.keySet().stream().anyMatch((key) -> key.startsWith(prefix + "."))) {
				try {
					binder.bind(prefix, Bindable.of(type), new Recorder(bound));
				}
				catch (LinkageError ex) {
					// Of a library that is not there.
				}
				catch (RuntimeException ex) {
					wrong.add(ex.getMessage() + ": " + ex.getCause());
				}
			}
		});
		if (wrong.isEmpty()) {
			values.keySet()
				.stream()
				.filter((key) -> key.startsWith("vgi."))
				.filter((key) -> !isBound(ConfigurationPropertyName.of(key), bound))
				.forEach((key) -> wrong.add("bound to nothing: " + key));
		}
		return wrong;
	}

	private static boolean isBound(ConfigurationPropertyName name, Map<ConfigurationPropertyName, Object> bound) {
		if (bound.containsKey(name)) {
			return true;
		}
		for (ConfigurationPropertyName each = name.getParent(); !each.isEmpty(); each = each.getParent()) {
			if (bound.containsKey(each)) {
				return bound.get(each) instanceof Map || bound.get(each) instanceof Collection;
			}
		}
		return false;
	}

	/**
	 * Keeps what was bound.
	 */
	private static final class Recorder extends AbstractBindHandler {

		private final Map<ConfigurationPropertyName, Object> bound;

		Recorder(Map<ConfigurationPropertyName, Object> bound) {
			this.bound = bound;
		}

		@Override
		public @Nullable Object onSuccess(ConfigurationPropertyName name, Bindable<?> target, BindContext context,
				Object result) {
			this.bound.put(name, result);
			return result;
		}

	}

}
