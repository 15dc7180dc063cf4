package dev.vgi.external.sample;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

import org.apache.arrow.memory.BufferAllocator;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.stereotype.Component;

/**
 * Leaks, so that {@code .ci/soak} can be seen to find it. Only there, and only with
 * {@code VGI_SOAK_LEAK}, is this class on the class path of the sample.
 */
@Component
@ConditionalOnProperty("soak.leak")
class SoakLeak {

	private final List<Object> held = new ArrayList<>();

	private int seconds;

	SoakLeak(@Value("${soak.leak}") List<String> kinds, BufferAllocator allocator) {
		Thread thread = new Thread(() -> {
			while (true) {
				LockSupport.parkNanos(1_000_000_000);
				kinds.forEach((what) -> leak(what, allocator));
			}
		}, "leak");
		thread.setDaemon(true);
		thread.start();
	}

	// A second's worth
	private void leak(String what, BufferAllocator allocator) {
		switch (what) {
			case "heap" -> this.held.add(new byte[100_000]);
			case "batches" -> this.held.add(allocator.buffer(200_000));
			case "threads" -> {
				if (this.seconds++ % 8 == 0) {
					Thread thread = new Thread(LockSupport::park, "leaked");
					thread.setDaemon(true);
					thread.start();
				}
			}
			case "descriptors" -> this.held.add(open());
			case "files" -> create();
			default -> throw new IllegalArgumentException("Nothing leaks " + what);
		}
	}

	private static InputStream open() {
		try {
			return Files.newInputStream(Path.of("/proc/self/stat"));
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static void create() {
		try {
			Files.createTempFile("leak", null);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
