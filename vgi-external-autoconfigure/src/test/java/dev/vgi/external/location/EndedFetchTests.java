package dev.vgi.external.location;

import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedTransfers;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

/**
 * A fetch that somebody ends, whatever it waits for. The clock stands still, so that
 * nothing else ends it. Its thread goes on to serve others.
 */
@SuppressWarnings("NullAway.Init")
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class EndedFetchTests {

	private static final int CHUNK = 64 << 10;

	/** Of an object of four ranges and a bit. */
	private static final int MANY = 4 * CHUNK / 8;

	@TempDir
	private Path folder;

	private final RootAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofHours(1), 1, null, null, null, null), null,
			this.timer);

	private final SlabPool slabs = new SlabPool(1 << 20, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(64 << 20, 8);

	private final RecordedTransfers transfers = new RecordedTransfers();

	private final CountDownLatch reached = new CountDownLatch(1);

	private FetchConfig config = FetchConfig.defaults().withMaxParallelRequests(2).withChunkSize(CHUNK);

	private byte[] object = {};

	private FaultServer.Handler faults = (request, reply) -> {
	};

	private final FaultServer server = new FaultServer((request, reply) -> {
		this.faults.handle(request, reply);
		if (!request.isAnswered()) {
			reply.object(this.object);
		}
	});

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.transport.leasedConnections()).isZero();
		assertThat(this.transport.pace().waiting() + this.transport.pace().inFlight()).isZero();
		this.transport.close();
		this.server.close();
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.budget.waiting()).isZero();
		assertThat(this.budget.transfers().count()).isZero();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		this.allocator.close();
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().matches("vgi-external-(ahead|range|renewal)"));
	}

	/**
	 * Return what creates the threads that fetch, and those beside them.
	 * @return creates threads
	 */
	ThreadFactory callers() {
		return Thread::new;
	}

	private AnnotatedBatch store(int rows) {
		return store(SampleBatches.numbers(this.allocator, rows));
	}

	private AnnotatedBatch store(AnnotatedBatch stored) {
		try (AnnotatedBatch batch = stored) {
			this.object = SampleBatches.stream(batch);
			return batch.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, this.server.url("/o?secret").toString()),
					this.allocator);
		}
	}

	private LocationResolver resolver(@Nullable ExternalStorage storage) {
		ExternalLocationConfig resolving = ExternalLocationConfig.defaults()
			.withFetchConfig(this.config)
			.withUrlValidator(UrlValidator.acceptAll());
		return new LocationResolver((storage != null) ? resolving.withStorage(storage) : resolving,
				new TransferResources(this.transport, this.budget, this.slabs, new TransferThreads(callers()),
						this.transfers));
	}

	private Future<TransferCancelledException> start(AnnotatedBatch pointer) {
		return start(resolver(null), pointer);
	}

	// The failure of a fetch whose thread is not interrupted afterwards.
	private Future<TransferCancelledException> start(LocationResolver resolver, AnnotatedBatch pointer) {
		FutureTask<TransferCancelledException> call = new FutureTask<>(() -> {
			TransferCancelledException failure = catchThrowableOfType(TransferCancelledException.class,
					() -> resolver.resolve(pointer, this.allocator, LogSink.discarding()).close());
			assertThat(Thread.currentThread().isInterrupted()).isFalse();
			return failure;
		});
		callers().newThread(call).start();
		return call;
	}

	private static void until(BooleanSupplier condition) {
		while (!condition.getAsBoolean()) {
			Thread.onSpinWait();
		}
	}

	private boolean isWaiting(String last) {
		List<String> lines = this.transfers.lines();
		return !lines.isEmpty() && lines.get(lines.size() - 1).equals(last);
	}

	/**
	 * End the only transfer.
	 * @param call its call
	 * @return its failure
	 */
	private TransferCancelledException end(Future<TransferCancelledException> call) throws Exception {
		Transfer transfer = this.transfers.transfers().get(this.transfers.transfers().size() - 1);
		transfer.end();
		TransferCancelledException failure = call.get();
		assertThat(failure).hasMessage("The transfer " + transfer.id() + " was ended by an operator");
		assertThat(failure.kind()).isEqualTo(Kind.CANCELLED);
		assertThat(transfer.failure()).isSameAs(failure);
		assertThat(transfer.outcome()).isEqualTo("cancelled");
		assertThat(this.transfers.lines()).endsWith("cancelled");
		assertThat(this.transfers.lines("range 0 queued for " + CHUNK + " at 0")).hasSizeLessThanOrEqualTo(1);
		return failure;
	}

	@Test
	void whoeverTakesTheLogFailsWithAnErrorOfAnotherService() throws Exception {
		AnnotatedBatch pointer = store(10);
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 10)) {
			this.object = SampleBatches.stream(batch, new LogMessage("INFO", "stored", Map.of()));
		}
		ErrorBatchException failure = new ErrorBatchException("ValueError", "no", null, null, null);
		assertThatExceptionOfType(ErrorBatchException.class)
			.isThrownBy(() -> resolver(null).resolve(pointer, this.allocator, (log) -> {
				throw failure;
			}))
			.isSameAs(failure);
		assertThat(this.transfers.lines()).endsWith("remote-error");
	}

	@Test
	void whoeverTakesTheLogThrowsACheckedException() throws Exception {
		AnnotatedBatch pointer = store(10);
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 10)) {
			this.object = SampleBatches.stream(batch, new LogMessage("INFO", "stored", Map.of()));
		}
		TimeoutException failure = new TimeoutException("no answer");
		assertThatException()
			.isThrownBy(() -> resolver(null).resolve(pointer, this.allocator,
					(log) -> EndedFetchTests.<RuntimeException>throwAnything(failure)))
			.isSameAs(failure);
		assertThat(this.transfers.lines()).endsWith("error");
	}

	@Test
	void aReaderThatIsStoredThrowsACheckedException() {
		TimeoutException failure = new TimeoutException("no answer");
		ExternalStorage storage = new LocalStorage(LocalStorageSettings.of(this.folder),
				() -> URI.create("http://127.0.0.1:1"), Clock.systemUTC());
		LocationResolver resolver = resolver(storage);
		try (ReaderBatches batches = new ReaderBatches(new NumbersReader(2, 10) {

			@Override
			protected void beforeBatch(int number) {
				if (number == 2) {
					EndedFetchTests.<RuntimeException>throwAnything(failure);
				}
			}

		}, this.allocator)) {
			assertThatException().isThrownBy(() -> new StreamUploads(resolver.config(), resolver.resources())
				.upload(batches, false, ResponseBudget.unlimited())).withRootCauseInstanceOf(TimeoutException.class);
		}
		assertThat(this.transfers.lines()).endsWith("error");
	}

	// As Kotlin does.
	@SuppressWarnings("unchecked")
	private static <T extends Throwable> void throwAnything(Throwable thrown) throws T {
		throw (T) thrown;
	}

	@Test
	void whileItWaitsForMemory() throws Exception {
		AnnotatedBatch pointer = store(10);
		try (TransferBudget.Lease all = this.budget.acquire(this.budget.maxBytes(), Duration.ZERO)) {
			assertThat(all).isNotNull();
			Future<TransferCancelledException> call = start(pointer);
			until(() -> this.budget.waiting() > 0);
			end(call);
			assertThat(this.transfers.lines()).endsWith("memory begins", "memory over", "cancelled");
		}
	}

	@Test
	void whileItWaitsForItsTurn() throws Exception {
		this.faults = (request, reply) -> reply.stall();
		Future<TransferCancelledException> other = start(store(10));
		until(() -> this.transport.leasedConnections() == 1 && this.server.requests().size() == 1);
		Transfer holds = this.transfers.transfers().get(0);
		this.transfers.clear();
		Future<TransferCancelledException> call = start(store(10));
		until(() -> this.transport.pace().waiting() == 1);
		end(call);
		assertThat(this.transfers.lines("range")).containsExactly("range 0 queued for " + CHUNK + " at 0",
				"range 0 cancelled 0");
		holds.end();
		assertThat(other.get()).hasMessageContaining("ended by an operator");
	}

	@Test
	void whileItWaitsForTheFirstByte() throws Exception {
		this.faults = (request, reply) -> reply.stall();
		Future<TransferCancelledException> call = start(store(10));
		until(() -> this.server.requests().size() == 1 && isWaiting("range 0 sent"));
		end(call);
		assertThat(this.transfers.lines()).endsWith("range 0 sent", "range 0 cancelled 0", "download over",
				"cancelled");
	}

	@Test
	void inTheBody() throws Exception {
		this.faults = (request, reply) -> {
			reply.rangeHead(this.object, Objects.requireNonNull(reply.range(this.object)));
			reply.raw(this.object, 0, 100);
			reply.stall();
		};
		Future<TransferCancelledException> call = start(store(10));
		until(() -> this.transfers.transfers().size() == 1 && isWaiting("size " + this.object.length));
		end(call);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void inTheRanges(boolean inTheBody) throws Exception {
		this.config = new FetchConfig(FetchConfig.Probe.RANGE, CHUNK, CHUNK, 4, Duration.ofSeconds(60), 1 << 20,
				1 << 20, 5, 2, 0, 0);
		this.faults = (request, reply) -> {
			if (request.rangeStart() > 0) {
				if (inTheBody) {
					int[] range = Objects.requireNonNull(reply.range(this.object));
					reply.rangeHead(this.object, range);
					reply.raw(this.object, range[0], range[0] + 100);
				}
				this.reached.countDown();
				reply.stall();
			}
		};
		Future<TransferCancelledException> call = start(store(MANY));
		this.reached.await();
		end(call);
	}

	@Test
	void inThePauseBeforeAFurtherAttempt() throws Exception {
		this.faults = (request, reply) -> reply.empty(500);
		Future<TransferCancelledException> call = start(store(10));
		until(() -> isWaiting("pause begins"));
		TransferCancelledException failure = end(call);
		// What had failed before is still to be seen.
		assertThat(failure.getSuppressed()[0].getSuppressed()).singleElement().asString().contains("500");
		assertThat(this.transfers.lines()).endsWith("pause begins", "pause over", "cancelled");
	}

	@Test
	void inThePauseBeforeTheRestOfABody() throws Exception {
		this.faults = (request, reply) -> {
			reply.rangeHead(this.object, Objects.requireNonNull(reply.range(this.object)));
			reply.raw(this.object, 0, 100);
			reply.hangUp();
		};
		Future<TransferCancelledException> call = start(store(10));
		until(() -> isWaiting("pause begins"));
		end(call);
	}

	@Test
	void whileItWaitsForANewLink() throws Exception {
		this.faults = (request, reply) -> reply.empty(403);
		LocationResolver renewing = resolver(null).renewing((token, path) -> {
			this.reached.countDown();
			try {
				new CountDownLatch(1).await();
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
			throw new IllegalStateException("ended");
		});
		AnnotatedBatch pointer = store(10);
		Future<TransferCancelledException> call = start(renewing,
				pointer.withMetadata(pointer.metadata()
					.with(MetadataKeys.RENEWAL, "token")
					.with(MetadataKeys.RENEWAL_PATH, "/__renew_url__/init")));
		this.reached.await();
		until(() -> isWaiting("renewal begins"));
		end(call);
		assertThat(this.transfers.lines()).endsWith("renewal begins", "renewal over", "download over", "cancelled");
		until(() -> Thread.getAllStackTraces()
			.keySet()
			.stream()
			.noneMatch((thread) -> thread.getName().equals("vgi-external-renewal")));
	}

	@Test
	void inParsing() throws Exception {
		// Offsets and nothing else: they are looked at window by window.
		VarCharVector texts = new VarCharVector("texts", this.allocator);
		texts.allocateNew(8, 1 << 20);
		texts.setValueCount(1 << 20);
		AnnotatedBatch pointer = store(AnnotatedBatch.of(new VectorSchemaRoot(List.of(texts))));
		Schema observed = new ComparedSchema(pointer.schema(), () -> this.transfers.transfers().get(0).end());
		VectorSchemaRoot root = new VectorSchemaRoot(observed, pointer.root().getFieldVectors(), 0);
		Future<TransferCancelledException> call = start(
				new AnnotatedBatch(root, pointer.dictionaries(), pointer.metadata()));
		until(call::isDone);
		end(call);
		assertThat(this.transfers.lines()).endsWith("parsing begins", "parsing over", "cancelled");
	}

	@Test
	void inAnObjectOfTheOwnStorage() throws Exception {
		ExternalStorage storage = new LocalStorage(LocalStorageSettings.of(this.folder),
				() -> URI.create("http://127.0.0.1:1"), Clock.systemUTC());
		LocationResolver resolver = resolver(storage);
		Externalizer externalizer = new Externalizer(resolver.config().withExternalizeThreshold(0),
				resolver.resources().withListener(TransferListener.none()), this.allocator);
		try (TransferBudget.Lease all = this.budget.acquire(this.budget.maxBytes() - (1 << 20), Duration.ZERO);
				OutputCycle cycle = externalizer
					.externalize(OutputCycle.of(SampleBatches.numbers(this.allocator, 4 * MANY)))) {
			assertThat(all).isNotNull();
			AnnotatedBatch pointer = cycle.data();
			Future<TransferCancelledException> call = start(resolver, pointer);
			until(() -> this.budget.waiting() > 0);
			end(call);
		}
	}

	/**
	 * Tells when its fields are compared with those of the stored object.
	 */
	private static final class ComparedSchema extends Schema {

		private final Runnable compared;

		ComparedSchema(Schema schema, Runnable compared) {
			super(schema.getFields());
			this.compared = compared;
		}

		@Override
		public List<Field> getFields() {
			if (this.compared != null && StackWalker.getInstance()
				.walk((frames) -> frames
					.anyMatch((frame) -> frame.getClassName().equals(SchemaComparison.class.getName())))) {
				this.compared.run();
			}
			return super.getFields();
		}

	}

}
