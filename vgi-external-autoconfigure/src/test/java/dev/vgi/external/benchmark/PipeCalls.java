package dev.vgi.external.benchmark;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.benchmark.PipeWorker.Pipes;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.rpc.pipe.client.RpcConnection;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;

import org.springframework.web.client.RestClient;

/**
 * Calls over the standard streams of a worker, between two processes. The rows with
 * Python need {@code benchmark.python}, an interpreter that has the reference.
 */
final class PipeCalls {

	private static final double MB = 1048576;

	private static final int CALLS = 2000;

	/** Rounds of as many calls, before the first one counts. */
	private static final int WARM_UPS = 20;

	private static final int WORKERS = 4;

	private static final int CALLERS = 64;

	private static final int SLEEP_MILLIS = 10;

	private final StorageProcess storage;

	private final String bucket;

	private final int samples;

	private final ExternalLocationConfig config = ExternalLocationConfig.defaults()
		.withFetchConfig(FetchConfig.defaults().withMaxFetchSize(1L << 30))
		.withUrlValidator(UrlValidator.acceptAll());

	/**
	 * Prepare.
	 * @param storage where large results go
	 * @param samples how many to take
	 */
	PipeCalls(StorageProcess storage, int samples) {
		this.storage = storage;
		this.bucket = StorageServer.KEPT;
		this.samples = samples;
	}

	/**
	 * Measure.
	 * @param figures takes each figure as soon as it is known
	 * @throws Exception if one cannot be measured
	 */
	void measure(Consumer<Figure> figures) throws Exception {
		String python = System.getProperty("benchmark.python", "");
		if (python.isBlank()) {
			System.out.println("No benchmark.python: small calls with Python are not measured");
		}
		else {
			smallCalls(python, figures);
		}
		inline(figures);
		figures.accept(throughStorage());
		figures.accept(pool());
	}

	private void smallCalls(String python, Consumer<Figure> figures) throws Exception {
		Path folder = Files.createTempDirectory("vgi-pipe");
		for (String script : List.of("pipe_worker.py", "pipe_client.py")) {
			try (var in = PipeCalls.class.getResourceAsStream("/benchmark/" + script)) {
				Files.write(folder.resolve(script), in.readAllBytes());
			}
		}
		List<String> worker = List.of(python, folder.resolve("pipe_worker.py").toString());
		List<String> client = List.of(python, folder.resolve("pipe_client.py").toString());
		try (RpcConnection ours = RpcConnection.start(worker, this.config);
				JavaProcess theirs = JavaProcess.start(concat(client, worker));
				JavaProcess theirsOnOurs = JavaProcess.start(concat(client, java(List.of())))) {
			theirs.answer();
			theirsOnOurs.answer();
			Pipes pipes = ours.client(Pipes.class);
			// The compiler of this JVM, and that of the worker, need their time.
			for (int i = 0; i < WARM_UPS; i++) {
				callsPerSecond(pipes);
				callsPerSecond(theirsOnOurs);
			}
			double[] asClient = new double[this.samples];
			double[] asWorker = new double[this.samples];
			for (int i = -2; i < this.samples; i++) {
				double reference = callsPerSecond(theirs);
				double client1 = callsPerSecond(pipes);
				double reference2 = callsPerSecond(theirs);
				double worker1 = callsPerSecond(theirsOnOurs);
				if (i >= 0) {
					asClient[i] = client1 / reference;
					asWorker[i] = worker1 / reference2;
				}
			}
			figures.accept(Figure.atLeast("pipe-small-calls-to-python-worker", "times the calls", 1, asClient));
			figures.accept(Figure.atLeast("pipe-small-calls-of-python-client", "times the calls", 1.3, asWorker));
		}
		finally {
			try (var files = Files.list(folder)) {
				for (Path file : files.toList()) {
					Files.delete(file);
				}
			}
			Files.delete(folder);
		}
	}

	private static double callsPerSecond(Pipes pipes) {
		long start = System.nanoTime();
		for (int i = 0; i < CALLS; i++) {
			if (pipes.add(1.5, 2.25) != 3.75) {
				throw new IllegalStateException("The sum is wrong");
			}
		}
		return CALLS / seconds(start);
	}

	private static double callsPerSecond(JavaProcess client) throws IOException {
		return Double.parseDouble(client.ask(Integer.toString(CALLS)));
	}

	private void inline(Consumer<Figure> figures) throws Exception {
		AllocatedHeap heap = new AllocatedHeap();
		try (RpcConnection connection = RpcConnection.start(java(List.of("--vgi.external.enabled=false")),
				this.config)) {
			Pipes pipes = connection.client(Pipes.class);
			long bytes = read(pipes);
			double[] ratios = new double[this.samples];
			double[] client = new double[this.samples];
			double[] worker = new double[this.samples];
			for (int i = -3; i < this.samples; i++) {
				double bare = bare(bytes);
				long before = heap.ofAll();
				long workerBefore = pipes.heap();
				long start = System.nanoTime();
				read(pipes);
				double ours = seconds(start);
				if (i >= 0) {
					ratios[i] = ours / bare;
					client[i] = (heap.ofAll() - before) / 1024.0 / (bytes / MB);
					worker[i] = (pipes.heap() - workerBefore) / 1024.0 / (bytes / MB);
				}
			}
			figures.accept(Figure.atMost("pipe-inline-to-bare-pipe", "times the time", 1.3, ratios));
			figures.accept(Figure.atMost("pipe-inline-heap-client", "KB per MB", 8, client));
			figures.accept(Figure.atMost("pipe-inline-heap-worker", "KB per MB", 8, worker));
		}
	}

	// From native memory into fresh native memory, by two threads of this process.
	private static double bare(long bytes) throws Exception {
		Pipe pipe = Pipe.open();
		try (BufferAllocator allocator = new RootAllocator(); ArrowBuf source = allocator.buffer(bytes)) {
			source.setZero(0, bytes);
			long start = System.nanoTime();
			CompletableFuture<Void> sender = CompletableFuture.runAsync(() -> {
				try (Pipe.SinkChannel sink = pipe.sink()) {
					ByteBuffer view = source.nioBuffer(0, (int) bytes);
					while (view.hasRemaining()) {
						sink.write(view);
					}
				}
				catch (IOException ex) {
					throw new IllegalStateException(ex);
				}
			});
			try (ArrowBuf target = allocator.buffer(bytes); Pipe.SourceChannel in = pipe.source()) {
				ByteBuffer view = target.nioBuffer(0, (int) bytes);
				while (view.hasRemaining() && in.read(view) >= 0) {
					// Until all of it is here.
				}
				sender.get();
				return seconds(start);
			}
		}
	}

	private Figure throughStorage() throws Exception {
		List<String> settings = ReaderService.inBucket(this.storage.url("", "").resolve("/"), this.bucket);
		List<String> http = new ArrayList<>(settings);
		http.add("--http");
		try (BufferAllocator allocator = new RootAllocator();
				TransferResources resources = TransferResources.create(TransportSettings.defaults(), 1L << 30);
				RpcConnection connection = RpcConnection.builder(java(settings))
					.externalLocation(this.config)
					.resources(resources)
					.allocator(allocator)
					.build();
				JavaProcess service = new JavaProcess(PipeWorker.class, options(), http)) {
			VgiClient client = new VgiClient.Builder(RestClient.builder(), allocator,
					new LocationResolver(this.config, resources))
				.baseUrl(service.answer())
				.build();
			Pipes overHttp = new RpcClients(client, allocator).createClient(Pipes.class);
			Pipes overPipe = connection.client(Pipes.class);
			double[] ratios = new double[this.samples];
			for (int i = -3; i < this.samples; i++) {
				// Several objects of this size are more than it keeps.
				this.storage.forget();
				long start = System.nanoTime();
				read(overHttp);
				double reference = seconds(start);
				start = System.nanoTime();
				read(overPipe);
				if (i >= 0) {
					ratios[i] = seconds(start) / reference;
				}
			}
			return Figure.atMost("pipe-stored-to-http", "times the time", 1.05, ratios);
		}
	}

	private Figure pool() throws Exception {
		ExecutorService callers = Executors.newFixedThreadPool(CALLERS);
		try (RpcConnection connection = RpcConnection.builder(java(List.of()))
			.externalLocation(this.config)
			.size(WORKERS)
			.build()) {
			Pipes pipes = connection.client(Pipes.class);
			double[] ratios = new double[Math.min(5, this.samples)];
			for (int i = -2; i < ratios.length; i++) {
				long start = System.nanoTime();
				for (int j = 0; j < 2 * CALLERS; j++) {
					pipes.sleep(SLEEP_MILLIS);
				}
				double alone = seconds(start);
				start = System.nanoTime();
				List<CompletableFuture<Void>> calls = new ArrayList<>();
				for (int j = 0; j < CALLERS; j++) {
					calls.add(CompletableFuture.runAsync(() -> {
						for (int k = 0; k < 2 * WORKERS; k++) {
							pipes.sleep(SLEEP_MILLIS);
						}
					}, callers));
				}
				for (CompletableFuture<Void> call : calls) {
					call.get();
				}
				if (i >= 0) {
					// Four times the calls of one alone would take as long on four.
					ratios[i] = alone / seconds(start);
				}
			}
			return Figure.atLeast("pipe-pool-of-four", "of four workers alone", 0.9, ratios);
		}
		finally {
			callers.shutdown();
		}
	}

	private static long read(Pipes pipes) {
		long bytes = 0;
		try (ProducerStream<Void> stream = pipes.table()) {
			while (stream.hasNext()) {
				try (AnnotatedBatch batch = stream.next()) {
					bytes += batch.bufferSize();
				}
			}
		}
		return bytes;
	}

	private static double seconds(long start) {
		return (System.nanoTime() - start) / 1e9;
	}

	private static List<String> options() {
		return List.of("-Xmx512m", "--add-opens=java.base/java.nio=ALL-UNNAMED", "--enable-native-access=ALL-UNNAMED");
	}

	private static List<String> java(List<String> settings) {
		return JavaProcess.command(PipeWorker.class, options(), settings);
	}

	private static List<String> concat(List<String> first, List<String> second) {
		List<String> both = new ArrayList<>(first);
		both.addAll(second);
		return both;
	}

}
