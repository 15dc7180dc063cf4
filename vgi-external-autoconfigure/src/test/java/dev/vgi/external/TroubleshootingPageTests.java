package dev.vgi.external;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What docs/troubleshooting.md quotes is what the library says, and no refusal to start
 * is missing there.
 */
class TroubleshootingPageTests {

	private static final Path PAGE = Pages.ROOT.resolve("docs/troubleshooting.md");

	/** With its first argument: literals, names and simple calls. */
	private static final Pattern REFUSAL = Pattern
		.compile("(?:StartRefusedException|StorageSelection|FailureAnalysis)\\((?:null,)?\\s*"
				+ "((?:\"(?:[^\"\\\\]|\\\\.)*\"|[^,\"()]|\\([^()]*\\))*),");

	private static final Pattern CONSTANT = Pattern.compile("static final String ([A-Z_0-9]+) = \"([^\"]*)\";");

	@Test
	void quotedBlocksAreMessages() throws IOException {
		String sources = sources();
		List<String> quotes = Pages.blocks(PAGE)
			.stream()
			.filter((block) -> block.language().equals("text"))
			.map((block) -> block.text().strip())
			.toList();
		assertThat(quotes).hasSizeGreaterThan(4);
		assertThat(quotes).allSatisfy((quote) -> assertThat(unknownPartsOf(quote, sources)).as(quote).isEmpty());
	}

	@Test
	void quotedRefusalsAreMessages() throws IOException {
		String sources = sources();
		String table = section("## The application does not start: other refusals");
		List<String> quotes = Pattern.compile("(?m)^\\| `([^`]+)` \\|")
			.matcher(table)
			.results()
			.map((match) -> match.group(1))
			.toList();
		assertThat(quotes).hasSizeGreaterThan(20);
		assertThat(quotes).allSatisfy((quote) -> assertThat(unknownPartsOf(quote, sources)).as(quote).isEmpty());
	}

	@Test
	void everyRefusalIsQuoted() throws IOException {
		String page = Files.readString(PAGE);
		List<String> refusals = REFUSAL.matcher(sources()).results().map((match) -> match.group(1)).toList();
		assertThat(refusals).hasSizeGreaterThan(15);
		List<String> missing = new ArrayList<>();
		for (String refusal : refusals) {
			// Between what the code fills in.
			List<String> literals = Pattern.compile("\"([^\"]*)\"")
				.matcher(refusal)
				.results()
				.map((MatchResult match) -> match.group(1).strip())
				.filter((literal) -> literal.length() > 12)
				.toList();
			if (!literals.stream().allMatch(page::contains)) {
				missing.add(refusal);
			}
		}
		assertThat(missing).isEmpty();
	}

	private static List<String> unknownPartsOf(String quote, String sources) {
		return Arrays.stream(quote.split("…"))
			.map(String::strip)
			.filter((part) -> part.length() > 2)
			.filter((part) -> !sources.contains(part))
			.toList();
	}

	private static String section(String heading) throws IOException {
		String page = Files.readString(PAGE);
		String rest = page.substring(page.indexOf(heading) + heading.length());
		return rest.substring(0, rest.indexOf("\n## "));
	}

	private static String sources() {
		return Pages.files(Pages.ROOT.resolve("vgi-external-autoconfigure/src/main/java"), 99)
			.filter((file) -> file.toString().endsWith(".java"))
			.map(TroubleshootingPageTests::messages)
			.collect(Collectors.joining("\n"));
	}

	/** With the values of constants, and what lines break joined. */
	private static String messages(Path file) {
		try {
			String source = Files.readString(file);
			for (MatchResult constant : CONSTANT.matcher(source).results().toList()) {
				source = source.replaceAll("\\+\\s*" + constant.group(1) + "\\b",
						Matcher.quoteReplacement("+ \"" + constant.group(2) + "\""));
			}
			return source.replaceAll("\"\\s*\\+\\s*\"", "");
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
