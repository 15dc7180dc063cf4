package dev.vgi.external.benchmark;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Memory of a process as the kernel of Linux counts it: heap, everything beside it and
 * all libraries.
 */
final class ResidentMemory {

	private final Path status;

	private final Path reset;

	/**
	 * Watch a process.
	 * @param process its number, or {@code self}
	 */
	ResidentMemory(String process) {
		this.status = Path.of("/proc", process, "status");
		this.reset = Path.of("/proc", process, "clear_refs");
	}

	boolean isKnown() {
		return Files.isReadable(this.status) && Files.isWritable(this.reset);
	}

	/**
	 * Return by how much the process grew meanwhile.
	 * @param step what is done
	 * @return MB
	 * @throws Exception if it fails
	 */
	double peak(Measurements.Step step) throws Exception {
		double before = start();
		step.run();
		return peak() - before;
	}

	/**
	 * Forget the peak so far.
	 * @return MB now
	 * @throws IOException if it is not known
	 */
	double start() throws IOException {
		Files.writeString(this.reset, "5");
		return megabytes("VmRSS:");
	}

	/**
	 * Return the peak since the start.
	 * @return MB
	 * @throws IOException if it is not known
	 */
	double peak() throws IOException {
		return megabytes("VmHWM:");
	}

	private double megabytes(String key) throws IOException {
		try (InputStream in = Files.newInputStream(this.status)) {
			String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
			String value = text.substring(text.indexOf(key) + key.length()).strip();
			return Long.parseLong(value.substring(0, value.indexOf(' '))) / 1024.0;
		}
	}

}
