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
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedTransfers;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
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

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofHours(1), 64, null, null, null, null), null,
			this.timer);

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
		return batch.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, url.toString())
			.with(MetadataKeys.LOCATION_SHA256, sha256), this.allocator);
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
		FutureTask<Void> task = new FutureTask<>(() -> resolve(pointer), null);
		new Thread(task, "caller").start();
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
				"range 0 sent", "range 0 answered 206", "size " + length, "digest begins", "range 0 complete " + length,
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

}
