package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.storage.local.LocalStorageSweeper;
import dev.vgi.external.storage.local.SteppedClock;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link LocalStorageSweeper}.
 */
@ExtendWith(OutputCaptureExtension.class)
class LocalStorageSweeperTests {

	@TempDir
	private Path folder;

	@Test
	void sweepsUntilItIsStoppedAlsoAfterAFailure(CapturedOutput output) throws Exception {
		// Applications that other tests keep sweep too.
		Set<Thread> others = sweepers();
		SteppedClock clock = new SteppedClock();
		LocalStorage storage = new LocalStorage(LocalStorageSettings.of(this.folder), () -> URI.create("http://x"),
				clock);
		LocalStorageSweeper sweeper = new LocalStorageSweeper(storage, Duration.ofMillis(1));
		storage.upload(BytesPayload.random(10, 1), new Schema(List.of()), null);
		Path moved = this.folder.resolveSibling(this.folder.getFileName() + "-moved");
		Files.move(this.folder, moved);
		Files.createFile(this.folder);
		Awaitility.await().untilAsserted(() -> assertThat(output).contains("Old objects could not be removed"));
		Files.delete(this.folder);
		// The sweeper may have made it anew.
		Files.move(moved, this.folder, StandardCopyOption.REPLACE_EXISTING);
		assertThat(objects()).isOne();
		clock.step(Duration.ofMinutes(71));
		Awaitility.await().untilAsserted(() -> assertThat(objects()).isZero());
		sweeper.close();
		// What has terminated may take a moment to be gone.
		Awaitility.await().until(() -> others.containsAll(sweepers()));
	}

	static Set<Thread> sweepers() {
		return Thread.getAllStackTraces()
			.keySet()
			.stream()
			.filter((thread) -> thread.getName().equals("vgi-external-sweeper"))
			.collect(Collectors.toSet());
	}

	private long objects() throws Exception {
		try (Stream<Path> files = Files.list(this.folder)) {
			return files.filter((file) -> file.toString().endsWith(".arrow")).count();
		}
	}

}
