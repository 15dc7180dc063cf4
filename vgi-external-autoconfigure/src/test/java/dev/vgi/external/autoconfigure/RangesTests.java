package dev.vgi.external.autoconfigure;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.restclient.autoconfigure.RestClientAutoConfiguration;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.core.env.Environment;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.io.support.SpringFactoriesLoader;
import org.springframework.core.io.support.SpringFactoriesLoader.ArgumentResolver;
import org.springframework.core.io.support.SpringFactoriesLoader.FailureHandler;
import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Every number, size and time of every key has a range: a value outside of it fails the
 * start with a report that names the key, and one inside of it does not fail elsewhere
 * without naming it. The keys are those of the metadata, so no new one is left out.
 */
class RangesTests {

	/** Types without a range of numbers. */
	private static final Pattern OTHERS = Pattern.compile("java\\.lang\\.(Boolean|String)|java\\.net\\.URI"
			+ "|java\\.util\\.(List|Map)<java\\.lang\\.String.*>|dev\\.vgi\\.external\\..*");

	private static final Pattern RANGE = Pattern
		.compile("must be (?<zero>0 or )?(?:from (?<least>\\S+) to (?<most>\\S+)|at least (?<alone>\\S+))");

	@TempDir
	private Path folder;

	private WebApplicationContextRunner runner() {
		return new WebApplicationContextRunner()
			.withConfiguration(
					AutoConfigurations.of(VgiTransportAutoConfiguration.class, VgiLocalStorageAutoConfiguration.class,
							VgiExternalAutoConfiguration.class, VgiClientAutoConfiguration.class,
							VgiWorkersAutoConfiguration.class, VgiWebMvcAutoConfiguration.class,
							JacksonAutoConfiguration.class, HttpMessageConvertersAutoConfiguration.class,
							RestClientAutoConfiguration.class, WebMvcAutoConfiguration.class))
			.withPropertyValues("vgi.rpc.workers.model.command=worker", "vgi.external.storage=local",
					"vgi.external.local.directory=" + this.folder);
	}

	static Stream<String> keys() throws Exception {
		Path classes = Path.of(VgiExternalProperties.class.getProtectionDomain().getCodeSource().getLocation().toURI());
		JsonNode metadata = JsonMapper.shared()
			.readTree(Files.readString(classes.resolve("META-INF/spring-configuration-metadata.json")));
		return Stream.concat(metadata.get("properties")
			.valueStream()
			// Those of Actuator are Boot's.
			.filter((property) -> property.get("name").asString().startsWith("vgi."))
			.filter((property) -> !OTHERS.matcher(property.get("type").asString()).matches())
			.map((property) -> property.get("name").asString()), workerKeys());
	}

	// The metadata does not go into maps.
	private static Stream<String> workerKeys() {
		return Arrays.stream(VgiWorkersProperties.Worker.class.getRecordComponents())
			.filter((component) -> !OTHERS.matcher(component.getGenericType().getTypeName()).matches()
					&& component.getType() != boolean.class)
			.map((component) -> "vgi.rpc.workers.model." + DataObjectPropertyName.toDashedForm(component.getName()));
	}

	@ParameterizedTest
	@MethodSource("keys")
	void aValueOutOfRangeFailsTheStartAndTheReportNamesItsKey(String key) {
		String report = report(key, "-1");
		assertThat(report).contains(key + " must be ");
		Matcher range = RANGE.matcher(report);
		assertThat(range.find()).as(report).isTrue();
		String least = (range.group("least") != null) ? range.group("least") : range.group("alone");
		if (range.group("zero") == null) {
			assertThat(report(key, step(least, -1))).contains(key + " must be ");
		}
		assertStartsOrNames(key, least);
		String most = range.group("most");
		if (most != null) {
			assertThat(report(key, step(most, 1))).contains(key + " must be ");
		}
		String typesOwn = least.endsWith("B") ? Long.MAX_VALUE + "B" : String.valueOf(Integer.MAX_VALUE);
		assertStartsOrNames(key, (most != null) ? most : typesOwn);
	}

	// Another rule may forbid it, such as a retention that is shorter than the expiry.
	private void assertStartsOrNames(String key, String value) {
		String report = report(key, value);
		if (report != null) {
			assertThat(report).as(value).contains(key);
		}
	}

	@Test
	void theReportNamesTheKeyThatIsWrongAndNoOther() {
		String report = report("vgi.external.fetch.timeout", "0s", "vgi.external.fetch.max-speculative-hedges=7");
		assertThat(report).contains("vgi.external.fetch.timeout must be from 1ms to 36500d")
			.doesNotContain("max-speculative-hedges");
	}

	private @Nullable String report(String key, String value, String... others) {
		AtomicReference<@Nullable String> report = new AtomicReference<>();
		this.runner().withPropertyValues(key + "=" + value).withPropertyValues(others).run((context) -> {
			Throwable failure = context.getStartupFailure();
			report.set((failure != null) ? analyze(failure) : null);
		});
		return report.get();
	}

	static String analyze(Throwable failure) {
		List<FailureAnalyzer> analyzers = SpringFactoriesLoader.forDefaultResourceLocation()
			.load(FailureAnalyzer.class,
					ArgumentResolver.of(BeanFactory.class, new DefaultListableBeanFactory())
						.and(Environment.class, new StandardEnvironment()),
					FailureHandler.logging(LogFactory.getLog(RangesTests.class)));
		return analyzers.stream()
			.map((analyzer) -> analyzer.analyze(failure))
			.filter(Objects::nonNull)
			.findFirst()
			.map(FailureAnalysis::getDescription)
			.orElseThrow(() -> new AssertionError("no report", failure));
	}

	private static String step(String bound, int step) {
		if (bound.endsWith("B")) {
			return DataSize.parse(bound).toBytes() + step + "B";
		}
		if (Character.isLetter(bound.charAt(bound.length() - 1))) {
			return DurationStyle.detectAndParse(bound).toMillis() + step + "ms";
		}
		return String.valueOf(Integer.parseInt(bound) + step);
	}

}
