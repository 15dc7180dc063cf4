package dev.vgi.external.sample.demo;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;

import dev.vgi.external.sample.demo.Measurement.Travelled;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

/**
 * Measures calls and shows the progress of a long one: a bar that is redrawn on a
 * terminal, one line per quarter elsewhere. Not thread-safe.
 */
final class ProgressDisplay {

	private static final int WIDTH = 30;

	private static final long REDRAW_NANOS = Duration.ofMillis(50).toNanos();

	/** Below this number of rows nothing is shown. */
	private static final long SHORT = 100_000;

	private final PrintStream out;

	private final boolean terminal;

	private final LongSupplier nanoTime;

	private final List<Measurement> measurements = new ArrayList<>();

	private String call = "";

	private Travelled travelled = Travelled.INLINE;

	private int objects;

	private long expected;

	private long rows;

	private long bytes;

	private long startedAt;

	private long drawnAt;

	private long quarter;

	private boolean rehearsing;

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
	 * Make calls that are neither measured nor shown.
	 * @param calls makes the calls
	 * @throws IOException if a call does
	 */
	void rehearse(Rehearsal calls) throws IOException {
		this.rehearsing = true;
		try {
			calls.run();
		}
		finally {
			this.rehearsing = false;
		}
	}

	/**
	 * Measure a call.
	 * @param <T> the type of the result
	 * @param name name of the call
	 * @param expectedRows number of rows that it transfers
	 * @param work makes the call, and reports every batch
	 * @return what the work returns
	 * @throws IOException if the work does
	 */
	<T> T measure(String name, long expectedRows, Work<T> work) throws IOException {
		this.call = name;
		this.expected = expectedRows;
		this.travelled = Travelled.INLINE;
		this.objects = 0;
		this.rows = 0;
		this.bytes = 0;
		this.quarter = -1;
		this.startedAt = this.nanoTime.getAsLong();
		try {
			T result = work.run(this);
			if (!this.rehearsing) {
				this.measurements
					.add(new Measurement(name, this.travelled, this.objects, this.rows, this.bytes, elapsed()));
			}
			return result;
		}
		finally {
			if (this.terminal && this.quarter >= 0) {
				this.out.print("\r\u001b[K");
				this.out.flush();
			}
		}
	}

	/**
	 * Return the measurements.
	 * @return what was measured, in order
	 */
	List<Measurement> measurements() {
		return this.measurements;
	}

	/**
	 * Say how the batches travelled.
	 * @param stored the number of objects in storage, 0 for none
	 */
	void through(int stored) {
		this.travelled = (stored > 0) ? Travelled.EXTERNAL : Travelled.INLINE;
		this.objects = stored;
	}

	/**
	 * Read all batches, and do nothing but count them.
	 * @param reader yields the batches; borrowed
	 * @return number of rows
	 * @throws IOException if the reader fails
	 */
	long addAll(ArrowReader reader) throws IOException {
		while (reader.loadNextBatch()) {
			add(reader.getVectorSchemaRoot());
		}
		return this.rows;
	}

	/**
	 * Count a batch and show the progress.
	 * @param batch the batch; borrowed
	 */
	void add(VectorSchemaRoot batch) {
		add(batch.getRowCount(), batch.getFieldVectors().stream().mapToLong(FieldVector::getBufferSize).sum());
	}

	/**
	 * Count rows and show the progress.
	 * @param moreRows their number
	 * @param moreBytes their size
	 */
	void add(long moreRows, long moreBytes) {
		this.rows += moreRows;
		this.bytes += moreBytes;
		if (this.rehearsing || this.expected < SHORT) {
			return;
		}
		long done = Math.min(100, this.rows * 100 / this.expected);
		if (this.terminal) {
			draw(done);
		}
		else if (done / 25 > this.quarter) {
			this.quarter = done / 25;
			this.out.println("  " + this.call + " " + amount(done));
		}
	}

	private void draw(long done) {
		long now = this.nanoTime.getAsLong();
		if (this.quarter >= 0 && done < 100 && now - this.drawnAt < REDRAW_NANOS) {
			return;
		}
		this.quarter = 0;
		this.drawnAt = now;
		int filled = (int) (done * WIDTH / 100);
		this.out.print("\r  " + this.call + " [" + "#".repeat(filled) + " ".repeat(WIDTH - filled) + "] " + amount(done)
				+ "\u001b[K");
		this.out.flush();
	}

	private String amount(long done) {
		return String.format(Locale.ROOT, "%3d %%, %,d rows, %.1f MB, %.1f MB/s", done, this.rows, this.bytes / 1e6,
				this.bytes * 1e3 / Math.max(1, elapsed().toNanos()));
	}

	private Duration elapsed() {
		return Duration.ofNanos(this.nanoTime.getAsLong() - this.startedAt);
	}

	/**
	 * A call that reports its batches.
	 *
	 * @param <T> the type of the result
	 */
	interface Work<T> {

		T run(ProgressDisplay progress) throws IOException;

	}

	/**
	 * Calls that are only made to warm up.
	 */
	interface Rehearsal {

		void run() throws IOException;

	}

}
