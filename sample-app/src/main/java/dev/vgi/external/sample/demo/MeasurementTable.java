package dev.vgi.external.sample.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Measurements as a text table: names on the left, numbers on the right.
 */
final class MeasurementTable {

	private static final List<String> CALL_HEADINGS = List.of("call", "travelled", "objects", "rows", "bytes", "ms",
			"MB/s");

	private static final List<String> STAGE_HEADINGS = List.of("stage", "what it does", "ms", "MB/s",
			"x bare download");

	private static final int TEXT_COLUMNS = 2;

	private MeasurementTable() {
	}

	/**
	 * Lay out measurements of calls.
	 * @param calls the rows
	 * @return the lines, heading and rule included
	 */
	static List<String> calls(List<Measurement> calls) {
		return lines(CALL_HEADINGS, calls.stream().map(MeasurementTable::cells).toList());
	}

	/**
	 * Lay out measurements of stages.
	 * @param stages the rows
	 * @return the lines, heading and rule included
	 */
	static List<String> stages(List<StageMeasurement> stages) {
		return lines(STAGE_HEADINGS, stages.stream().map(MeasurementTable::cells).toList());
	}

	private static List<String> lines(List<String> headings, List<List<String>> cells) {
		List<List<String>> rows = new ArrayList<>();
		rows.add(headings);
		rows.addAll(cells);
		int[] widths = new int[headings.size()];
		for (List<String> row : rows) {
			for (int column = 0; column < widths.length; column++) {
				widths[column] = Math.max(widths[column], row.get(column).length());
			}
		}
		List<String> lines = new ArrayList<>();
		rows.forEach((row) -> lines.add(line(row, widths)));
		lines.add(1, "-".repeat(lines.get(0).length()));
		return lines;
	}

	private static List<String> cells(Measurement measurement) {
		return List.of(measurement.call(), measurement.travelled().name().toLowerCase(Locale.ROOT),
				number(measurement.objects()), number(measurement.rows()), number(measurement.bytes()),
				String.format(Locale.ROOT, "%,d", measurement.elapsed().toMillis()),
				(measurement.bytes() > 0) ? String.format(Locale.ROOT, "%,.1f", measurement.megabytesPerSecond()) : "");
	}

	private static List<String> cells(StageMeasurement stage) {
		return List.of(stage.stage(), stage.description(),
				String.format(Locale.ROOT, "%,.1f", stage.elapsed().toNanos() / 1e6),
				String.format(Locale.ROOT, "%,.0f", stage.megabytesPerSecond()),
				String.format(Locale.ROOT, "%.2f", stage.ratio()));
	}

	private static String number(long value) {
		return (value > 0) ? String.format(Locale.ROOT, "%,d", value) : "";
	}

	private static String line(List<String> row, int[] widths) {
		StringBuilder line = new StringBuilder();
		for (int column = 0; column < widths.length; column++) {
			String padding = " ".repeat(widths[column] - row.get(column).length());
			line.append((column > 0) ? "  " : "");
			line.append((column < TEXT_COLUMNS) ? row.get(column) + padding : padding + row.get(column));
		}
		return line.toString();
	}

}
