package dev.vgi.external.benchmark;

import java.io.IOException;
import java.util.List;

import dev.vgi.external.batch.LogSink;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ipc.ArrowReader;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * A client in a process of its own that reads the results of a {@link ReaderService}.
 * <p>
 * Answers {@code heap} with the bytes allocated so far, {@code first N} with the seconds
 * to the first batch of a result of N batches, and {@code read N} with the seconds to the
 * last one and the number of bytes.
 */
public final class ReaderClient {

	private final VgiClient client;

	private ReaderClient(VgiClient client) {
		this.client = client;
	}

	public static void main(String[] args) throws Exception {
		try (ConfigurableApplicationContext context = SpringApplication.run(Application.class, args)) {
			AllocatedHeap heap = context.getBean(AllocatedHeap.class);
			ReaderClient client = new ReaderClient(context.getBean(VgiClient.Builder.class)
				.baseUrl(context.getEnvironment().getRequiredProperty("service"))
				.build());
			JavaProcess.serve("ready", (line) -> {
				String[] words = line.split(" ");
				return switch (words[0]) {
					case "first" -> client.first(words[1]);
					case "read" -> client.read(words[1]);
					default -> Long.toString(heap.ofAll());
				};
			});
		}
	}

	private String first(String batches) throws IOException {
		long start = System.nanoTime();
		try (ArrowReader reader = results(batches)) {
			if (!reader.loadNextBatch()) {
				throw new IllegalStateException("The result is empty");
			}
			return Double.toString(seconds(start));
		}
	}

	private String read(String batches) throws IOException {
		long start = System.nanoTime();
		long rows = 0;
		long bytes = 0;
		try (ArrowReader reader = results(batches)) {
			while (reader.loadNextBatch()) {
				rows += reader.getVectorSchemaRoot().getRowCount();
				for (FieldVector vector : reader.getVectorSchemaRoot().getFieldVectors()) {
					bytes += vector.getBufferSize();
				}
			}
		}
		double seconds = seconds(start);
		if (rows != Long.parseLong(batches) * ReaderService.ROWS) {
			throw new IllegalStateException("The result has " + rows + " rows");
		}
		return seconds + " " + bytes;
	}

	private ArrowReader results(String batches) {
		return this.client.read("/results/" + batches, LogSink.discarding());
	}

	private static double seconds(long start) {
		return (System.nanoTime() - start) / 1e9;
	}

	static List<String> settings(String service) {
		return List.of("--spring.main.banner-mode=off", "--spring.main.web-application-type=none",
				"--logging.level.root=warn", "--service=" + service, "--vgi.external.memory.budget=256MB",
				"--vgi.external.storage=none", "--vgi.external.client.url.allowed-schemes=http",
				"--vgi.external.client.url.allow-private-addresses=true");
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

		@Bean
		AllocatedHeap heap() {
			return new AllocatedHeap();
		}

		@Bean
		TransferThreads threads(AllocatedHeap heap) {
			return new TransferThreads(heap);
		}

	}

}
