package dev.vgi.external.sample.demo;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows the progress of a long transfer: a bar that is redrawn on a terminal, one line
 * per quarter elsewhere. Shows nothing for a short transfer. Thread-safe: transfers
 * report from their own threads.
 */
final class ProgressDisplay {

	private static final int WIDTH = 30;

	private static final long REDRAW_NANOS = Duration.ofMillis(50).toNanos();

	/** Below this number of bytes nothing is shown. */
	private static final long SHORT = 4_000_000;

	private final PrintStream out;

	private final boolean terminal;

	private final LongSupplier nanoTime;

	private long drawnAt;

	private long quarter;

	private boolean drawn;

	/**
	 * Create a display.
	 * @param out where to print
	 * @param terminal whether it is a terminal, on which a line can be redrawn
	 * @param nanoTime a clock such as {@link System#nanoTime()}
	 */
	ProgressDisplay(PrintStream out, boolean terminal, LongSupplier nanoTime) {
		this.out = out;
		this.terminal = terminal;
		this.nanoTime = nanoTime;
	}

	/**
	 * Show progress.
	 * @param transfer name of the transfer, such as {@code upload}
	 * @param done bytes so far
	 * @param total total number of bytes, or -1 if unknown
	 */
	synchronized void show(String transfer, long done, long total) {
		if (Math.max(done, total) < SHORT) {
			return;
		}
		if (this.terminal) {
			draw(transfer, done, total);
		}
		else {
			printQuarter(transfer, done, total);
		}
	}

	private void draw(String transfer, long done, long total) {
		long now = this.nanoTime.getAsLong();
		if (this.drawn && done < total && now - this.drawnAt < REDRAW_NANOS) {
			return;
		}
		this.drawn = true;
		this.drawnAt = now;
		int filled = (total > 0) ? (int) (Math.min(done, total) * WIDTH / total) : 0;
		this.out.print("\r  " + transfer + " [" + "#".repeat(filled) + " ".repeat(WIDTH - filled) + "] "
				+ amount(done, total) + "\u001b[K");
		this.out.flush();
	}

	private void printQuarter(String transfer, long done, long total) {
		long reached = (total > 0) ? done * 4 / total : 0;
		if (!this.drawn || reached > this.quarter) {
			this.drawn = true;
			this.quarter = reached;
			this.out.println("  " + transfer + " " + amount(done, total));
		}
	}

	private static String amount(long done, long total) {
		return (total > 0)
				? String.format(Locale.ROOT, "%3d %% of %.1f MB", Math.min(100, done * 100 / total), total / 1e6)
				: String.format(Locale.ROOT, "%.1f MB", done / 1e6);
	}

	/**
	 * Clear the bar after the transfer has ended or failed.
	 */
	synchronized void end() {
		if (this.drawn && this.terminal) {
			this.out.print("\r\u001b[K");
			this.out.flush();
		}
		this.drawn = false;
		this.quarter = 0;
	}

}
