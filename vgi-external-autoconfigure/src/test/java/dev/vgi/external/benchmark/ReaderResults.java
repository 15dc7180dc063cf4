package dev.vgi.external.benchmark;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;

/**
 * Results that a handler returns as a reader, from one process to another, through a
 * storage that forgets a segment once it was read.
 */
final class ReaderResults implements AutoCloseable {

	private static final double MB = 1048576;

	/** As many as make a little more than 4 GB. */
	private static final int BATCHES = 2048;

	/** As many as make one segment. */
	private static final int BATCHES_OF_A_SEGMENT = 16;

	private static final List<String> SMALL_HEAP = List.of("-Xmx256m", "--add-opens=java.base/java.nio=ALL-UNNAMED",
			"--enable-native-access=ALL-UNNAMED");

	private final StorageProcess storage;

	private final StoredBatch stored;

	private final int samples;

	private final RawConnections raw;

	private final Map<String, Double> seconds = new LinkedHashMap<>();

	private final Map<String, Double> processorSeconds = new LinkedHashMap<>();

	/**
	 * Prepare.
	 * @param storage where the segments go
	 * @param stored bytes for the references; borrowed
	 * @param samples how many to take
	 * @throws IOException if the storage is gone
	 */
	ReaderResults(StorageProcess storage, StoredBatch stored, int samples) throws IOException {
		this.storage = storage;
		this.stored = stored;
		this.samples = Math.min(3, samples);
		this.raw = new RawConnections(storage.url("put", ""), null);
	}

	Map<String, Double> seconds() {
		return this.seconds;
	}

	Map<String, Double> processorSeconds() {
		return this.processorSeconds;
	}

	/**
	 * Measure results of 4 GB, and the first batch of one.
	 * @param figures takes each figure as soon as it is known
	 * @throws Exception if one cannot be measured
	 */
	void shortResults(Consumer<Figure> figures) throws Exception {
		memory(growths(BATCHES), "", figures);
		try (Pair pair = new Pair(bucket(StorageServer.KEPT))) {
			figures.accept(endToEnd(pair, "reader-end-to-end", 1.3, "", false));
			figures.accept(firstBatch(pair));
			heap(pair, "").forEach(figures);
		}
		try (Pair pair = new Pair(ReaderService.directly(this.storage.url(StorageServer.KEPT + "/", "")))) {
			pair.read(BATCHES);
			heap(pair, "-without-sdk").forEach(figures);
		}
		try (Pair pair = new Pair(bucket(StorageServer.KEPT_THROTTLED))) {
			figures.accept(endToEnd(pair, "reader-end-to-end-throttled", 1.15, StorageProcess.THROTTLED, true));
		}
	}

	/**
	 * Measure the memory for results of 16 GB.
	 * @param figures takes each figure as soon as it is known
	 * @throws Exception if one cannot be measured
	 */
	void longResults(Consumer<Figure> figures) throws Exception {
		memory(growths(4 * BATCHES), "-of-16-gb", figures);
		// The heap grows until the first collection, which 4 GB may not reach. So all of
		// it is touched from the start, and the lengths are compared by the rest.
		List<Growth> shorter = growths(BATCHES, "-Xms256m", "-XX:+AlwaysPreTouch");
		List<Growth> longer = growths(4 * BATCHES, "-Xms256m", "-XX:+AlwaysPreTouch");
		if (!shorter.isEmpty()) {
			figures.accept(longer("service", shorter, longer, Growth::service));
			figures.accept(longer("client", shorter, longer, Growth::client));
		}
	}

	private static void memory(List<Growth> growths, String suffix, Consumer<Figure> figures) {
		if (!growths.isEmpty()) {
			String unit = "MB beyond the idle process";
			figures.accept(Figure.atMost("reader-memory-service" + suffix, unit, 384,
					growths.stream().mapToDouble(Growth::service).toArray()));
			figures.accept(Figure.atMost("reader-memory-client" + suffix, unit, 384,
					growths.stream().mapToDouble(Growth::client).toArray()));
		}
	}

	private static Figure longer(String side, List<Growth> shorter, List<Growth> longer,
			ToDoubleFunction<Growth> growth) {
		double reference = Figure.median(shorter.stream().mapToDouble(growth).toArray());
		return Figure.atMost("reader-memory-" + side + "-of-four-times-the-length", "times the peak", 1.1,
				longer.stream().mapToDouble(growth).map((peak) -> peak / reference).toArray());
	}

	private List<String> bucket(String name) {
		return ReaderService.inBucket(this.storage.url("", "").resolve("/"), name);
	}

	// New processes each time: the memory that one keeps would hide what the next needs.
	private List<Growth> growths(int batches, String... heap) throws Exception {
		List<Growth> growths = new ArrayList<>();
		for (int i = 0; i < this.samples; i++) {
			try (Pair pair = new Pair(bucket(StorageServer.KEPT), heap)) {
				ResidentMemory service = pair.service.residentMemory();
				ResidentMemory client = pair.client.residentMemory();
				if (!service.isKnown()) {
					return List.of();
				}
				double idleService = service.start();
				double idleClient = client.start();
				pair.read(batches);
				growths.add(new Growth(service.peak() - idleService, client.peak() - idleClient));
			}
		}
		return growths;
	}

	// Against the longest of what cannot be done at the same time, and against what all
	// processes together have to do.
	private Figure endToEnd(Pair pair, String name, double target, String query, boolean parallel) throws Exception {
		URI put = this.storage.url("put", query);
		URI get = this.storage.url(this.stored.plain(), query);
		Runs runs = new Runs();
		double[] ratios = new double[this.samples];
		for (int i = -1; i < this.samples; i++) {
			double processors = pair.processorSeconds();
			Read read = pair.read(BATCHES);
			processors = pair.processorSeconds() - processors;
			double scale = (double) read.bytes() / this.stored.size();
			double digest = seconds(this.stored::digestAlone) * scale;
			double upload = seconds(() -> {
				if (parallel) {
					this.raw.put(put, this.stored.size(), this.stored.memory());
				}
				else {
					this.raw.put(put, this.stored.size(), this.stored.segments());
				}
			}) * scale;
			double download = seconds(() -> this.raw.get(get, this.stored.size(), this.stored.memory())) * scale;
			double produced = pair.query(BATCHES);
			if (i >= 0) {
				double limit = Math.max(Math.max(produced, digest), Math.max(upload, download));
				double busy = processors / Runtime.getRuntime().availableProcessors();
				ratios[i] = read.seconds() / Math.max(limit, busy);
				runs.add(name, read.seconds());
				runs.add(name + ", query alone", produced);
				runs.add(name + ", sha-256 alone", digest);
				runs.add(name + ", raw put alone", upload);
				runs.add(name + ", raw download alone", download);
				runs.add(name + ", processors of all together", busy);
				this.processorSeconds.put(name, processors);
			}
		}
		runs.into(this.seconds);
		return Figure.atMost(name, "ratio", target, ratios);
	}

	private Figure firstBatch(Pair pair) throws Exception {
		int count = 3 * this.samples;
		Runs runs = new Runs();
		double[] ratios = new double[count];
		for (int i = -count; i < count; i++) {
			double first = pair.first(BATCHES);
			this.storage.forget();
			double segment = pair.read(BATCHES_OF_A_SEGMENT).seconds();
			this.storage.forget();
			if (i >= 0) {
				ratios[i] = first / segment;
				runs.add("first batch of 4 GB", first);
				runs.add("result of one segment", segment);
			}
		}
		runs.into(this.seconds);
		return Figure.atMost("reader-first-batch", "ratio", 1.5, ratios);
	}

	private List<Figure> heap(Pair pair, String suffix) throws Exception {
		double[] service = new double[this.samples];
		double[] client = new double[this.samples];
		for (int i = 0; i < this.samples; i++) {
			double serviceBefore = pair.heap(pair.service);
			double clientBefore = pair.heap(pair.client);
			double megabytes = pair.read(BATCHES).bytes() / MB;
			service[i] = (pair.heap(pair.service) - serviceBefore) / 1024 / megabytes;
			client[i] = (pair.heap(pair.client) - clientBefore) / 1024 / megabytes;
		}
		return List.of(Figure.atMost("reader-heap-service" + suffix, "KB per MB", 8, service),
				Figure.atMost("reader-heap-client" + suffix, "KB per MB", 8, client));
	}

	private static double seconds(Measurements.Step step) throws Exception {
		long start = System.nanoTime();
		step.run();
		return (System.nanoTime() - start) / 1e9;
	}

	@Override
	public void close() throws IOException {
		this.raw.close();
	}

	/**
	 * By how much the processes grew, in MB.
	 *
	 * @param service the one
	 * @param client the other
	 */
	private record Growth(double service, double client) {

	}

	/**
	 * A result that was read.
	 *
	 * @param seconds to the last batch
	 * @param bytes of all batches
	 */
	private record Read(double seconds, long bytes) {

	}

	/**
	 * Times by what took them.
	 */
	private static final class Runs {

		private final Map<String, List<Double>> runs = new LinkedHashMap<>();

		void add(String name, double seconds) {
			this.runs.computeIfAbsent(name, (key) -> new ArrayList<>()).add(seconds);
		}

		void into(Map<String, Double> medians) {
			this.runs.forEach((name, times) -> medians.put(name,
					Figure.median(times.stream().mapToDouble(Double::doubleValue).toArray())));
		}

	}

	/**
	 * A service and its client.
	 */
	private final class Pair implements AutoCloseable {

		private final JavaProcess service;

		private final JavaProcess client;

		Pair(List<String> settings, String... heap) throws Exception {
			ReaderResults.this.storage.forget();
			List<String> options = new ArrayList<>(SMALL_HEAP);
			options.addAll(List.of(heap));
			this.service = new JavaProcess(ReaderService.class, options, ReaderService.settings(settings));
			String url = this.service.answer();
			this.client = new JavaProcess(ReaderClient.class, options, ReaderClient.settings(url));
			this.client.answer();
		}

		Read read(int batches) throws IOException {
			String[] answer = this.client.ask("read " + batches).split(" ");
			return new Read(Double.parseDouble(answer[0]), Long.parseLong(answer[1]));
		}

		double first(int batches) throws IOException {
			return Double.parseDouble(this.client.ask("first " + batches));
		}

		double query(int batches) throws IOException {
			return Double.parseDouble(this.service.ask("query " + batches));
		}

		double heap(JavaProcess process) throws IOException {
			return Double.parseDouble(process.ask("heap"));
		}

		double processorSeconds() {
			return this.service.processorSeconds() + this.client.processorSeconds()
					+ ReaderResults.this.storage.processorSeconds();
		}

		@Override
		public void close() throws Exception {
			this.client.close();
			this.service.close();
		}

	}

}
