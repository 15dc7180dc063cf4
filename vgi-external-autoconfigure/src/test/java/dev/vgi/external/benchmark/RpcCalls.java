package dev.vgi.external.benchmark;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.web.client.VgiClient;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.TransferPair;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/**
 * What typed calls and streams cost, beside plain Spring MVC in the same application.
 */
final class RpcCalls {

	private static final int SAMPLES = 9;

	/** As many batches as make the size of the three million flights. */
	private static final int BATCHES = 28;

	private RpcCalls() {
	}

	/**
	 * Measure a unary call of two numbers against a JSON call of the same shape.
	 * @return the time of the one divided by that of the other
	 * @throws Exception if it cannot be measured
	 */
	static Figure unaryCall() throws Exception {
		try (ConfigurableApplicationContext service = run()) {
			HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
			HttpRequest rpc = post(service, "/add", "application/vnd.apache.arrow.stream", addRequest());
			HttpRequest json = post(service, "/json", "application/json",
					"{\"a\":1.5,\"b\":2.25}".getBytes(StandardCharsets.UTF_8));
			for (int i = 0; i < 5000; i++) {
				time(client, rpc);
				time(client, json);
			}
			double[] ratios = new double[SAMPLES];
			for (int i = 0; i < SAMPLES; i++) {
				double[] rpcTimes = new double[1000];
				double[] jsonTimes = new double[1000];
				for (int j = 0; j < rpcTimes.length; j++) {
					rpcTimes[j] = time(client, rpc);
					jsonTimes[j] = time(client, json);
				}
				ratios[i] = Figure.median(rpcTimes) / Figure.median(jsonTimes);
			}
			return Figure.atMost("unary-call-to-json-call", "times the time", 1.3, ratios);
		}
	}

	private static byte[] addRequest() throws IOException {
		ByteArrayOutputStream body = new ByteArrayOutputStream();
		ArrowType number = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);
		Schema schema = new Schema(List.of(Field.notNullable("a", number), Field.notNullable("b", number)));
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, "add").with(MetadataKeys.REQUEST_VERSION, "1");
		try (BufferAllocator allocator = new RootAllocator();
				VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator)) {
			((Float8Vector) root.getVector(0)).setSafe(0, 1.5);
			((Float8Vector) root.getVector(1)).setSafe(0, 2.25);
			root.setRowCount(1);
			AnnotatedBatch batch = AnnotatedBatch.of(root).withMetadata(metadata);
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
				stream.writeTo(Channels.newChannel(body));
			}
		}
		return body.toByteArray();
	}

	private static HttpRequest post(ConfigurableApplicationContext service, String path, String type, byte[] body) {
		return HttpRequest.newBuilder(URI.create(url(service) + path))
			.header("Content-Type", type)
			.POST(BodyPublishers.ofByteArray(body))
			.build();
	}

	private static double time(HttpClient client, HttpRequest request) throws Exception {
		long start = System.nanoTime();
		HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
		if (response.statusCode() != 200 || response.body().length == 0
				|| response.headers().firstValue("X-VGI-RPC-Error").isPresent()) {
			throw new IllegalStateException("Unexpected answer " + response.statusCode());
		}
		return System.nanoTime() - start;
	}

	/**
	 * Measure a producer of batches from memory, inline, against the same bytes as one
	 * download; how many HTTP calls a batch takes; and whether the memory of a stream
	 * grows with its length.
	 * @return the throughput of the one divided by that of the other, the number of
	 * calls, and the peak of a stream divided by that of one a tenth as long
	 */
	static List<Figure> producer() {
		try (ConfigurableApplicationContext service = run()) {
			BatchController controller = service.getBean(BatchController.class);
			BufferAllocator allocator = service.getBean(BufferAllocator.class);
			RestClient http = service.getBean(RestClient.Builder.class).baseUrl(url(service)).build();
			VgiClient client = service.getBean(VgiClient.Builder.class).baseUrl(url(service)).build();
			BatchService batches = new RpcClients(client, allocator).createClient(BatchService.class);
			double[] ratios = new double[SAMPLES];
			double[] calls = new double[SAMPLES];
			// The code of a turn is warm long before its bytes have travelled as often.
			warmUp(batches);
			for (int i = -40; i < SAMPLES; i++) {
				long before = controller.turns;
				long start = System.nanoTime();
				read(batches, BATCHES, Payloads.ROWS_4_MB);
				long ours = System.nanoTime() - start;
				long turns = controller.turns - before;
				start = System.nanoTime();
				download(http);
				long reference = System.nanoTime() - start;
				if (i >= 0) {
					ratios[i] = (double) reference / ours;
					calls[i] = (double) turns / BATCHES;
				}
			}
			return List.of(Figure.atLeast("producer-to-one-download", "times the throughput", 0.8, ratios),
					Figure.atMost("producer-http-calls-per-batch", "calls", 1, calls), memoryGrowth());
		}
	}

	private static Figure memoryGrowth() {
		// As many batches in all, so that both meet every overlap of turns that there is.
		double shorter = peak(10, 4 * BATCHES);
		return Figure.atMost("producer-memory-of-ten-times-the-length", "times the peak", 1.1,
				peak(1, 40 * BATCHES) / shorter);
	}

	private static double peak(int streams, int count) {
		try (ConfigurableApplicationContext service = run()) {
			BufferAllocator allocator = service.getBean(BufferAllocator.class);
			VgiClient client = service.getBean(VgiClient.Builder.class).baseUrl(url(service)).build();
			BatchService batches = new RpcClients(client, allocator).createClient(BatchService.class);
			for (int i = 0; i < streams; i++) {
				read(batches, count, Payloads.ROWS_4_MB);
			}
			return allocator.getPeakMemoryAllocation();
		}
	}

	private static void warmUp(BatchService batches) {
		for (int i = 0; i < 200; i++) {
			read(batches, 100, 1);
		}
	}

	private static void read(BatchService batches, int count, int rowsOfEach) {
		int rows = 0;
		try (ProducerStream<Void> stream = batches.batches(count, rowsOfEach)) {
			while (stream.hasNext()) {
				try (AnnotatedBatch batch = stream.next()) {
					rows += batch.rowCount();
				}
			}
		}
		if (rows != count * rowsOfEach) {
			throw new IllegalStateException("The stream is incomplete");
		}
	}

	private static void download(RestClient http) {
		byte[] buffer = new byte[64 << 10];
		Long length = http.get().uri("/download").exchange((request, response) -> {
			long read = 0;
			InputStream body = response.getBody();
			for (int count = body.read(buffer); count >= 0; count = body.read(buffer)) {
				read += count;
			}
			return read;
		});
		if (length == null || length < BATCHES * 4_000_000L) {
			throw new IllegalStateException("The download is incomplete");
		}
	}

	private static ConfigurableApplicationContext run() {
		return SpringApplication.run(Application.class, "--server.port=0", "--spring.main.banner-mode=off",
				"--logging.level.root=warn", "--vgi.external.externalize-threshold=1GB",
				"--vgi.external.client.response-compression=false");
	}

	private static String url(ConfigurableApplicationContext service) {
		return "http://127.0.0.1:" + service.getEnvironment().getRequiredProperty("local.server.port");
	}

	/**
	 * The service.
	 */
	@RpcService(name = "BatchService")
	interface BatchService {

		@RpcMethod("add")
		double add(double a, double b);

		@RpcMethod("batches")
		ProducerStream<Void> batches(long count, long rows);

	}

	/**
	 * Two numbers.
	 *
	 * @param a the one
	 * @param b the other
	 */
	record Pair(double a, double b) {

	}

	/**
	 * Their sum.
	 *
	 * @param result the sum
	 */
	record Sum(double result) {

	}

	/**
	 * The state of a stream.
	 *
	 * @param left how many batches follow
	 * @param rows how many rows each has
	 */
	record Left(long left, long rows) {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(BatchController.class)
	static class Application {

	}

	/**
	 * Serves numbers and batches from memory.
	 */
	@RestController
	static class BatchController implements BatchService, DisposableBean {

		private final VectorSchemaRoot root;

		private volatile long turns;

		BatchController(BufferAllocator allocator) {
			this.root = Payloads.synthetic(allocator, Payloads.ROWS_4_MB);
		}

		@Override
		public double add(double a, double b) {
			return a + b;
		}

		@PostMapping("/json")
		Sum add(@RequestBody Pair pair) {
			return new Sum(pair.a() + pair.b());
		}

		@Override
		public ProducerStream<Void> batches(long count, long rows) {
			return ProducerStream.of(this.root.getSchema(), new Left(count, rows));
		}

		@RpcTurn
		Turn next(Left state) {
			this.turns++;
			VectorSchemaRoot batch = shared((int) state.rows());
			return (state.left() > 1) ? Turn.emit(batch, new Left(state.left() - 1, state.rows()))
					: Turn.emitLast(batch);
		}

		// The same memory, which is not copied.
		private VectorSchemaRoot shared(int rows) {
			List<FieldVector> vectors = new ArrayList<>();
			for (FieldVector vector : this.root.getFieldVectors()) {
				TransferPair pair = vector.getTransferPair(vector.getAllocator());
				pair.splitAndTransfer(0, rows);
				vectors.add((FieldVector) pair.getTo());
			}
			return new VectorSchemaRoot(vectors);
		}

		@GetMapping("/download")
		void download(HttpServletResponse response) throws IOException {
			response.setContentType("application/octet-stream");
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(AnnotatedBatch.of(this.root)))) {
				response.setContentLengthLong(stream.length() * BATCHES);
				for (int i = 0; i < BATCHES; i++) {
					stream.writeTo(Channels.newChannel(response.getOutputStream()));
				}
			}
		}

		@Override
		public void destroy() {
			this.root.close();
		}

	}

}
