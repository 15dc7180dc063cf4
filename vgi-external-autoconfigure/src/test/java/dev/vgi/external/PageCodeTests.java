package dev.vgi.external;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Holds that the Java code of some pages is code that is compiled and tested.
 */
class PageCodeTests {

	private static final Path ROOT = Path.of("..");

	private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

	@ParameterizedTest
	@CsvSource({ "streams.md, sample-app/src/main/java/dev/vgi/external/sample/FlightServiceController.java, 5",
			"security.md, vgi-external-autoconfigure/src/test/java/dev/vgi/external, 2",
			"plain-java.md, vgi-external-autoconfigure/src/test/java/dev/vgi/external, 3",
			"workers.md, vgi-external-autoconfigure/src/test/java/dev/vgi/external, 2" })
	void codeOfAPageIsCodeOfAProgram(String page, String sources, int blocks) throws Exception {
		StringBuilder program = new StringBuilder();
		try (var files = Files.walk(ROOT.resolve(sources))) {
			for (Path file : files.filter((each) -> each.toString().endsWith(".java")).toList()) {
				program.append(withoutBlanks(Files.readString(file))).append('\n');
			}
		}
		List<String> found = BLOCK.matcher(Files.readString(ROOT.resolve("docs").resolve(page)))
			.results()
			.map((MatchResult match) -> match.group(1))
			.toList();
		assertThat(found).hasSize(blocks);
		assertThat(found).allSatisfy((block) -> assertThat(program).contains(withoutBlanks(block)));
	}

	@Test
	void defaultsOfAPageAreThoseOfTheConfiguration() throws Exception {
		List<String> keys = Files.readAllLines(ROOT.resolve("docs/workers.md"))
			.stream()
			.filter((line) -> line.startsWith("| `vgi."))
			.toList();
		assertThat(keys).isNotEmpty();
		String configuration = Files.readString(ROOT.resolve("docs/configuration.md"));
		assertThat(keys).allSatisfy((key) -> assertThat(configuration).contains(key + " "));
	}

	private static String withoutBlanks(String code) {
		return code.replaceAll("\\s+", "");
	}

}
