package dev.vgi.external.web.server;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

import dev.vgi.external.location.NumbersReader;
import org.apache.arrow.memory.BufferAllocator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

/**
 * Result sets of 24 MB that meet a local store with room for 20.
 */
@SpringBootTest(classes = ReaderResultsTests.Application.class,
		webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.externalize-threshold=64KB", "vgi.external.segment-size=256KB",
				"vgi.external.local.max-total-size=20MB" })
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FullStoreResultsTests {

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@Autowired
	private BufferAllocator serverAllocator;

	@Autowired
	private ReaderResultsTests.Readers readers;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@Test
	void fullStoreFailsTheAnswer() throws Exception {
		HttpResponse<String> response = HttpClient.newHttpClient()
			.send(HttpRequest.newBuilder(URI.create("http://localhost:" + this.port + "/declared/300")).build(),
					HttpResponse.BodyHandlers.ofString());
		assertThat(response.statusCode()).isEqualTo(502);
		assertThat(response.body()).contains("vgi.external.local.max-total-size");
		// What was begun is removed again, and its room is free.
		assertThat(stored()).isZero();
		byte[] received = ReaderResultsTests.broken(this.port, "/declared/300", "VGI-Accept-Pointers", "true");
		assertThatIOException().isThrownBy(() -> ReaderResultsTests.batches(received));
		Awaitility.await().untilAsserted(() -> {
			assertThat(this.readers.made).hasSize(2).allMatch(NumbersReader::isDone);
			assertThat(this.serverAllocator.getAllocatedMemory()).isZero();
		});
	}

	private static long stored() throws Exception {
		try (Stream<Path> files = Files.walk(folder)) {
			return files.filter((each) -> Files.isRegularFile(each) && each.toFile().length() > 1000).count();
		}
	}

}
