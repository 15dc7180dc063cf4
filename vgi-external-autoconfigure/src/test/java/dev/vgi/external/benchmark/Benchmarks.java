package dev.vgi.external.benchmark;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;

import com.sun.management.ThreadMXBean;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.fetch.ExternalFetcher;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.fetch.FetchedBody;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.http.converter.autoconfigure.ServerHttpMessageConvertersCustomizer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Measures what the project promises, each figure against a limit of the same run, runs
 * interleaved, medians after a warm-up.
 */
public final class Benchmarks {

	/** As many as make the 269 MB of the synthetic payload. */
	private static final int ROWS = 8_300_000;

	private static final int WARM_UP = 3;

	private static final int SAMPLES = 9;

	private Benchmarks() {
	}

	public static void main(String[] args) throws Exception {
		List<Figure> figures = new ArrayList<>();
		try (BufferAllocator allocator = new RootAllocator();
				VectorSchemaRoot root = Payloads.synthetic(allocator, ROWS)) {
			figures.add(gatherWrite(root));
			figures.add(heapPerMegabyteFetched(root, allocator));
		}
		figures.add(belowThresholdResponse());
		Path report = Path.of(args[0]);
		Files.createDirectories(report.toAbsolutePath().getParent());
		Files.writeString(report,
				JsonMapper.builder().build().writerWithDefaultPrettyPrinter().writeValueAsString(figures));
		figures.forEach((figure) -> System.out.printf("%-40s %8.3f %-18s target %.2f %s%n", figure.name(),
				figure.value(), figure.unit(), figure.target(), figure.met() ? "met" : "MISSED"));
		System.exit(0);
	}

	// Throughput of a gather-write into memory that is used again, divided by that of
	// Arrow's own writer into a byte array.
	private static Figure gatherWrite(VectorSchemaRoot root) throws IOException {
		ByteBuffer memory = ByteBuffer.allocateDirect(320 << 20);
		AnnotatedBatch batch = AnnotatedBatch.of(root);
		double[] ratios = new double[SAMPLES];
		for (int i = -WARM_UP; i < SAMPLES; i++) {
			long start = System.nanoTime();
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
				memory.clear();
				stream.writeTo(new MemoryChannel(memory));
			}
			long ours = System.nanoTime() - start;
			start = System.nanoTime();
			ByteArrayOutputStream bytes = new ByteArrayOutputStream();
			// Closing it would close the borrowed root.
			ArrowStreamWriter writer = new ArrowStreamWriter(root, null, bytes);
			writer.start();
			writer.writeBatch();
			writer.end();
			int length = bytes.toByteArray().length;
			long stock = System.nanoTime() - start;
			if (length != memory.position()) {
				throw new IllegalStateException("The writers disagree");
			}
			if (i >= 0) {
				ratios[i] = (double) stock / ours;
			}
		}
		return Figure.atLeast("gather-write-to-stock-writer", "times as fast", 4, ratios);
	}

	private static Figure heapPerMegabyteFetched(VectorSchemaRoot root, BufferAllocator allocator) throws Exception {
		Path folder = Files.createTempDirectory("vgi-benchmark");
		Path file = folder.resolve("data.arrow");
		long size;
		try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(AnnotatedBatch.of(root)));
				FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
			stream.writeTo(channel);
			size = stream.length();
		}
		Process server = FileServer.start(folder);
		WorkerThreads workers = new WorkerThreads();
		double[] samples = new double[SAMPLES];
		try (StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);
				SlabPool slabs = new SlabPool(1L << 30, Duration.ofMinutes(1))) {
			URI url = URI.create("http://127.0.0.1:" + port(server) + "/data.arrow");
			ExternalFetcher fetcher = new ExternalFetcher(FetchConfig.defaults().withMaxSizes(1L << 30, 1L << 30),
					transport, UrlValidator.acceptAll(), null, new TransferBudget(2L << 30, 8), slabs, workers);
			for (int i = -WARM_UP; i < SAMPLES; i++) {
				long before = workers.allocated();
				try (FetchedBody body = fetcher.fetch(url, null, allocator)) {
					if (body.length() != size) {
						throw new IllegalStateException("The fetch is incomplete");
					}
				}
				if (i >= 0) {
					samples[i] = (workers.allocated() - before) / 1024.0 / (size / 1048576.0);
				}
			}
		}
		finally {
			server.getOutputStream().close();
			server.waitFor();
			Files.delete(file);
			Files.delete(folder);
		}
		return Figure.atMost("heap-per-megabyte-fetched", "KB per MB", 20, samples);
	}

	// Time of a response below the threshold through the whole starter, divided by the
	// same through a bare Arrow converter: same size, same client, kept connections.
	private static Figure belowThresholdResponse() throws Exception {
		try (ConfigurableApplicationContext starter = run(StarterApplication.class);
				ConfigurableApplicationContext plain = run(PlainApplication.class, "--vgi.external.enabled=false")) {
			HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
			HttpRequest ours = request(starter);
			HttpRequest reference = request(plain);
			for (int i = 0; i < 1500; i++) {
				time(client, ours);
				time(client, reference);
			}
			double[] ratios = new double[SAMPLES];
			for (int i = 0; i < SAMPLES; i++) {
				double[] oursTimes = new double[300];
				double[] referenceTimes = new double[300];
				for (int j = 0; j < 300; j++) {
					oursTimes[j] = time(client, ours);
					referenceTimes[j] = time(client, reference);
				}
				ratios[i] = Figure.median(oursTimes) / Figure.median(referenceTimes);
			}
			return Figure.atMost("below-threshold-response-to-plain-converter", "times the time", 1.05, ratios);
		}
	}

	private static ConfigurableApplicationContext run(Class<?> application, String... settings) {
		List<String> arguments = new ArrayList<>(List.of(settings));
		arguments.add("--server.port=0");
		arguments.add("--spring.main.banner-mode=off");
		arguments.add("--logging.level.root=warn");
		return SpringApplication.run(application, arguments.toArray(String[]::new));
	}

	private static HttpRequest request(ConfigurableApplicationContext context) {
		return HttpRequest
			.newBuilder(URI
				.create("http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port") + "/small"))
			.build();
	}

	private static double time(HttpClient client, HttpRequest request) throws Exception {
		long start = System.nanoTime();
		HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
		if (response.statusCode() != 200 || response.body().length < 100_000) {
			throw new IllegalStateException("Unexpected answer " + response.statusCode());
		}
		return System.nanoTime() - start;
	}

	private static int port(Process server) throws IOException {
		BufferedReader output = new BufferedReader(
				new InputStreamReader(server.getInputStream(), StandardCharsets.UTF_8));
		String line = output.readLine();
		if (line == null || !line.startsWith("PORT:")) {
			throw new IllegalStateException("The file server did not start");
		}
		return Integer.parseInt(line.substring(5));
	}

	/**
	 * Memory that is used again.
	 *
	 * @param memory where the bytes go
	 */
	private record MemoryChannel(ByteBuffer memory) implements WritableByteChannel {

		@Override
		public int write(ByteBuffer source) {
			int length = source.remaining();
			this.memory.put(source);
			return length;
		}

		@Override
		public boolean isOpen() {
			return true;
		}

		@Override
		public void close() {
			// Nothing to close.
		}

	}

	/**
	 * Counts what the fetching threads allocate, also of those that have ended.
	 */
	private static final class WorkerThreads implements ThreadFactory {

		private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

		private final AtomicLong ended = new AtomicLong();

		@Override
		public Thread newThread(Runnable task) {
			Thread thread = new Thread(() -> {
				try {
					task.run();
				}
				finally {
					this.ended.addAndGet(this.threads.getThreadAllocatedBytes(Thread.currentThread().getId()));
				}
			});
			thread.setDaemon(true);
			return thread;
		}

		long allocated() {
			return this.ended.get() + this.threads.getThreadAllocatedBytes(Thread.currentThread().getId());
		}

	}

	/**
	 * Uses the starter.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(SmallController.class)
	static class StarterApplication {

	}

	/**
	 * Uses nothing but a converter.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(SmallController.class)
	static class PlainApplication {

		@Bean
		BufferAllocator allocator() {
			return new RootAllocator();
		}

		@Bean
		ServerHttpMessageConvertersCustomizer arrow(BufferAllocator allocator) {
			return (builder) -> builder
				.addCustomConverter(new ArrowStreamHttpMessageConverter(allocator, Long.MAX_VALUE, true));
		}

	}

	/**
	 * Returns 160 KB.
	 */
	@RestController
	static class SmallController {

		private final BufferAllocator allocator;

		SmallController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/small")
		VectorSchemaRoot small() {
			return Payloads.synthetic(this.allocator, 5_000);
		}

	}

}
