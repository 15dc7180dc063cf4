package dev.vgi.external.location;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedTransfers;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferEvent;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What listeners are told about a fetch, in order: from a storage with faults, in ranges
 * of 64 KiB, the clock standing still unless a test moves it.
 */
@SuppressWarnings("NullAway.Init")
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FetchTimelineTests {

	private static final int CHUNK = 64 << 10;

	/** Of an object of a few hundred bytes. */
	private static final int FEW = 10;

	/** Of an object of four ranges and a bit. */
	private static final int MANY = 4 * CHUNK / 8;

	@TempDir
	private Path folder;

	private final RootAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = FixedPace.transport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofHours(1), 64, null, null, null, null), this.timer);

	private final SlabPool slabs = new SlabPool(1 << 20, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(64 << 20, 8);

	private final RecordedTransfers events = new RecordedTransfers();

	private FetchConfig config = FetchConfig.defaults()
		.withMaxParallelRequests(2)
		.withChunkSize(CHUNK)
		.withMaxSpeculativeHedges(0);

	private byte[] object = {};

	private String[] headers = {};

	private FaultServer.Handler faults = (request, reply) -> {
	};

	private final FaultServer server = new FaultServer((request, reply) -> {
		this.faults.handle(request, reply);
		if (!request.isAnswered()) {
			reply.object(this.object, this.headers);
		}
	});

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		this.server.close();
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		this.allocator.close();
	}

	private AnnotatedBatch store(int rows) {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, rows)) {
			this.object = SampleBatches.stream(batch);
			return pointer(batch, this.server.url("/o?secret"), sha256(this.object));
		}
	}

	private AnnotatedBatch pointer(AnnotatedBatch batch, URI url, String sha256) {
		return batch.zeroRows(
				BatchMetadata.of(MetadataKeys.LOCATION, url.toString()).with(MetadataKeys.LOCATION_SHA256, sha256),
				this.allocator);
	}

	private static String sha256(byte[] bytes) {
		try {
			return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private LocationResolver resolver(TransferListener listener, @Nullable ExternalStorage storage) {
		ExternalLocationConfig resolving = ExternalLocationConfig.defaults()
			.withFetchConfig(this.config)
			.withUrlValidator(UrlValidator.acceptAll());
		return new LocationResolver((storage != null) ? resolving.withStorage(storage) : resolving,
				new TransferResources(this.transport, this.budget, this.slabs, TransferThreads.platform(), listener));
	}

	private void resolve(AnnotatedBatch pointer) {
		resolver(this.events, null).resolve(pointer, this.allocator, LogSink.discarding()).close();
	}

	private FutureTask<Void> start(AnnotatedBatch pointer) {
		return start(resolver(this.events, null), pointer);
	}

	private FutureTask<Void> start(LocationResolver resolver, AnnotatedBatch pointer) {
		FutureTask<Void> task = new FutureTask<>(
				() -> resolver.resolve(pointer, this.allocator, LogSink.discarding()).close(), null);
		new Thread(RequestMemory.inherited(task), "caller").start();
		return task;
	}

	/** Let time pass for retries and hedges, but not for the deadline. */
	private void drive(FutureTask<Void> call) throws Exception {
		while (!call.isDone()) {
			if (!this.timer.advanceToAlarmWithin(Duration.ofSeconds(3))) {
				Thread.onSpinWait();
			}
		}
		call.get();
	}

	@Test
	void smallObject() {
		resolve(store(FEW));
		int length = this.object.length;
		assertThat(this.events.lines()).containsExactly("download begins", "range 0 queued for " + CHUNK + " at 0",
				"range 0 sent", "range 0 answered 206", "size " + length, "range 0 complete " + length, "digest begins",
				"0 complete", "download over", "digest over", "parsing begins", "parsing over", "success");
	}

	@Test
	void codedObject() throws IOException {
		AnnotatedBatch pointer = store(FEW);
		ByteArrayOutputStream coded = new ByteArrayOutputStream();
		try (OutputStream out = Objects.requireNonNull(ContentCodec.forCoding("zstd")).encode(coded, -1)) {
			out.write(this.object);
		}
		this.object = coded.toByteArray();
		this.headers = new String[] { "Content-Encoding: zstd" };
		resolve(pointer);
		int length = this.object.length;
		assertThat(this.events.lines()).containsExactly("download begins", "range 0 queued for " + CHUNK + " at 0",
				"range 0 sent", "range 0 answered 206", "size " + length + " zstd", "coding begins", "digest begins",
				"range 0 complete " + length, "0 complete", "download over", "coding over", "digest over",
				"parsing begins", "parsing over", "success");
	}

	@Test
	void storageThatIgnoresRanges() {
		AnnotatedBatch pointer = store(MANY);
		this.faults = (request, reply) -> {
			reply.head(200, "Content-Length: " + this.object.length);
			reply.raw(this.object);
		};
		resolve(pointer);
		int length = this.object.length;
		assertThat(this.events.lines())
			.startsWith("download begins", "range 0 queued for " + CHUNK + " at 0", "range 0 sent",
					"range 0 answered 200", "size " + length, "digest begins")
			.contains("range 0 complete " + length)
			.endsWith("0 complete", "download over", "digest over", "parsing begins", "parsing over", "success");
	}

	@Test
	void wholeObjectAfterItsHead() {
		this.config = new FetchConfig(FetchConfig.Probe.HEAD, 64 << 20, CHUNK, 2, Duration.ofSeconds(60), 1 << 20,
				1 << 20, 5, 2, 0, 0);
		AnnotatedBatch pointer = store(FEW);
		resolve(pointer(pointer, this.server.url("/o"), sha256(this.object)));
		pointer.close();
		int length = this.object.length;
		assertThat(this.events.lines()).containsExactly("download begins", "head 0 queued for -1 at 0", "head 0 sent",
				"head 0 answered 200", "head 0 complete 0", "object 0 queued for " + length + " at 0", "object 0 sent",
				"object 0 answered 200", "size " + length, "object 0 complete " + length, "digest begins", "0 complete",
				"download over", "digest over", "parsing begins", "parsing over", "success");
	}

	@Test
	void redirect() {
		AnnotatedBatch pointer = store(FEW);
		this.faults = (request, reply) -> {
			if (request.target().equals("/o?secret")) {
				reply.empty(302, "Location: /elsewhere?secret");
			}
		};
		resolve(pointer);
		int length = this.object.length;
		assertThat(this.events.lines("range")).containsExactly("range 0 queued for " + CHUNK + " at 0", "range 0 sent",
				"range 0 answered 302", "range 0 complete 0", "range 0 queued for " + CHUNK + " at 0", "range 0 sent",
				"range 0 answered 206", "range 0 complete " + length);
		assertThat(this.events.lines()).endsWith("success");
	}

	@Test
	void busyStorageThatNamesAPause() throws Exception {
		this.config = this.config.withSpeculativeRetryMultiplier(0);
		AnnotatedBatch pointer = store(FEW);
		this.faults = (request, reply) -> {
			if (request.index() == 0) {
				reply.empty(503, "Retry-After: 2");
			}
		};
		drive(start(pointer));
		List<String> lines = new ArrayList<>(this.events.lines());
		String again = lines.remove(6);
		assertThat(again).matches("-1 again in 2[0-9]{3} after storage-unavailable");
		assertThat(lines).startsWith("download begins", "range 0 queued for " + CHUNK + " at 0", "range 0 sent",
				"range 0 answered 503", "range 0 complete 0", "download over", "pause begins", "pause over",
				"download begins", "range 0 queued for " + CHUNK + " at 0", "range 0 sent", "range 0 answered 206");
		assertThat(lines).endsWith("success");
		assertThat(this.events.transfers().get(0).retries()).isOne();
	}

	@Test
	void bodyThatBreaksOffGoesOnWhereItEnded() throws Exception {
		AnnotatedBatch pointer = store(FEW);
		this.faults = (request, reply) -> {
			if (request.index() == 0) {
				int[] range = Objects.requireNonNull(reply.range(this.object));
				reply.rangeHead(this.object, range);
				reply.raw(this.object, 0, 100);
				reply.hangUp();
			}
		};
		drive(start(pointer));
		int rest = this.object.length - 100;
		assertThat(this.events.lines("range")).containsExactly("range 0 queued for " + CHUNK + " at 0", "range 0 sent",
				"range 0 answered 206", "range 0 failed 100", "range 0 queued for " + rest + " at 100", "range 0 sent",
				"range 0 answered 206", "range 0 complete " + rest);
		assertThat(this.events.lines()).containsSubsequence("range 0 failed 100",
				"-2 again in 500 after storage-unavailable", "pause begins", "pause over", "range 0 complete " + rest,
				"0 complete", "download over", "success");
		assertThat(this.events.transfers().get(0).retries()).isZero();
	}

	@Test
	void objectOfTheOwnStorageIsNotRequested() {
		ExternalStorage storage = new LocalStorage(LocalStorageSettings.of(this.folder),
				() -> URI.create("http://127.0.0.1:1"), Clock.systemUTC());
		LocationResolver resolver = resolver(this.events, storage);
		Externalizer externalizer = new Externalizer(resolver.config().withExternalizeThreshold(0),
				resolver.resources().withListener(TransferListener.none()), this.allocator);
		try (OutputCycle cycle = externalizer.externalize(OutputCycle.of(SampleBatches.numbers(this.allocator, FEW)))) {
			AnnotatedBatch pointer = cycle.data();
			resolver.resolve(pointer, this.allocator, LogSink.discarding()).close();
		}
		assertThat(this.events.lines().get(0)).matches("size [1-9][0-9]*");
		assertThat(this.events.lines()).startsWith(this.events.lines().get(0), "download begins", "digest begins",
				"download over", "digest over", "parsing begins", "parsing over", "success");
		assertThat(this.events.transfers().get(0).storage()).isEqualTo("local");
	}

	@Test
	void waitForMemory() throws Exception {
		AnnotatedBatch pointer = store(FEW);
		FutureTask<Void> call;
		try (TransferBudget.Lease all = this.budget.acquire(this.budget.maxBytes(), Duration.ZERO)) {
			assertThat(all).isNotNull();
			call = start(pointer);
			while (this.budget.waiting() == 0) {
				Thread.onSpinWait();
			}
			assertThat(this.events.lines()).endsWith("memory begins");
		}
		call.get();
		int length = this.object.length;
		assertThat(this.events.lines()).containsExactly("download begins", "range 0 queued for " + CHUNK + " at 0",
				"range 0 sent", "range 0 answered 206", "size " + length, "range 0 cancelled 0", "download over",
				"memory begins", "memory over", "download begins", "range 0 queued for " + CHUNK + " at 0",
				"range 0 sent", "range 0 answered 206", "size " + length, "range 0 complete " + length, "digest begins",
				"0 complete", "download over", "digest over", "parsing begins", "parsing over", "success");
	}

	private FetchConfig inRanges() {
		return new FetchConfig(FetchConfig.Probe.RANGE, CHUNK, CHUNK, 2, Duration.ofSeconds(60), 8 << 20, 8 << 20, 5, 2,
				1, 0);
	}

	/**
	 * Fetch an object whose range 1 stalls until everything else is there.
	 * @param pointer its pointer
	 * @return the fetch, with a hedge sent
	 */
	private FutureTask<Void> hedged(AnnotatedBatch pointer) throws Exception {
		FutureTask<Void> call = start(pointer);
		while (!this.events.lines().containsAll(List.of("range 1 sent", "4 complete"))) {
			Thread.onSpinWait();
		}
		while (this.events.lines("hedge").isEmpty()) {
			this.timer.advanceToAlarmWithin(Duration.ofMillis(100));
		}
		return call;
	}

	@Test
	void hedgeThatWins() throws Exception {
		this.config = inRanges();
		AnnotatedBatch pointer = store(MANY);
		AtomicInteger asked = new AtomicInteger();
		this.faults = (request, reply) -> {
			if (request.rangeStart() == CHUNK && asked.getAndIncrement() == 0) {
				reply.stall();
			}
		};
		hedged(pointer).get();
		List<String> queued = this.events.lines("range 1 queued");
		assertThat(queued).hasSize(1);
		assertThat(this.events.lines()).containsSubsequence("range 0 complete " + CHUNK, "0 complete");
		assertThat(this.events.lines()).containsSubsequence("download begins", "range 0 answered 206", queued.get(0),
				"range 1 sent", queued.get(0).replace("range", "hedge"), "hedge 1 sent", "hedge 1 answered 206",
				"range 1 cancelled 0", "1 complete by its hedge", "download over", "digest over", "parsing over",
				"success");
		assertThat(this.events.lines("hedge 1 complete ")).hasSize(1);
		everythingIsToldOnce(5);
	}

	@Test
	void hedgeThatLoses() throws Exception {
		this.config = inRanges();
		AnnotatedBatch pointer = store(MANY);
		AtomicInteger asked = new AtomicInteger();
		CountDownLatch first = new CountDownLatch(1);
		this.faults = (request, reply) -> {
			if (request.rangeStart() == CHUNK) {
				if (asked.getAndIncrement() == 0) {
					reply.await(first);
				}
				else {
					first.countDown();
					reply.stall();
				}
			}
		};
		hedged(pointer).get();
		assertThat(this.events.lines()).containsSubsequence("range 1 sent", "hedge 1 sent", "range 1 answered 206",
				"1 complete", "hedge 1 cancelled 0", "success");
		assertThat(this.events.lines()).containsSubsequence("1 complete", "download over", "digest over");
		everythingIsToldOnce(5);
	}

	@Test
	void rangeThatIsRepeated() throws Exception {
		this.config = inRanges().withSpeculativeRetryMultiplier(0);
		AnnotatedBatch pointer = store(MANY);
		AtomicInteger asked = new AtomicInteger();
		this.faults = (request, reply) -> {
			if (request.rangeStart() == CHUNK && asked.getAndIncrement() == 0) {
				reply.empty(500);
			}
		};
		drive(start(pointer));
		assertThat(this.events.lines("range 1 ")).hasSize(8);
		assertThat(this.events.lines()).containsSubsequence("range 1 answered 500", "range 1 complete 0",
				"1 again in 500 after storage-unavailable", "range 1 sent", "range 1 answered 206", "1 complete",
				"success");
		// Other ranges go on, so that the transfer does not pause.
		assertThat(this.events.lines("pause")).isEmpty();
		assertThat(this.events.transfers().get(0).retries()).isZero();
	}

	@Test
	void firstRequestWhoseHedgeWins() throws Exception {
		LocationResolver resolver = resolver(this.events, null);
		resolver.resolve(store(FEW), this.allocator, LogSink.discarding()).close();
		this.events.clear();
		AnnotatedBatch pointer = store(FEW);
		this.faults = (request, reply) -> {
			if (request.index() == 1) {
				reply.stall();
			}
		};
		FutureTask<Void> call = start(resolver, pointer);
		while (this.server.requests().size() < 2) {
			Thread.onSpinWait();
		}
		drive(call);
		assertThat(this.events.lines()).containsSubsequence("range 0 sent", "hedge 0 queued for " + CHUNK + " at 0",
				"hedge 0 sent", "hedge 0 answered 206", "hedge 0 complete " + this.object.length,
				"0 complete by its hedge", "success");
		assertThat(this.events.lines("range 0")).endsWith("range 0 cancelled 0");
	}

	@Test
	void threadsOfAFetchKnowWhatItServes() throws Exception {
		this.config = inRanges();
		List<Boolean> serving = Collections.synchronizedList(new ArrayList<>());
		LocationResolver resolver = resolver(TransferListener.all(List.of(this.events, new TransferListener() {

			@Override
			public Watch begin(Transfer transfer) {
				return new Watch() {

					@Override
					public void happened(TransferEvent event) {
						serving.add(RequestMemory
							.allocator(FetchTimelineTests.this.allocator) != FetchTimelineTests.this.allocator);
					}

				};
			}

		})), null);
		AtomicInteger asked = new AtomicInteger();
		this.faults = (request, reply) -> {
			if (request.rangeStart() == 0 && asked.getAndIncrement() == 1) {
				reply.stall();
			}
		};
		try (RequestMemory request = this.budget.request("caller", this.allocator);
				RequestMemory.Bound bound = request.bind()) {
			assertThat(bound).isNotNull();
			resolver.resolve(store(MANY), this.allocator, LogSink.discarding()).close();
			FutureTask<Void> call = start(resolver, store(MANY));
			while (asked.get() < 2) {
				Thread.onSpinWait();
			}
			drive(call);
		}
		assertThat(this.events.lines("hedge 0 complete")).isNotEmpty();
		assertThat(serving).isNotEmpty().doesNotContain(false);
	}

	@Test
	void eventsAreBoundedByTheRequests() {
		this.config = inRanges().withMaxParallelRequests(4);
		resolve(store(24 * MANY));
		long requests = this.server.requests().size();
		assertThat(requests).isGreaterThan(90);
		assertThat(this.events.lines()).hasSizeLessThan((int) (5 * requests) + 10);
	}

	private void everythingIsToldOnce(int ranges) {
		List<String> phases = this.events.lines()
			.stream()
			.filter((line) -> line.endsWith(" begins") || line.endsWith(" over"))
			.toList();
		assertThat(phases).containsExactlyInAnyOrder("download begins", "download over", "digest begins", "digest over",
				"parsing begins", "parsing over");
		for (int i = 0; i < ranges; i++) {
			assertThat(this.events.lines(i + " complete")).hasSize(1);
			assertThat(this.events.lines("range " + i + " ")).hasSizeBetween(3, 4);
		}
		assertThat(this.events.lines("size")).hasSize(1);
	}

}
