package dev.vgi.external;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The pages of this project and the blocks of code in them.
 */
public final class Pages {

	/** The folder of the project. */
	public static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

	/** A block, also in a list, whose lines are indented like its fence. */
	private static final Pattern FENCE = Pattern.compile("^( *)```(.*)$");

	private Pages() {
	}

	/**
	 * Finds the pages: those at the root, and all below {@code docs}.
	 * @return them, in order
	 */
	public static List<Path> all() {
		return Stream.concat(files(ROOT, 1), files(ROOT.resolve("docs"), 9))
			.filter((file) -> file.toString().endsWith(".md"))
			.toList();
	}

	/**
	 * Lists a folder.
	 * @param folder the folder
	 * @param depth how deep to look
	 * @return its files, in order
	 */
	public static Stream<Path> files(Path folder, int depth) {
		try (Stream<Path> files = Files.walk(folder, depth)) {
			return files.filter(Files::isRegularFile).sorted().toList().stream();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * Finds the blocks of all pages.
	 * @return them, in order
	 */
	public static List<Block> blocks() {
		return all().stream().flatMap((page) -> blocks(page).stream()).toList();
	}

	/**
	 * Finds the blocks of a page.
	 * @param page the page
	 * @return them, in order
	 */
	public static List<Block> blocks(Path page) {
		List<Block> blocks = new ArrayList<>();
		List<String> lines = lines(page);
		for (int i = 0; i < lines.size(); i++) {
			Matcher fence = FENCE.matcher(lines.get(i));
			if (fence.matches()) {
				String indent = fence.group(1);
				StringBuilder text = new StringBuilder();
				int first = ++i;
				while (!lines.get(i).equals(indent + "```")) {
					String line = lines.get(i++);
					text.append(line.startsWith(indent) ? line.substring(indent.length()) : line).append('\n');
				}
				blocks.add(new Block(page, first, fence.group(2).strip(), text.toString()));
			}
		}
		return blocks;
	}

	/**
	 * Returns what a page says outside its blocks.
	 * @param page the page
	 * @return its lines
	 */
	static List<String> prose(Path page) {
		List<String> prose = new ArrayList<>();
		boolean inside = false;
		for (String line : lines(page)) {
			boolean fence = FENCE.matcher(line).matches();
			if (!inside && !fence) {
				prose.add(line);
			}
			inside ^= fence;
		}
		return prose;
	}

	private static List<String> lines(Path page) {
		try {
			return Files.readAllLines(page);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * A block of code.
	 *
	 * @param page the page
	 * @param line the line of its fence, the first being 1
	 * @param language what the fence says
	 * @param text the code
	 */
	public record Block(Path page, int line, String language, String text) {

		@Override
		public String toString() {
			return ROOT.relativize(this.page) + ":" + this.line + " (" + this.language + ")";
		}

	}

}
