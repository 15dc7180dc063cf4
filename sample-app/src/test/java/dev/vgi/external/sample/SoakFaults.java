package dev.vgi.external.sample;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.sample.FaultyProxy.Fault;

/**
 * Makes the line to the storage fail, one fault after the other with a pause before each,
 * and remembers when.
 */
final class SoakFaults {

	private static final Duration PAUSE = Duration.ofSeconds(30);

	private static final Duration FAULT = Duration.ofSeconds(10);

	/** For so long, what the fault has caused may still be felt. */
	private static final Duration RECOVERY = Duration.ofSeconds(5);

	/** A storage that was busy gets few requests at first. */
	private static final Duration RECOVERY_FROM_BUSY = Duration.ofSeconds(30);

	private final HttpClient httpClient = HttpClient.newHttpClient();

	private final List<Window> windows = new CopyOnWriteArrayList<>();

	private final URI storage;

	private final PrintStream out;

	private final long began;

	/**
	 * Create faults.
	 * @param storage the {@link BoardStorage} with the line
	 * @param out what gets a line for each: name, from, to, in milliseconds
	 * @param began when the clock starts, in nanoseconds
	 */
	SoakFaults(URI storage, PrintStream out, long began) {
		this.storage = storage;
		this.out = out;
		this.began = began;
	}

	/**
	 * Fail again and again.
	 * @param end until when, in nanoseconds
	 */
	void run(long end) {
		try {
			while (true) {
				for (Fault fault : Fault.values()) {
					if (fault != Fault.NONE) {
						Thread.sleep(PAUSE.toMillis());
						if (System.nanoTime() + FAULT.toNanos() >= end) {
							return;
						}
						fail(fault);
					}
				}
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private void fail(Fault fault) throws InterruptedException {
		Window window = new Window(fault, System.nanoTime());
		this.windows.add(window);
		set(fault);
		Thread.sleep(FAULT.toMillis());
		set(Fault.NONE);
		window.until = System.nanoTime();
		this.out.println(
				fault + "," + (window.from - this.began) / 1_000_000 + "," + (window.until - this.began) / 1_000_000);
	}

	private void set(Fault fault) throws InterruptedException {
		try {
			this.httpClient.send(
					HttpRequest.newBuilder(this.storage.resolve("/line/" + fault)).PUT(BodyPublishers.noBody()).build(),
					BodyHandlers.discarding());
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * Return which fault a call may have felt.
	 * @param from when it began, in nanoseconds
	 * @param until when it ended
	 * @return the first one, or {@link Fault#NONE}
	 */
	Fault during(long from, long until) {
		return this.windows.stream()
			.filter((window) -> window.from < until && from < window.until + window.recovery())
			.map((window) -> window.fault)
			.findFirst()
			.orElse(Fault.NONE);
	}

	private static final class Window {

		private final Fault fault;

		private final long from;

		private volatile long until = Long.MAX_VALUE / 2;

		private Window(Fault fault, long from) {
			this.fault = fault;
			this.from = from;
		}

		private long recovery() {
			return ((this.fault == Fault.BUSY) ? RECOVERY_FROM_BUSY : RECOVERY).toNanos();
		}

	}

}
