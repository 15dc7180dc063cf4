package dev.vgi.external;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@code docs/secrets.md} says that others show.
 */
final class SecretsPage {

	private static final Pattern NAME = Pattern.compile("`([^`]+)`");

	private SecretsPage() {
	}

	/**
	 * Return the names in the first column of a table.
	 * @param title the head of that column
	 * @return what is in backticks, of all rows
	 */
	static Set<String> rows(String title) {
		Set<String> names = new TreeSet<>();
		boolean inside = false;
		for (String line : page().split("\n")) {
			if (line.startsWith("| " + title + " |")) {
				inside = true;
			}
			else if (inside && line.startsWith("|")) {
				Matcher matcher = NAME.matcher(line.split("\\|")[1]);
				while (matcher.find()) {
					names.add(matcher.group(1));
				}
			}
			else {
				inside = false;
			}
		}
		if (names.isEmpty()) {
			throw new IllegalArgumentException("There is no table with '" + title + "'");
		}
		return names;
	}

	private static String page() {
		try {
			return Files.readString(Pages.ROOT.resolve("docs/secrets.md"));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
