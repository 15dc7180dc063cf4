package dev.vgi.external.benchmark;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import com.sun.management.OperatingSystemMXBean;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CompressedBufferBenchmark;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReaderBenchmark;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.IpcStreamWriterBenchmark;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.PointerBatchBenchmark;
import dev.vgi.external.batch.segment.SegmentsBenchmark;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.fetch.BodyDigestBenchmark;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.location.BatchSource;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.ResolvedReader;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.server.http.StreamTokensBenchmark;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.s3.S3Clients;
import dev.vgi.external.storage.s3.S3Storage;
import dev.vgi.external.storage.s3.S3StorageSettings;
import dev.vgi.external.transfer.TestListeners;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.AllowedUrlValidatorBenchmark;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.runner.options.TimeValue;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import tools.jackson.databind.json.JsonMapper;

/**
 * Measures on the JDK it runs on: each figure against a limit of the same run, runs
 * interleaved with their reference, medians after a warm-up.
 */
public final class Measurements implements AutoCloseable {

	private static final double MB = 1048576;

	/** As many as make 32 MB. */
	private static final int ROWS_32_MB = 1_100_000;

	/** As many as make 200 KB. */
	private static final int ROWS_200_KB = 6_000;

	/** As many as make 262 MB. */
	private static final int INCOMPRESSIBLE_ROWS = 4_000;

	private static final int PART_SIZE = 8 << 20;

	private static final int PARALLEL_PARTS = 4;

	private static final int PARALLEL_RANGES = 8;

	/** Coded ranges that may wait for an earlier one, of the largest size. */
	private static final long SLOTS = (PARALLEL_RANGES + 4) * (8L << 20);

	private static final int CONCURRENT = 64;

	private static final long CONCURRENT_BUDGET = 256L << 20;

	private static final OperatingSystemMXBean process = (OperatingSystemMXBean) ManagementFactory
		.getOperatingSystemMXBean();

	private final int samples;

	private final List<String> only;

	private final List<Figure> figures = new ArrayList<>();

	private final Map<String, Double> seconds = new LinkedHashMap<>();

	private final Map<String, Double> processorSeconds = new LinkedHashMap<>();

	private final Map<String, List<Double>> runs = new LinkedHashMap<>();

	private final Map<String, List<Double>> processorRuns = new LinkedHashMap<>();

	private final BufferAllocator allocator = new RootAllocator();

	private final StorageProcess server = new StorageProcess();

	private final StorageTransport transport = new StorageTransport(new TransportSettings(Duration.ofSeconds(10),
			Duration.ofSeconds(30), 128, null, null, null, this.server.trust()), null);

	private final SlabPool slabs = new SlabPool(1L << 30, Duration.ofMinutes(2));

	private final AllocatedHeap workers = new AllocatedHeap();

	private final TransferThreads transferThreads = new TransferThreads(this.workers);

	private final TransferBudget budget = new TransferBudget(4L << 30, CONCURRENT);

	private final StoredBatch synthetic = new StoredBatch(this.server, "s",
			Payloads.synthetic(this.allocator, Payloads.ROWS));

	private Measurements(int samples, List<String> only) throws Exception {
		this.samples = samples;
		this.only = only;
	}

	/**
	 * Measure and write what came of it.
	 * @param args the file to write; how many samples to take; which figures, if not all
	 * @throws Exception if something cannot be measured
	 */
	public static void main(String[] args) throws Exception {
		// Without Boot, Logback writes all that the SDK says, and that takes its time.
		((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
		Result result;
		try (Measurements measurements = new Measurements(Integer.parseInt(args[1]),
				List.of(args).subList(2, args.length))) {
			measurements.run();
			result = new Result(measurements.figures, measurements.seconds, measurements.processorSeconds);
		}
		Files.writeString(Path.of(args[0]), JsonMapper.builder().build().writeValueAsString(result));
		System.exit(0);
	}

	private void run() throws Exception {
		// First what looks at the memory of the whole process.
		measure("peak", this::peakMemory);
		measure("fetch-throttled", () -> throttledFetches(this.synthetic, "", this.samples));
		measure("fetch-loopback", () -> loopbackFetch(this.synthetic, "", this.samples));
		measure("reader", this::readers);
		measure("heap", this::heap);
		measure("stall", this::stalls);
		measure("hedge", this::hedgedBytes);
		measure("upload", this::uploads);
		measure("concurrent", this::concurrentFetches);
		measure("requests", this::requestsOfASmallFetch);
		measure("tls", this::overTls);
		measure("flights", this::flights);
		measure("incompressible", this::incompressible);
		measure("gather", this::gatherWrite);
		measure("micro", this::microBenchmarks);
		measure("compressed", this::compressedBuffers);
		measure("below", () -> add(SmallResponses.belowThresholdResponse()));
		measure("rpc", () -> {
			add(RpcCalls.unaryCall());
			RpcCalls.producer().forEach(this::add);
		});
		measure("pipe", () -> new PipeCalls(this.server, Math.min(5, this.samples)).measure(this::add));
		measure("results", () -> results(ReaderResults::shortResults));
		measure("network", () -> SimulatedNetworks.measure(this::add));
		// These take as long as many others together, so only if asked for.
		if (this.only.contains("network-sockets")) {
			SimulatedNetworks.compareWithSockets(this::add);
		}
		if (this.only.contains("long-results")) {
			results(ReaderResults::longResults);
		}
	}

	private void measure(String group, Step step) throws Exception {
		if (this.only.isEmpty() || this.only.contains(group)) {
			step.run();
		}
	}

	private void add(Figure figure) {
		this.figures.add(figure);
		System.out.printf("%-44s %9.3f %-10s target %-6s %s%n", figure.name(), figure.value(), figure.unit(),
				(figure.target() != null) ? figure.target() : "-",
				(figure.met() == null) ? "" : (figure.met() ? "met" : "MISSED"));
	}

	// ---------------------------------------------------------------- fetch

	private void throttledFetches(StoredBatch stored, String suffix, int count) throws Exception {
		URI plain = this.server.url(stored.plain(), StorageProcess.THROTTLED);
		URI zstd = this.server.url(stored.coded(), StorageProcess.THROTTLED);
		String plainName = "fetch-throttled-plain" + suffix;
		String zstdName = "fetch-throttled-zstd" + suffix;
		// What is smaller is one GET, and so is compared with one.
		int connections = (stored.codedSize() >= config().parallelThreshold()) ? PARALLEL_RANGES : 1;
		Fetches fetches = new Fetches(this.slabs);
		try (RawConnections raw = new RawConnections(plain, null)) {
			add(Figure.atMost(plainName, "ratio", 1.06, ratios(count, () -> {
				double ours = time(plainName, () -> fetches.fetch(plain, stored));
				double limit = time("raw throttled " + stored.plain(),
						() -> raw.get(plain, stored.size(), stored.memory()));
				return ours / (limit + StorageProcess.FIRST_BYTE_SECONDS);
			})));
			add(Figure.atMost(zstdName, "ratio", 1.2, ratios(count, () -> {
				double ours = time(zstdName, () -> fetches.fetch(zstd, stored));
				double download = time("raw throttled " + stored.coded(),
						() -> raw.get(zstd, stored.codedSize(), stored.codedMemory(), connections));
				return ours / Math.max(download, time("decode " + stored.coded(), stored::decode));
			})));
		}
	}

	private void loopbackFetch(StoredBatch stored, String suffix, int count) throws Exception {
		URI url = this.server.url(stored.plain(), "");
		String name = "fetch-loopback-plain" + suffix;
		Fetches fetches = new Fetches(this.slabs);
		try (RawConnections raw = new RawConnections(url, null)) {
			add(Figure.atMost(name, "ratio", 1.15, ratios(count, () -> {
				double ours = time(name, () -> fetches.fetch(url, stored));
				double download = time("raw loopback " + stored.plain(),
						() -> raw.get(url, stored.size(), stored.memory()));
				return ours / (download + digest(stored));
			})));
		}
	}

	// As many rows as S in pieces, against S as one object.
	private void readers() throws Exception {
		readers("reader-list-of-small-pointers", 64, false);
		readers("reader-of-segments", 8, true);
	}

	private void readers(String name, int pieces, boolean ownThread) throws Exception {
		URI whole = this.server.url(this.synthetic.plain(), StorageProcess.THROTTLED);
		Fetches fetches = new Fetches(this.slabs);
		try (StoredBatch piece = new StoredBatch(this.server, name,
				Payloads.synthetic(this.allocator, Payloads.ROWS / pieces))) {
			URI url = this.server.url(piece.plain(), StorageProcess.THROTTLED);
			add(Figure.atMost(name, "ratio", 1.25, ratios(this.samples, () -> {
				double ours = time(name, () -> fetches.read(url, piece, pieces, ownThread));
				return ours / time(name + ", as one object", () -> fetches.fetch(whole));
			})));
		}
	}

	private void stalls() throws Exception {
		FetchConfig config = new FetchConfig(FetchConfig.Probe.RANGE, 64L << 20, (this.synthetic.size() + 31) / 32,
				PARALLEL_RANGES, Duration.ofSeconds(60), 1L << 30, 1L << 30, 5, 2.0, 4, 0);
		Fetches fetches = new Fetches(config, this.slabs);
		fetches.fetch(this.server.url(this.synthetic.plain(), StorageProcess.THROTTLED));
		AtomicLong id = new AtomicLong();
		Map<String, String> kinds = new LinkedHashMap<>();
		kinds.put("stall-first-headers", "where=headers&stall=0");
		kinds.put("stall-first-body", "where=body&stall=0");
		kinds.put("stall-middle", "where=body&stall=" + this.synthetic.size() / 2);
		kinds.put("stall-last", "where=headers&stall=" + (this.synthetic.size() - 1));
		for (Map.Entry<String, String> kind : kinds.entrySet()) {
			add(Figure.atMost(kind.getKey(), "ratio", 2, ratios(Math.min(3, this.samples), () -> {
				double with = time(kind.getKey(),
						() -> fetches.fetch(
								this.server.url(this.synthetic.plain(), StorageProcess.THROTTLED + "&" + kind.getValue()
										+ "&id=" + ProcessHandle.current().pid() + "-" + id.incrementAndGet())));
				return with / time("no stall",
						() -> fetches.fetch(this.server.url(this.synthetic.plain(), StorageProcess.THROTTLED)));
			})));
		}
	}

	private void hedgedBytes() throws Exception {
		Fetches fetches = new Fetches(this.slabs);
		URI url = this.server.url(this.synthetic.plain(), StorageProcess.THROTTLED);
		fetches.fetch(url);
		this.server.asked();
		int count = 20;
		for (int i = 0; i < count; i++) {
			fetches.fetch(url);
		}
		double needed = (double) count * this.synthetic.size();
		add(Figure.atMost("bytes-requested-twice", "percent", 1, (this.server.asked() - needed) / needed * 100));
	}

	private void heap() throws Exception {
		Fetches fetches = new Fetches(this.slabs);
		URI url = this.server.url(this.synthetic.plain(), "");
		add(Figure.atMost("heap-per-megabyte-fetched", "KB per MB", 4,
				ratios(this.samples, () -> allocated(() -> fetches.fetch(url)) / 1024 / (this.synthetic.size() / MB))));
		Externalizer externalizer = externalizer(new DirectStorage(this.transport, this.server.url("put", "")), null);
		add(Figure.atMost("heap-per-megabyte-uploaded", "KB per MB", 4, ratios(this.samples,
				() -> allocated(() -> upload(externalizer, this.synthetic)) / 1024 / (this.synthetic.size() / MB))));
	}

	private void requestsOfASmallFetch() throws Exception {
		try (VectorSchemaRoot small = Payloads.synthetic(this.allocator, ROWS_200_KB)) {
			AnnotatedBatch content = AnnotatedBatch.of(small);
			String digest;
			try (GatheredStream bytes = IpcStreamWriter.gather(OutputCycle.of(content))) {
				digest = store(bytes, "small.arrow");
			}
			Fetches fetches = new Fetches(this.slabs);
			fetches.fetch(this.server.url("small.arrow", ""), digest);
			add(Figure.atMost("requests-of-a-200-kb-fetch", "requests", 1, fetches.last().requests()));
		}
	}

	private void concurrentFetches() throws Exception {
		String digest;
		try (VectorSchemaRoot medium = Payloads.synthetic(this.allocator, ROWS_32_MB);
				GatheredStream bytes = IpcStreamWriter.gather(OutputCycle.of(AnnotatedBatch.of(medium)))) {
			digest = store(bytes, "medium.arrow");
		}
		URI url = this.server.url("medium.arrow", "");
		ExecutorService callers = Executors.newFixedThreadPool(CONCURRENT);
		List<Double> peaks = new ArrayList<>();
		List<Double> held = new ArrayList<>();
		try {
			add(Figure.atMost("concurrent-fetches", "ratio", 1, ratios(Math.min(5, this.samples), () -> {
				TransferBudget shared = new TransferBudget(CONCURRENT_BUDGET, CONCURRENT);
				Fetches fetches = new Fetches(config(), this.slabs, shared);
				double alone = time("64 fetches in turn", () -> {
					for (int i = 0; i < CONCURRENT; i++) {
						fetches.fetch(url, digest);
					}
				});
				AtomicBoolean running = new AtomicBoolean(true);
				AtomicLong most = new AtomicLong();
				CompletableFuture<Void> watch = CompletableFuture.runAsync(() -> {
					while (running.get()) {
						most.accumulateAndGet(this.slabs.leasedBytes(), Math::max);
						LockSupport.parkNanos(500_000);
					}
				});
				double together = time("64 fetches at once", () -> {
					List<CompletableFuture<Void>> calls = new ArrayList<>();
					for (int i = 0; i < CONCURRENT; i++) {
						calls.add(CompletableFuture.runAsync(() -> fetches.fetch(url, digest), callers));
					}
					for (CompletableFuture<Void> call : calls) {
						call.get();
					}
				});
				running.set(false);
				watch.get();
				peaks.add((double) shared.peak() / CONCURRENT_BUDGET);
				held.add((double) most.get() / CONCURRENT_BUDGET);
				return together / alone;
			})));
		}
		finally {
			callers.shutdown();
		}
		add(Figure.atMost("concurrent-fetches-peak", "of the budget", 1.1, array(peaks)));
		add(Figure.reported("concurrent-fetches-peak-with-batches", "of the budget", array(held)));
	}

	// --------------------------------------------------------------- upload

	private void uploads() throws Exception {
		URI url = this.server.url("put", "");
		StoredBatch stored = this.synthetic;
		try (RawConnections raw = new RawConnections(url, null); S3Parts s3 = new S3Parts()) {
			plainUpload(stored, "upload-loopback-plain", null, this.samples, raw);
			Externalizer parts = externalizer(s3.storage, null);
			add(Figure.atMost("upload-loopback-plain-s3-parts", "ratio", 1.2, ratios(this.samples, () -> {
				double ours = time("upload-loopback-plain-s3-parts", () -> upload(parts, stored));
				return ours / Math.max(put(raw, url, stored), digest(stored));
			})));
			zstdUpload(stored, "upload-zstd", 0, Math.min(5, this.samples), s3);
			zstdUpload(stored, "upload-zstd-2-workers", 2, Math.min(5, this.samples), s3);
		}
	}

	private void plainUpload(StoredBatch stored, String name, @Nullable Compression compression, int count,
			RawConnections raw) throws Exception {
		URI url = this.server.url("put", "");
		Externalizer externalizer = externalizer(new DirectStorage(this.transport, url), compression);
		add(Figure.atMost(name, "ratio", 1.25, ratios(count, () -> {
			double ours = time(name, () -> upload(externalizer, stored));
			return ours / Math.max(put(raw, url, stored), digest(stored));
		})));
	}

	private void zstdUpload(StoredBatch stored, String name, int workers, int count, S3Parts s3) throws Exception {
		Externalizer externalizer = externalizer(s3.storage, new Compression(3, workers));
		add(Figure.atMost(name, "ratio", 1.15, ratios(count, () -> {
			double ours = time(name, () -> upload(externalizer, stored));
			return ours
					/ time("compress " + stored.plain() + ", " + workers + " workers", () -> stored.compress(workers));
		})));
	}

	private double put(RawConnections raw, URI url, StoredBatch stored) throws Exception {
		return time("raw put of " + stored.plain(), () -> raw.put(url, stored.size(), stored.segments()));
	}

	private double digest(StoredBatch stored) throws Exception {
		return time("sha-256 of " + stored.plain(), stored::digestAlone);
	}

	// ------------------------------------------------------- other payloads

	private void flights() throws Exception {
		Path file = Path.of(System.getProperty("benchmark.flights"));
		int count = Math.min(3, this.samples);
		try (StoredBatch flights = new StoredBatch(this.server, "flights", Flights.read(this.allocator, file));
				RawConnections raw = new RawConnections(this.server.url("put", ""), null);
				S3Parts s3 = new S3Parts()) {
			throttledFetches(flights, "-flights", count);
			loopbackFetch(flights, "-flights", count);
			plainUpload(flights, "upload-loopback-plain-flights", null, count, raw);
			zstdUpload(flights, "upload-zstd-flights", 0, count, s3);
		}
	}

	private void incompressible() throws Exception {
		int count = Math.min(3, this.samples);
		try (StoredBatch noise = new StoredBatch(this.server, "incompressible",
				Payloads.incompressible(this.allocator, INCOMPRESSIBLE_ROWS));
				RawConnections raw = new RawConnections(this.server.url("put", ""), null)) {
			// A frame as a peer may send it; this library would not.
			throttledFetches(noise, "-incompressible", count);
			loopbackFetch(noise, "-incompressible", count);
			plainUpload(noise, "upload-loopback-plain-incompressible", null, count, raw);
			// Sent plain, and so compared with what sending it plain takes.
			plainUpload(noise, "upload-zstd-incompressible", new Compression(3, 0), count, raw);
		}
	}

	// -------------------------------------------------------------- results

	private void results(Results what) throws Exception {
		try (ReaderResults results = new ReaderResults(this.server, this.synthetic, this.samples)) {
			what.measure(results, this::add);
			this.seconds.putAll(results.seconds());
			this.processorSeconds.putAll(results.processorSeconds());
		}
	}

	// ---------------------------------------------------------------- micro

	private void gatherWrite() throws Exception {
		MicroBenchmarks large = new MicroBenchmarks(Math.min(3, this.samples), 2, 3, TimeValue.milliseconds(500));
		MicroBenchmarks.Pair pair = large.run(IpcStreamWriterBenchmark.class, "gatherWrite", "stockWriter");
		add(Figure.atLeast("gather-write-to-stock-writer", "times as fast", 4, pair.timesAsFast()));
		note(pair, "gather-write", "stock writer");
	}

	private void microBenchmarks() throws Exception {
		MicroBenchmarks small = new MicroBenchmarks(Math.min(3, this.samples), 5, 3, TimeValue.milliseconds(150));
		MicroBenchmarks.Pair parse = small.run(IpcStreamReaderBenchmark.class, "zeroCopyReader", "stockReader");
		add(Figure.reported("parse-to-stock-reader", "times as fast", parse.timesAsFast()));
		note(parse, "zero-copy reader", "stock reader");
		MicroBenchmarks.Pair pointer = small.run(PointerBatchBenchmark.class, "pointer", "stockBatch");
		add(Figure.reported("pointer-to-stock-batch", "times the time", pointer.timesTheTime()));
		note(pointer, "pointer, written and read", "stock batch, written and read");
		MicroBenchmarks.Pair append = small.run(SegmentsBenchmark.class, "append", "copy");
		add(Figure.atMost("reader-append", "times the time", 2, append.timesTheTime()));
		note(append, "batches of 2 MB, appended", "the same bytes, copied");
		MicroBenchmarks.Pair digest = small.run(BodyDigestBenchmark.class, "offHeap", "array");
		add(Figure.reported("off-heap-digest-to-array-digest", "times the time", digest.timesTheTime()));
		note(digest, "sha-256 of 8 MB off-heap", "sha-256 of an array of 8 MB");
		MicroBenchmarks.Pair token = small.run(StreamTokensBenchmark.class, "token", "cipher");
		add(Figure.reported("token-to-cipher", "times the time", token.timesTheTime()));
		note(token, "token, sealed and opened", "cipher, there and back");
		MicroBenchmarks.Pair url = small.run(AllowedUrlValidatorBenchmark.class, "judge", "parse");
		add(Figure.reported("url-policy-to-url-parsing", "times the time", url.timesTheTime()));
		note(url, "URL judged", "URL parsed");
	}

	private void compressedBuffers() throws Exception {
		MicroBenchmarks large = new MicroBenchmarks(Math.min(3, this.samples), 5, 5, TimeValue.milliseconds(500));
		MicroBenchmarks.Pair lz4 = large.run(CompressedBufferBenchmark.class, "lz4Reader", "lz4Alone");
		add(Figure.atMost("reader-lz4-buffers", "ratio", 1.2, lz4.timesTheTime()));
		note(lz4, "batch with LZ4 buffers, read", "LZ4 buffers, decoded");
		MicroBenchmarks.Pair zstd = large.run(CompressedBufferBenchmark.class, "zstdReader", "zstdAlone");
		add(Figure.atMost("reader-zstd-buffers", "ratio", 1.2, zstd.timesTheTime()));
		note(zstd, "batch with zstd buffers, read", "zstd buffers, decoded");
	}

	private void note(MicroBenchmarks.Pair pair, String measured, String reference) {
		this.seconds.put(measured, Figure.median(pair.measured()));
		this.seconds.put(reference, Figure.median(pair.reference()));
	}

	// ----------------------------------------------------------------- peak

	private void peakMemory() throws Exception {
		// The heap is touched from the start, so what changes is the rest.
		ResidentMemory resident = new ResidentMemory("self");
		if (!resident.isKnown()) {
			return;
		}
		// Nothing is kept from one run to the next, so that all of it counts. The first
		// run is for what the JVM itself needs.
		try (SlabPool fresh = new SlabPool(0, Duration.ofSeconds(1))) {
			Fetches fetches = new Fetches(fresh);
			URI plain = this.server.url(this.synthetic.plain(), StorageProcess.THROTTLED);
			URI zstd = this.server.url(this.synthetic.coded(), StorageProcess.THROTTLED);
			int count = Math.min(3, this.samples);
			add(Figure.atMost("peak-off-heap-plain", "MB beyond the decoded", 16,
					ratios(count, () -> resident.peak(() -> fetches.fetch(plain)) - this.synthetic.size() / MB)));
			double allowed = (this.synthetic.size() + Math.min(this.synthetic.codedSize(), SLOTS)) / MB;
			add(Figure.atMost("peak-off-heap-zstd", "MB beyond decoded and slots", 16,
					ratios(count, () -> resident.peak(() -> fetches.fetch(zstd)) - allowed)));
			try (S3Parts s3 = new S3Parts()) {
				Externalizer externalizer = new Externalizer(config(s3.storage, new Compression(3, 0)),
						resources(fresh), this.allocator);
				add(Figure.atMost("peak-memory-upload", "MB beyond the parts", 16,
						ratios(count, () -> resident.peak(() -> upload(externalizer, this.synthetic))
								- PART_SIZE * PARALLEL_PARTS / MB)));
			}
		}
	}

	// ------------------------------------------------------------------ TLS

	private void overTls() throws Exception {
		URI throttled = this.server.secureUrl(this.synthetic.plain(), StorageProcess.THROTTLED);
		URI loopback = this.server.secureUrl(this.synthetic.plain(), "");
		URI put = this.server.secureUrl("put", "");
		Fetches fetches = new Fetches(this.slabs);
		int count = Math.min(5, this.samples);
		try (RawConnections raw = new RawConnections(loopback, this.server.trust())) {
			add(Figure.reported("fetch-throttled-plain-tls", "ratio", ratios(count, () -> {
				double ours = time("fetch-throttled-plain-tls", () -> fetches.fetch(throttled));
				double limit = time("raw throttled s.arrow, TLS",
						() -> raw.get(throttled, this.synthetic.size(), this.synthetic.memory()));
				return ours / (limit + StorageProcess.FIRST_BYTE_SECONDS);
			})));
			add(Figure.reported("fetch-loopback-plain-tls", "ratio", ratios(count, () -> {
				double ours = time("fetch-loopback-plain-tls", () -> fetches.fetch(loopback));
				double download = time("raw loopback s.arrow, TLS",
						() -> raw.get(loopback, this.synthetic.size(), this.synthetic.memory()));
				return ours / (download + digest(this.synthetic));
			})));
			Externalizer externalizer = externalizer(new DirectStorage(this.transport, put), null);
			add(Figure.reported("upload-loopback-plain-tls", "ratio", ratios(count, () -> {
				double ours = time("upload-loopback-plain-tls", () -> upload(externalizer, this.synthetic));
				double reference = time("raw put of s.arrow, TLS",
						() -> raw.put(put, this.synthetic.size(), this.synthetic.segments()));
				return ours / Math.max(reference, digest(this.synthetic));
			})));
		}
	}

	// --------------------------------------------------------------- helpers

	private String store(GatheredStream bytes, String name) throws Exception {
		MessageDigest sha = MessageDigest.getInstance("SHA-256");
		try (FileChannel file = FileChannel.open(this.server.file(name), StandardOpenOption.CREATE,
				StandardOpenOption.WRITE)) {
			for (ByteBuffer segment : bytes.segments()) {
				sha.update(segment.duplicate());
				while (segment.hasRemaining()) {
					file.write(segment);
				}
			}
		}
		return HexFormat.of().formatHex(sha.digest());
	}

	private static FetchConfig config() {
		return FetchConfig.defaults().withMaxFetchSize(1L << 30).withMaxDecompressedSize(1L << 30);
	}

	private static ExternalLocationConfig config(@Nullable ExternalStorage storage, @Nullable Compression compression) {
		return ExternalLocationConfig.defaults()
			.withStorage(storage)
			.withExternalizeThreshold(1)
			.withMaxRetries(0)
			.withFetchConfig(config())
			.withCompression(compression)
			.withUrlValidator(UrlValidator.acceptAll());
	}

	private Externalizer externalizer(ExternalStorage storage, @Nullable Compression compression) {
		return new Externalizer(config(storage, compression), resources(this.slabs), this.allocator);
	}

	private TransferResources resources(SlabPool slabs) {
		return new TransferResources(this.transport, this.budget, slabs, this.transferThreads, TransferListener.none());
	}

	private static void upload(Externalizer externalizer, StoredBatch stored) {
		// From the batch, as a handler returned it, to the pointer.
		externalizer.store(stored.batch().schema(), List.of(stored.batch()), true);
	}

	private double[] ratios(int count, Sample sample) throws Exception {
		double[] ratios = new double[count];
		int warmUp = Math.min(3, count);
		for (int i = -warmUp; i < count; i++) {
			double ratio = sample.take();
			if (i >= 0) {
				ratios[i] = ratio;
			}
			else if (i == -1) {
				this.runs.clear();
				this.processorRuns.clear();
			}
		}
		this.runs.forEach((name, times) -> this.seconds.put(name, Figure.median(array(times))));
		this.processorRuns.forEach((name, times) -> this.processorSeconds.put(name, Figure.median(array(times))));
		this.runs.clear();
		this.processorRuns.clear();
		return ratios;
	}

	private double time(String name, Step step) throws Exception {
		long processor = process.getProcessCpuTime();
		long start = System.nanoTime();
		step.run();
		double time = (System.nanoTime() - start) / 1e9;
		this.runs.computeIfAbsent(name, (key) -> new ArrayList<>()).add(time);
		this.processorRuns.computeIfAbsent(name, (key) -> new ArrayList<>())
			.add((process.getProcessCpuTime() - processor) / 1e9);
		return time;
	}

	private static double[] array(List<Double> values) {
		return values.stream().mapToDouble(Double::doubleValue).toArray();
	}

	// Of the caller, and of the threads of transfers that have ended.
	private double allocated(Step step) throws Exception {
		long before = this.workers.ofTransfers();
		step.run();
		return this.workers.ofTransfers() - before;
	}

	@Override
	public void close() throws Exception {
		this.synthetic.close();
		this.slabs.close();
		this.transport.close();
		this.server.close();
		this.allocator.close();
	}

	/**
	 * Something that is done.
	 */
	@FunctionalInterface
	interface Step {

		void run() throws Exception;

	}

	/**
	 * Takes one sample.
	 */
	@FunctionalInterface
	private interface Sample {

		double take() throws Exception;

	}

	/**
	 * Measures results of readers.
	 */
	@FunctionalInterface
	private interface Results {

		void measure(ReaderResults results, Consumer<Figure> figures) throws Exception;

	}

	/**
	 * What is handed to whoever started this.
	 *
	 * @param figures all figures
	 * @param seconds median times by what took them
	 * @param processorSeconds what this process, without the server, kept processors busy
	 * meanwhile
	 */
	record Result(List<Figure> figures, Map<String, Double> seconds, Map<String, Double> processorSeconds) {

	}

	/**
	 * Fetches to verified batches.
	 */
	private final class Fetches {

		private final LocationResolver resolver;

		private final AtomicReference<@Nullable TransferStatistics> last = new AtomicReference<>();

		Fetches(SlabPool slabs) {
			this(config(), slabs);
		}

		Fetches(FetchConfig config, SlabPool slabs) {
			this(config, slabs, Measurements.this.budget);
		}

		Fetches(FetchConfig config, SlabPool slabs, TransferBudget budget) {
			TransferListener listener = TestListeners.ended((transfer) -> this.last.set(transfer.statistics()));
			this.resolver = new LocationResolver(config(null, null).withFetchConfig(config), new TransferResources(
					Measurements.this.transport, budget, slabs, Measurements.this.transferThreads, listener));
		}

		void fetch(URI url) {
			fetch(url, Measurements.this.synthetic);
		}

		void fetch(URI url, StoredBatch stored) {
			fetch(url, stored.batch(), stored.digest());
		}

		void fetch(URI url, String digest) {
			fetch(url, Measurements.this.synthetic.batch(), digest);
		}

		private void fetch(URI url, AnnotatedBatch batch, String digest) {
			this.resolver.resolve(pointer(url, batch, digest), Measurements.this.allocator, (message) -> {
			}).close();
		}

		private AnnotatedBatch pointer(URI url, AnnotatedBatch batch, String digest) {
			return batch.zeroRows(BatchMetadata.empty()
				.with(MetadataKeys.LOCATION, url.toString())
				.with(MetadataKeys.LOCATION_SHA256, digest), Measurements.this.allocator);
		}

		void read(URI url, StoredBatch piece, int pieces, boolean ownThread) throws IOException {
			AtomicInteger left = new AtomicInteger(pieces);
			BatchSource source = new BatchSource() {

				@Override
				public Schema schema() {
					return piece.batch().schema();
				}

				@Override
				public @Nullable AnnotatedBatch next() {
					return (left.getAndDecrement() > 0) ? pointer(url, piece.batch(), piece.digest()) : null;
				}

				@Override
				public boolean isReady() {
					return true;
				}

				@Override
				public void close() {
					// There is nothing to release.
				}

			};
			BufferAllocator allocator = Measurements.this.allocator;
			try (ResolvedReader reader = new ResolvedReader(this.resolver.ahead(source, allocator, (message) -> {
			}, ownThread), allocator)) {
				int count = 0;
				while (reader.loadNextBatch()) {
					count++;
				}
				if (count != pieces) {
					throw new IllegalStateException("Read " + count);
				}
			}
		}

		TransferStatistics last() {
			TransferStatistics statistics = this.last.get();
			if (statistics == null) {
				throw new IllegalStateException("Nothing was fetched");
			}
			return statistics;
		}

	}

	/**
	 * The storage for S3 against the server.
	 */
	private final class S3Parts implements AutoCloseable {

		private final S3Client client;

		private final S3Presigner presigner;

		private final S3Storage storage;

		S3Parts() {
			URI endpoint = URI.create("http://localhost:" + Measurements.this.server.url("", "").getPort());
			StaticCredentialsProvider credentials = StaticCredentialsProvider
				.create(AwsBasicCredentials.create("access", "secret"));
			this.client = S3Client.builder()
				.credentialsProvider(credentials)
				.region(Region.EU_CENTRAL_1)
				.endpointOverride(endpoint)
				.forcePathStyle(true)
				.build();
			this.presigner = S3Clients.presigner(credentials, "eu-central-1", endpoint, true);
			this.storage = new S3Storage(this.client, this.presigner, Measurements.this.transport,
					TransferThreads.platform(),
					S3StorageSettings.of("batches").withPartSize(PART_SIZE).withMaxParallelParts(PARALLEL_PARTS),
					Clock.systemUTC());
		}

		@Override
		public void close() {
			this.presigner.close();
			this.client.close();
		}

	}

}
