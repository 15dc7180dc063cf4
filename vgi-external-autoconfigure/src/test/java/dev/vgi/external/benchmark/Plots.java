package dev.vgi.external.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * Draws horizontal bars as SVG: every figure as a part of its target, and the times
 * behind the ratios.
 */
final class Plots {

	private static final List<String> COLOURS = List.of("#4c78a8", "#f58518");

	private static final int LABEL = 290;

	private static final int WIDTH = 900;

	private static final int BAR = 11;

	private Plots() {
	}

	/**
	 * Draw {@code performance-figures.svg} and {@code performance-seconds.svg}.
	 * @param folder where to
	 * @param results what was measured, by JDK
	 * @throws IOException if they cannot be written
	 */
	static void draw(Path folder, Map<Integer, Measurements.Result> results) throws IOException {
		Files.createDirectories(folder);
		List<String> jdks = results.keySet().stream().map((jdk) -> "JDK " + jdk).toList();
		Set<String> names = new LinkedHashSet<>();
		results.values()
			.forEach((result) -> result.figures()
				.stream()
				.filter((figure) -> figure.target() != null)
				.forEach((figure) -> names.add(figure.name())));
		List<Row> figures = new ArrayList<>();
		for (String name : names) {
			List<Double> values = new ArrayList<>();
			List<String> texts = new ArrayList<>();
			for (Measurements.Result result : results.values()) {
				Figure figure = result.figures()
					.stream()
					.filter((candidate) -> candidate.name().equals(name))
					.findFirst()
					.orElse(null);
				double target = (figure != null && figure.target() != null) ? figure.target() : 1;
				double value = (figure != null) ? figure.value() : 0;
				boolean atLeast = figure != null && figure.met() != null && figure.met() == (value > target);
				// To the left of the line is good, whichever way the target is meant.
				values.add(Math.max(0, atLeast ? target / value : value / target));
				texts.add(String.format(Locale.ROOT, "%.2f (target %s %s %s)", value, atLeast ? "≥" : "≤",
						number(target), (figure != null) ? figure.unit() : ""));
			}
			figures.add(new Row(name, values, texts));
		}
		Files.writeString(folder.resolve("performance-figures.svg"),
				svg("Figures as a part of their targets: left of the line is met", jdks, figures, 1.5, 1));
		drawSeconds(folder.resolve("performance-seconds.svg"), jdks, results);
	}

	private static void drawSeconds(Path file, List<String> jdks, Map<Integer, Measurements.Result> results)
			throws IOException {
		Set<String> labels = new LinkedHashSet<>();
		results.values().forEach((result) -> labels.addAll(result.seconds().keySet()));
		List<Row> seconds = new ArrayList<>();
		double longest = 0;
		for (String label : labels) {
			List<Double> values = new ArrayList<>();
			List<String> texts = new ArrayList<>();
			for (Measurements.Result result : results.values()) {
				double value = result.seconds().getOrDefault(label, 0.0);
				values.add(value);
				texts.add(time(value, result.processorSeconds().get(label)));
				longest = Math.max(longest, value);
			}
			seconds.add(new Row(label, values, texts));
		}
		Files.writeString(file, svg("Median times in seconds, and what they kept this process's processors busy", jdks,
				seconds, longest, -1));
	}

	private static String time(double seconds, @Nullable Double processors) {
		String time = (seconds >= 0.001) ? String.format(Locale.ROOT, "%.3f s", seconds)
				: String.format(Locale.ROOT, "%.2f µs", seconds * 1e6);
		return (processors != null) ? time + String.format(Locale.ROOT, " (processors %.2f s)", processors) : time;
	}

	private static String number(double value) {
		return (value == Math.rint(value)) ? Long.toString((long) value) : Double.toString(value);
	}

	private static String svg(String title, List<String> legend, List<Row> rows, double most, double line) {
		int rowHeight = BAR * legend.size() + 8;
		int height = 70 + rows.size() * rowHeight;
		double scale = (WIDTH - LABEL - 210) / most;
		StringBuilder svg = new StringBuilder();
		svg.append(String.format(Locale.ROOT,
				"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
						+ "font-size=\"11\">%n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n",
				WIDTH, height));
		svg.append(text(10, 20, "start", title, "14"));
		for (int i = 0; i < legend.size(); i++) {
			svg.append(rectangle(LABEL + 100 * i, 32, 12, 10, COLOURS.get(i % COLOURS.size())));
			svg.append(text(LABEL + 100 * i + 18, 41, "start", legend.get(i), "11"));
		}
		int y = 54;
		for (Row row : rows) {
			svg.append(text(LABEL - 8, y + rowHeight / 2, "end", row.label, "11"));
			for (int i = 0; i < row.values.size(); i++) {
				double width = Math.max(1, Math.min(row.values.get(i), most) * scale);
				svg.append(rectangle(LABEL, y + i * BAR, width, BAR - 1, COLOURS.get(i % COLOURS.size())));
				svg.append(text(LABEL + width + 5, y + i * BAR + 9, "start", row.texts.get(i), "9"));
			}
			y += rowHeight;
		}
		if (line > 0) {
			svg.append(String.format(Locale.ROOT,
					"<line x1=\"%.1f\" y1=\"50\" x2=\"%.1f\" y2=\"%d\" stroke=\"#c00\" stroke-dasharray=\"4 3\"/>%n",
					LABEL + line * scale, LABEL + line * scale, y));
		}
		return svg.append("</svg>\n").toString();
	}

	private static String rectangle(double x, double y, double width, double height, String colour) {
		return String.format(Locale.ROOT, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>%n",
				x, y, width, height, colour);
	}

	private static String text(double x, double y, String anchor, String text, String size) {
		return String.format(Locale.ROOT, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%s\">%s</text>%n",
				x, y, anchor, size, text.replace("&", "&amp;").replace("<", "&lt;"));
	}

	/**
	 * One group of bars.
	 *
	 * @param label what it is
	 * @param values a bar each
	 * @param texts beside the bars
	 */
	private record Row(String label, List<Double> values, List<String> texts) {

	}

}
