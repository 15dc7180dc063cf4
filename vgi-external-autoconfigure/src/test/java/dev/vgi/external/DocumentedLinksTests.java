package dev.vgi.external;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Every link of every page leads somewhere, and every file below {@code docs} is reached.
 * What is on the network is not asked for.
 */
class DocumentedLinksTests {

	private static final Pattern LINK = Pattern.compile("\\]\\(<?([^)\\s>]+)>?(?: \"[^\"]*\")?\\)|src=\"([^\"]+)\"");

	private static final Pattern PATH_IN_SOURCE = Pattern
		.compile("\\bdocs/[\\w/-]+\\.(?:md|dot|svg|png|ya?ml|json)(?:#[\\w-]+)?");

	private static final Pattern CODE = Pattern.compile("`[^`]*`");

	@Test
	void linksLeadSomewhere() {
		List<String> broken = new ArrayList<>();
		for (Path page : Pages.all()) {
			for (String link : links(page)) {
				if (!isGood(page, link)) {
					broken.add(Pages.ROOT.relativize(page) + ": " + link);
				}
			}
		}
		assertThat(broken).isEmpty();
	}

	/**
	 * What messages and comments name, from the root of the project.
	 */
	@Test
	void pagesThatSourcesNameExist() throws IOException {
		List<String> broken = new ArrayList<>();
		int found = 0;
		for (String folder : List.of("vgi-external-autoconfigure/src", "sample-app/src", ".ci")) {
			for (Path file : Pages.files(Pages.ROOT.resolve(folder), 99)
				.filter((each) -> each.toString().matches(".*(\\.java|\\.json|\\.html|\\.js|/[a-z]+)"))
				.toList()) {
				for (String path : all(PATH_IN_SOURCE, Files.readString(file)).map(MatchResult::group).toList()) {
					found++;
					if (!isGood(Pages.ROOT.resolve("README.md"), path)) {
						broken.add(Pages.ROOT.relativize(file) + ": " + path);
					}
				}
			}
		}
		assertThat(broken).isEmpty();
		assertThat(found).isGreaterThan(20);
	}

	/**
	 * From the README over any number of links, or from a page by the name of a file.
	 */
	@Test
	void everythingIsReached() throws IOException {
		Set<Path> reached = new HashSet<>();
		List<Path> waiting = new ArrayList<>(List.of(Pages.ROOT.resolve("README.md")));
		StringBuilder text = new StringBuilder();
		while (!waiting.isEmpty()) {
			Path page = waiting.remove(0);
			if (reached.add(page) && page.toString().endsWith(".md")) {
				text.append(Files.readString(page));
				links(page).stream()
					.filter((link) -> !link.contains(":") && !link.startsWith("#"))
					.map((link) -> page.resolveSibling(link.replaceFirst("#.*", "")).normalize())
					.filter(Files::exists)
					.forEach(waiting::add);
			}
		}
		Set<String> unused = new TreeSet<>();
		Pages.files(Pages.ROOT.resolve("docs"), 9)
			.filter((file) -> !reached.contains(file) && !isSource(file, reached))
			.filter((file) -> file.toString().endsWith(".md")
					|| !text.toString().contains(file.getFileName().toString()))
			// Tests of the rules, which promtool takes.
			.filter((file) -> !file.toString().endsWith("-tests.yml"))
			.forEach((file) -> unused.add(Pages.ROOT.relativize(file).toString()));
		assertThat(unused).isEmpty();
	}

	/**
	 * The index has each page in one place, where somebody would look for it.
	 */
	@Test
	void indexHasEveryPageOnce() {
		Path index = Pages.ROOT.resolve("docs/README.md");
		List<String> pages = Pages.files(Pages.ROOT.resolve("docs"), 9)
			.filter((file) -> file.toString().endsWith(".md") && !file.equals(index))
			.map((file) -> Pages.ROOT.resolve("docs").relativize(file).toString())
			.toList();
		assertThat(links(index)).containsExactlyInAnyOrderElementsOf(pages);
	}

	/**
	 * A picture is read on any background, with its text as text, by whoever cannot see
	 * it, and without waiting for it.
	 */
	@Test
	void picturesAreSmallAndReadable() throws IOException {
		List<Path> pictures = Pages.files(Pages.ROOT.resolve("docs/pictures"), 1).toList();
		assertThat(pictures).hasSizeGreaterThan(5);
		for (Path picture : pictures) {
			assertThat(Files.size(picture)).as(picture.toString()).isLessThan(40_000);
			assertThat(Files.readString(picture)).as(picture.toString())
				.contains("class=\"page\"", "<title>", "<text ");
		}
		for (Path page : Pages.all()) {
			assertThat(String.join("\n", Pages.prose(page))).as(page.toString()).doesNotContain("![]");
		}
	}

	/** A picture is drawn from a source that is beside it. */
	private static boolean isSource(Path file, Set<Path> reached) {
		String name = file.getFileName().toString().replaceFirst("\\.[a-z]+$", "");
		return Stream.of(".svg", ".png").anyMatch((kind) -> reached.contains(file.resolveSibling(name + kind)));
	}

	@Test
	void anchorsAreThoseOfTheHeadings() {
		assertThat(slug("## `vgi.external` and *its* keys: 502, or 504?"))
			.isEqualTo("vgiexternal-and-its-keys-502-or-504");
		assertThat(slug("### [Links](a.md) that renew")).isEqualTo("links-that-renew");
	}

	private static boolean isGood(Path page, String link) {
		if (link.matches("[a-z]+:.*")) {
			return link.matches("(https?|mailto):.*") && URI.create(link).isAbsolute();
		}
		String[] parts = link.split("#", 2);
		Path target = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]).normalize();
		return target.startsWith(Pages.ROOT) && Files.exists(target)
				&& (parts.length == 1 || anchors(target).contains(parts[1]));
	}

	private static List<String> links(Path page) {
		String prose = CODE.matcher(String.join("\n", Pages.prose(page))).replaceAll("code");
		return all(LINK, prose).map((match) -> (match.group(1) != null) ? match.group(1) : match.group(2)).toList();
	}

	private static Set<String> anchors(Path page) {
		Map<String, Integer> seen = new HashMap<>();
		Set<String> anchors = new HashSet<>();
		for (String line : Pages.prose(page)) {
			if (line.matches("#{1,6} .*")) {
				String slug = slug(line);
				int before = seen.merge(slug, 1, Integer::sum) - 1;
				anchors.add((before == 0) ? slug : slug + "-" + before);
			}
			all(Pattern.compile("(?:id|name)=\"([^\"]+)\""), line).forEach((match) -> anchors.add(match.group(1)));
		}
		return anchors;
	}

	private static String slug(String heading) {
		return heading.replaceFirst("^#+ ", "")
			.replaceAll("\\[([^]]*)]\\([^)]*\\)", "$1")
			.strip()
			.toLowerCase(Locale.ROOT)
			.replaceAll("[^\\p{L}\\p{N} _-]", "")
			.replace(' ', '-');
	}

	private static Stream<MatchResult> all(Pattern pattern, String text) {
		return pattern.matcher(text).results();
	}

}
