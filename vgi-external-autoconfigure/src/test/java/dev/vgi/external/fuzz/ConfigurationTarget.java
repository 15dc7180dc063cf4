package dev.vgi.external.fuzz;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

import dev.vgi.external.autoconfigure.FuzzedProperties;
import dev.vgi.external.autoconfigure.VgiExternalProperties;
import dev.vgi.external.autoconfigure.VgiRpcProperties;
import dev.vgi.external.autoconfigure.VgiWorkersProperties;
import dev.vgi.external.autoconfigure.start.SecretKeys;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.boot.convert.ApplicationConversionService;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.core.env.Environment;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.io.support.SpringFactoriesLoader;
import org.springframework.core.io.support.SpringFactoriesLoader.ArgumentResolver;
import org.springframework.core.io.support.SpringFactoriesLoader.FailureHandler;

/**
 * Settings: each value is refused with a report that names a key and shows no secret, or
 * everything that is derived from it works.
 */
public final class ConfigurationTarget {

	private static final String SECRET = "c5d7e0f1SECRET";

	private static final List<String> VALUES = List.of("", "0", "1", "-1", "2147483647", "9223372036854775807", "1KB",
			"0B", "9223372036854775807B", "-5MB", "1ns", "0s", "36500d", "36501d", "P1D", "true", "off", "zstd", "none",
			"local", "s3", "https://storage.example", "http://a_b/", "*.storage.example:8443", "/vgi", "0600", "a b,c",
			"[::1]", "file:/tmp/x", "\u0000", "${x}", "${x:${y", "#{1}", "aws:kms", "arn:aws:s3:::x", "0.5", "NaN",
			"1e400");

	private static final NavigableMap<Integer, String> KEYS = keys();

	/** Parts of the settings that can be bound alone, which is faster. */
	private static final Map<String, Class<?>> GROUPS = Arrays.stream(VgiExternalProperties.class.getRecordComponents())
		.filter((component) -> component.getType().isRecord())
		.collect(Collectors.toMap((component) -> DataObjectPropertyName.toDashedForm(component.getName()),
				RecordComponent::getType));

	private static final List<FailureAnalyzer> ANALYZERS = SpringFactoriesLoader.forDefaultResourceLocation()
		.load(FailureAnalyzer.class,
				ArgumentResolver.of(BeanFactory.class, new DefaultListableBeanFactory())
					.and(Environment.class, new StandardEnvironment()),
				FailureHandler.logging(LogFactory.getLog(ConfigurationTarget.class)));

	private static final Guard GUARD = new Guard(ConfigurationTarget::run);

	private ConfigurationTarget() {
	}

	public static void fuzzerTestOneInput(byte[] input) {
		GUARD.run(input);
	}

	// At places that depend on the key alone, so that a new key moves no other one.
	private static NavigableMap<Integer, String> keys() {
		NavigableMap<Integer, String> keys = new TreeMap<>();
		try (InputStream in = VgiExternalProperties.class
			.getResourceAsStream("/META-INF/spring-configuration-metadata.json")) {
			JsonNode metadata = JsonMapper.shared().readTree(Objects.requireNonNull(in));
			for (JsonNode property : metadata.get("properties")) {
				String name = property.get("name").asString();
				if (name.startsWith("vgi.external.") || name.startsWith("vgi.rpc.")) {
					add(keys, name);
					add(keys, name + "[0]");
					add(keys, name + "[1]");
					add(keys, name + ".a");
				}
			}
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		for (RecordComponent component : VgiWorkersProperties.Worker.class.getRecordComponents()) {
			String name = "vgi.rpc.workers.model." + DataObjectPropertyName.toDashedForm(component.getName());
			List.of("", "[0]", "[1]", ".a").forEach((suffix) -> add(keys, name + suffix));
		}
		return keys;
	}

	private static void add(Map<Integer, String> keys, String key) {
		keys.put(key.hashCode() & 0xFFFF, key);
	}

	private static void run(Script script, BufferAllocator allocator) {
		boolean whole = script.octet() >= 240;
		Map<String, String> settings = new LinkedHashMap<>();
		boolean secret = false;
		for (int i = 0; i < 8 && !script.isAtEnd(); i++) {
			Map.Entry<Integer, String> key = KEYS.ceilingEntry(script.uint16());
			String name = ((key != null) ? key : KEYS.firstEntry()).getValue();
			int which = script.octet();
			String value = (which < 160) ? VALUES.get(which % VALUES.size()) : script.line();
			if (SecretKeys.contains(name)) {
				value += SECRET;
				secret = true;
			}
			settings.put(name, value);
		}
		Binder binder = new Binder(List.<ConfigurationPropertySource>of(new MapConfigurationPropertySource(settings)),
				null, ApplicationConversionService.getSharedInstance());
		String shown;
		try {
			shown = bound(binder, settings, whole);
		}
		catch (BindException ex) {
			check(ex);
			// Analyzing takes longer than everything before.
			shown = (secret || whole) ? report(ex) : "";
		}
		Guard.require(!secret || !shown.contains(SECRET), "a secret is shown: " + shown);
	}

	private static String bound(Binder binder, Map<String, String> settings, boolean whole) {
		StringBuilder shown = new StringBuilder();
		Set<String> groups = new TreeSet<>();
		for (String key : settings.keySet()) {
			String[] parts = key.split("[.\\[]");
			groups.add(parts[0] + '.' + parts[1] + ((!whole && GROUPS.containsKey(parts[2])) ? '.' + parts[2] : ""));
		}
		for (String group : groups) {
			if (group.equals("vgi.rpc")) {
				shown.append(use(binder.bindOrCreate(group, Bindable.of(VgiRpcProperties.class))));
				shown.append(binder.bindOrCreate(group, Bindable.of(VgiWorkersProperties.class)));
			}
			else {
				Class<?> type = GROUPS.getOrDefault(group.substring(group.lastIndexOf('.') + 1),
						VgiExternalProperties.class);
				shown.append(use(binder.bindOrCreate(group, Bindable.of(type))));
			}
		}
		return shown.toString();
	}

	private static Object use(Object bound) {
		FuzzedProperties.use(bound);
		return bound;
	}

	private static String report(Throwable failure) {
		for (FailureAnalyzer analyzer : ANALYZERS) {
			FailureAnalysis analysis = analyzer.analyze(failure);
			if (analysis != null) {
				return analysis.getDescription() + analysis.getAction();
			}
		}
		throw new AssertionError("There is no report", failure);
	}

	// What this library refuses, it refuses in words that name a key.
	private static void check(Throwable failure) {
		Throwable root = failure;
		for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
			root = cause;
		}
		boolean ours = Arrays.stream(root.getStackTrace())
			.limit(8)
			.anyMatch((frame) -> frame.getClassName().startsWith("dev.vgi.external.autoconfigure."));
		@Nullable String message = root.getMessage();
		if (ours && (message == null || !message.contains("vgi."))) {
			throw new AssertionError("A report without a key", failure);
		}
	}

}
