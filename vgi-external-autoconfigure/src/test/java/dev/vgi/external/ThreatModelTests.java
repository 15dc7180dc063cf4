package dev.vgi.external;

import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;
import org.junit.platform.commons.annotation.Testable;
import org.junit.platform.commons.support.AnnotationSupport;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Every row of the threat model names tests that exist and run, or says that there is
 * none.
 */
class ThreatModelTests {

	private static final Path PAGE = Pages.ROOT.resolve("docs/security.md");

	private static final String NONE = "no test";

	/** Such as {@code [SecretsTests]#bucket, #localStore}. */
	private static final Pattern TESTS = Pattern.compile("\\[(\\w+)]((?:(?:, )?#\\w+)+)");

	private static final Pattern DEFINITION = Pattern.compile("(?m)^\\[(\\w+)]: (\\S+)$");

	private static final Path SOURCES = Pages.ROOT.resolve("vgi-external-autoconfigure/src/test/java");

	@Test
	void everyRowHasItsTests() throws IOException {
		Map<String, Path> files = files();
		List<String> wrong = new ArrayList<>();
		Set<String> used = new TreeSet<>();
		int rows = 0;
		for (String[] row : rows()) {
			rows++;
			String proof = row[row.length - 1];
			if (proof.equals(NONE)) {
				continue;
			}
			// Nothing but tests.
			if (!TESTS.matcher(proof).replaceAll("").replaceAll("<br>", "").isBlank()) {
				wrong.add(row[0] + ": " + proof);
			}
			for (MatchResult found : TESTS.matcher(proof).results().toList()) {
				used.add(found.group(1));
				Path file = files.get(found.group(1));
				Set<String> tests = (file != null) ? tests(type(file)) : Set.of();
				Arrays.stream(found.group(2).split(", "))
					.map((name) -> name.substring(1))
					.filter((name) -> !tests.contains(name))
					.forEach((name) -> wrong.add(found.group(1) + "#" + name));
			}
		}
		assertThat(wrong).as("no such test, or it is disabled").isEmpty();
		assertThat(used).isEqualTo(new TreeSet<>(files.keySet()));
		assertThat(rows).isGreaterThan(40);
	}

	/**
	 * A row without a limit would claim that something is impossible.
	 */
	@Test
	void everyRowSaysWhatIsNotStopped() throws IOException {
		assertThat(rows()).allSatisfy((row) -> assertThat(row).hasSize(4).doesNotContain(""));
	}

	private static List<String[]> rows() throws IOException {
		String page = Files.readString(PAGE);
		String model = page.substring(page.indexOf("\n## Threat model"));
		String section = model.substring(0, model.indexOf("\n## ", 1));
		return section.lines()
			.filter((line) -> line.startsWith("| ") && !line.startsWith("| ---"))
			.map((line) -> Arrays.stream(line.substring(1, line.length() - 1).split("\\|", -1))
				.map(String::strip)
				.toArray(String[]::new))
			.filter((row) -> row[row.length - 1].contains("#") || row[row.length - 1].equals(NONE))
			.toList();
	}

	private static Map<String, Path> files() throws IOException {
		return DEFINITION.matcher(Files.readString(PAGE))
			.results()
			.collect(Collectors.toMap((found) -> found.group(1), (found) -> {
				Path file = PAGE.resolveSibling(found.group(2)).normalize();
				assertThat(file).exists().hasFileName(found.group(1) + ".java").startsWith(SOURCES);
				return file;
			}));
	}

	private static Class<?> type(Path file) {
		String name = SOURCES.relativize(file).toString().replaceFirst("\\.java$", "").replace('/', '.');
		try {
			return Class.forName(name, false, ThreatModelTests.class.getClassLoader());
		}
		catch (ClassNotFoundException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static Set<String> tests(Class<?> type) {
		Set<String> tests = new TreeSet<>();
		if (runs(type)) {
			Arrays.stream(type.getDeclaredMethods())
				.filter((method) -> AnnotationSupport.isAnnotated(method, Testable.class) && runs(method))
				.map(Method::getName)
				.forEach(tests::add);
			for (Class<?> nested : type.getDeclaredClasses()) {
				tests.addAll(tests(nested));
			}
		}
		return tests;
	}

	private static boolean runs(AnnotatedElement element) {
		return !AnnotationSupport.isAnnotated(element, Disabled.class);
	}

}
