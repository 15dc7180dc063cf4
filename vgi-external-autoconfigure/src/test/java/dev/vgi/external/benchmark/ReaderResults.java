package dev.vgi.external.benchmark;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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
	 * @return the figures
	 * @throws Exception if one cannot be measured
	 */
	List<Figure> shortResults() throws Exception {
		List<Figure> figures = new ArrayList<>();
		List<Growth> growths = growths(BATCHES);
		if (!growths.isEmpty()) {
			figures.add(Figure.atMost("reader-memory-service", "MB beyond the idle process", 384,
					growths.stream().mapToDouble(Growth::service).toArray()));
			figures.add(Figure.atMost("reader-memory-client", "MB beyond the idle process", 384,
					growths.stream().mapToDouble(Growth::client).toArray()));
		}
		try (Pair pair = new Pair(bucket(StorageServer.KEPT))) {
			figures.add(endToEnd(pair, "reader-end-to-end", 1.3, "", false));
			figures.add(firstBatch(pair));
			figures.addAll(heap(pair, "reader-heap-service", "reader-heap-client"));
		}
		try (Pair pair = new Pair(ReaderService.directly(this.storage.url(StorageServer.KEPT + "/", "")))) {
			figures.add(heap(pair, "reader-heap-service-without-sdk", "").get(0));
		}
		try (Pair pair = new Pair(bucket(StorageServer.KEPT_THROTTLED))) {
			figures.add(endToEnd(pair, "reader-end-to-end-throttled", 1.15, StorageProcess.THROTTLED, true));
		}
		return figures;
	}

	/**
	 * Measure the memory for results of 16 GB.
	 * @return the figures
	 * @throws Exception if one cannot be measured
	 */
	List<Figure> longResults() throws Exception {
		List<Growth> growths = growths(BATCHES);
		if (growths.isEmpty()) {
			return List.of();
		}
		List<Growth> longer = growths(4 * BATCHES);
		return List.of(
				longer("service", growths.stream().mapToDouble(Growth::service).toArray(),
						longer.stream().mapToDouble(Growth::service).toArray()),
				longer("client", growths.stream().mapToDouble(Growth::client).toArray(),
						longer.stream().mapToDouble(Growth::client).toArray()));
	}

	private List<String> bucket(String name) {
		return ReaderService.inBucket(this.storage.url("", "").resolve("/"), name);
	}

	private static Figure longer(String side, double[] growths, double[] longer) {
		double[] ratios = new double[longer.length];
		for (int i = 0; i < ratios.length; i++) {
			ratios[i] = longer[i] / Figure.median(growths);
		}
		return Figure.atMost("reader-memory-" + side + "-of-four-times-the-length", "times the peak", 1.1, ratios);
	}

	// New processes each time: the memory that one keeps would hide what the next needs.
	private List<Growth> growths(int batches) throws Exception {
		List<Growth> growths = new ArrayList<>();
		for (int i = 0; i < this.samples; i++) {
			try (Pair pair = new Pair(bucket(StorageServer.KEPT))) {
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

	private List<Figure> heap(Pair pair, String nameOfService, String nameOfClient) throws Exception {
		double[] service = new double[this.samples];
		double[] client = new double[this.samples];
		for (int i = 0; i < this.samples; i++) {
			double serviceBefore = pair.heap(pair.service);
			double clientBefore = pair.heap(pair.client);
			double megabytes = pair.read(BATCHES).bytes() / MB;
			service[i] = (pair.heap(pair.service) - serviceBefore) / 1024 / megabytes;
			client[i] = (pair.heap(pair.client) - clientBefore) / 1024 / megabytes;
		}
		return List.of(Figure.atMost(nameOfService, "KB per MB", 8, service),
				Figure.atMost(nameOfClient, "KB per MB", 8, client));
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

		Pair(List<String> settings) throws Exception {
			ReaderResults.this.storage.forget();
			this.service = new JavaProcess(ReaderService.class, SMALL_HEAP, ReaderService.settings(settings));
			String url = this.service.answer();
			this.client = new JavaProcess(ReaderClient.class, SMALL_HEAP, ReaderClient.settings(url));
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
