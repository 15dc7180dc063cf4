package dev.vgi.external.location;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transfer.TestListeners;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.ExternalLocationHttpMessageConverter;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import org.springframework.core.ResolvableType;
import org.springframework.mock.http.MockHttpOutputMessage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests of what becomes of a result set on its way out: inline batches, pointers to
 * segments, or one object that is stored while it is read.
 */
@Timeout(60)
class StoredSegmentsTests {

	/** Rows of a batch of about 8 KB. */
	private static final int ROWS = 1000;

	private static final long SEGMENT = 32_000;

	private final BufferAllocator allocator = new RootAllocator();

	private final List<Transfer> uploaded = new ArrayList<>();

	private final MemoryStorage storage = new MemoryStorage();

	private TransferResources resources = resources(1 << 20);

	private ExternalLocationConfig config = ExternalLocationConfig.defaults()
		.withStorage(this.storage)
		.withExternalizeThreshold(20_000)
		.withSegmentSize(SEGMENT);

	private @Nullable NumbersReader reader;

	@AfterEach
	void nothingIsLeft() {
		if (this.reader != null) {
			assertThat(this.reader.isDone()).as("reader closed once and its memory free").isTrue();
		}
		assertThat(this.resources.budget().inUse()).isZero();
		assertThat(this.resources.budget().transfers().count()).isZero();
		this.resources.close();
		this.allocator.close();
	}

	@Test
	void smallResultStaysInlineAsItIs() {
		this.config = this.config.withExternalizeThreshold(8 * ROWS * 3);
		try (ResultBatches result = externalize(new NumbersReader(2, ROWS))) {
			assertThat(result.hasPointers()).isFalse();
			assertInline(result, 0, ROWS);
			assertInline(result, ROWS, ROWS);
			assertThat(result.next()).isNull();
		}
		assertThat(this.storage.objects).isEmpty();
	}

	@Test
	void emptyResultHasASchemaAndNoBatch() {
		for (ResultBatches result : List.of(externalize(new NumbersReader(0, 0)),
				ResultBatches.inline(new ReaderBatches(reader(new NumbersReader(0, 0)), this.allocator)))) {
			try (result; AnnotatedBatch shape = result.shape()) {
				assertThat(shape.schema()).isEqualTo(NumbersReader.SCHEMA);
				assertThat(shape.rowCount()).isZero();
				assertThat(result.next()).isNull();
			}
		}
	}

	@Test
	void largeResultBecomesPointersToSegmentsInOrder() {
		List<Integer> rows = new ArrayList<>();
		try (ResultBatches result = externalize(new NumbersReader(10, ROWS)); AnnotatedBatch shape = result.shape()) {
			assertThat(shape.schema()).isEqualTo(NumbersReader.SCHEMA);
			assertThat(result.hasPointers()).isTrue();
			long first = 0;
			for (AnnotatedBatch next = result.next(); next != null; next = result.next()) {
				try (AnnotatedBatch batch = next) {
					assertThat(batch.isPointer()).isTrue();
					assertThat(batch.metadata().get(MetadataKeys.LOCATION_SHA256)).matches("[0-9a-f]{64}");
					int stored = assertStored(batch, first);
					rows.add(stored);
					first += stored;
				}
			}
		}
		assertThat(rows.stream().mapToInt(Integer::intValue).sum()).isEqualTo(10 * ROWS);
		assertThat(rows).hasSizeBetween(2, 4);
		assertThat(this.uploaded).extracting(Transfer::segment)
			.containsExactlyInAnyOrderElementsOf(IntStream.rangeClosed(1, rows.size()).boxed().toList());
	}

	@Test
	void batchesAsLargeAsASegmentAreOneEach() {
		try (ResultBatches result = externalize(new NumbersReader(3, 5 * ROWS))) {
			for (int i = 0; i < 3; i++) {
				try (AnnotatedBatch batch = result.next()) {
					assertThat(batch).isNotNull();
					assertThat(assertStored(batch, (long) i * 5 * ROWS)).isEqualTo(5 * ROWS);
				}
			}
			assertThat(result.next()).isNull();
		}
	}

	@Test
	void readingGoesOnWhileSegmentsAreUploadedButNotForEver() throws Exception {
		CountDownLatch release = new CountDownLatch(1);
		AtomicInteger running = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		this.storage.before = (number) -> {
			most.accumulateAndGet(running.incrementAndGet(), Math::max);
			await(release);
			running.decrementAndGet();
		};
		NumbersReader numbers = new NumbersReader(30, 5 * ROWS);
		ResultBatches result = externalize(numbers);
		Thread consumer = new Thread(() -> drain(result));
		consumer.start();
		// Two segments are being uploaded, a third one is complete.
		Awaitility.await().until(() -> numbers.loaded() == 3 && running.get() == 2);
		assertThat(numbers.loaded()).isEqualTo(3);
		release.countDown();
		consumer.join();
		assertThat(most).hasValue(2);
		assertThat(this.storage.objects).hasSize(30);
	}

	@Test
	void firstPointerDoesNotWaitForTheLastSegment() {
		CountDownLatch returned = new CountDownLatch(1);
		NumbersReader numbers = new NumbersReader(10, 5 * ROWS) {

			@Override
			protected void beforeBatch(int number) {
				if (number == 5) {
					await(returned);
				}
			}

		};
		try (ResultBatches result = externalize(numbers)) {
			try (AnnotatedBatch batch = result.next()) {
				assertThat(batch).isNotNull();
			}
			returned.countDown();
			assertThat(drain(result)).isEqualTo(9);
		}
	}

	@Test
	void readerThatFailsEndsTheUploads() {
		NumbersReader numbers = new NumbersReader(10, 5 * ROWS) {

			@Override
			protected void beforeBatch(int number) throws IOException {
				if (number == 7) {
					throw new IOException("the disk is gone");
				}
			}

		};
		try (ResultBatches result = externalize(numbers)) {
			assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(() -> drain(result))
				.withMessageContaining("the disk is gone");
		}
	}

	@Test
	void closingAfterTheFirstPointerEndsTheUploads() {
		CountDownLatch never = new CountDownLatch(1);
		this.storage.before = (number) -> {
			if (number > 1) {
				await(never);
			}
		};
		NumbersReader numbers = new NumbersReader(10, 5 * ROWS);
		try (ResultBatches result = externalize(numbers); AnnotatedBatch batch = result.next()) {
			assertThat(batch).isNotNull();
		}
		assertThat(numbers.loaded()).isLessThan(10);
		assertThat(this.storage.objects).hasSize(1);
	}

	@Test
	void whoeverIsInterruptedGetsNoPointer() throws Exception {
		CountDownLatch never = new CountDownLatch(1);
		this.storage.before = (number) -> await(never);
		List<Throwable> failures = new ArrayList<>();
		ResultBatches result = externalize(new NumbersReader(10, 5 * ROWS));
		Thread consumer = new Thread(() -> {
			try (result) {
				result.next();
			}
			catch (RuntimeException ex) {
				failures.add(ex);
			}
		});
		consumer.start();
		Awaitility.await().until(() -> consumer.getState() == Thread.State.WAITING);
		consumer.interrupt();
		consumer.join();
		assertThat(failures).singleElement().isInstanceOf(TransferCancelledException.class);
	}

	@Test
	void segmentThatCannotBeStoredFailsTheResult() {
		this.storage.before = (number) -> {
			if (number == 3) {
				throw new StorageUnavailableException("The bucket does not answer", 503, null);
			}
		};
		try (ResultBatches result = externalize(new NumbersReader(10, 5 * ROWS))) {
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> drain(result));
		}
	}

	@Test
	void orTheRestTravelsInlineIfSoConfigured() {
		this.config = this.config.withInlineOnFailure(true);
		this.storage.before = (number) -> {
			if (number == 3) {
				throw new StorageUnavailableException("The bucket does not answer", 503, null);
			}
		};
		int pointers = 0;
		long rows = 0;
		try (ResultBatches result = externalize(new NumbersReader(10, 5 * ROWS))) {
			for (AnnotatedBatch next = result.next(); next != null; next = result.next()) {
				try (AnnotatedBatch batch = next) {
					pointers += batch.isPointer() ? 1 : 0;
					rows += batch.isPointer() ? assertStored(batch, rows) : assertRows(batch, rows);
				}
			}
		}
		assertThat(rows).isEqualTo(50 * ROWS);
		// The third one failed. A fourth one may have been stored meanwhile.
		assertThat(pointers).isBetween(2, 3);
	}

	@Test
	void storedBytesAreLimitedAsSegmentsAreMade() {
		ResponseBudget budget = new ResponseBudget(null, 100_000L);
		NumbersReader numbers = new NumbersReader(10, 5 * ROWS);
		try (ResultBatches result = new Externalizer(this.config.withInlineOnFailure(true), this.resources,
				this.allocator)
			.externalize(new ReaderBatches(reader(numbers), this.allocator), budget)) {
			assertThatExceptionOfType(ResponseTooLargeException.class).isThrownBy(() -> drain(result));
		}
		assertThat(budget.externalizedBytes()).isLessThanOrEqualTo(100_000L);
	}

	@Test
	void withRoomForOneSegmentTheyAreUploadedOneAfterTheOther() {
		this.resources.close();
		this.resources = resources(SEGMENT + SEGMENT / 2);
		AtomicInteger running = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		this.storage.before = (number) -> most.accumulateAndGet(running.incrementAndGet(), Math::max);
		this.storage.after = (number) -> running.decrementAndGet();
		try (ResultBatches result = externalize(new NumbersReader(10, 5 * ROWS))) {
			assertThat(drain(result)).isEqualTo(10);
		}
		assertThat(most).hasValue(1);
	}

	@Test
	void alsoIfThatIsTheRoomOfTheirRequest() {
		this.resources.close();
		this.resources = resources(1 << 20, 2 * SEGMENT);
		this.config = this.config.withMaxParallelSegments(4);
		try (RequestMemory request = this.resources.budget().request("caller", this.allocator);
				RequestMemory.Bound bound = request.bind();
				ResultBatches result = externalize(new NumbersReader(10, 5 * ROWS))) {
			assertThat(drain(result)).isEqualTo(10);
		}
	}

	@Test
	void copiesOfBatchesHaveNoOtherShare() throws IOException {
		this.resources.close();
		this.resources = resources(1 << 20, 4 * SEGMENT);
		NumbersReader numbers = reader(new NumbersReader(10, 5 * ROWS));
		this.storage.before = (number) -> Awaitility.await().until(() -> numbers.loaded() >= 3);
		ExternalLocationHttpMessageConverter converter = new ExternalLocationHttpMessageConverter(
				new ArrowStreamHttpMessageConverter(this.allocator, Long.MAX_VALUE, true), () -> {
					throw new IllegalStateException("nothing is resolved");
				}, new Externalizer(this.config, this.resources, this.allocator), LogSink.discarding());
		try (RequestMemory request = this.resources.budget().request("caller", this.allocator);
				RequestMemory.Bound bound = request.bind()) {
			converter.write(numbers, ResolvableType.forClass(NumbersReader.class), null, new MockHttpOutputMessage(),
					null);
		}
		assertThat(this.storage.objects).hasSize(10);
	}

	@Test
	void plainCallerGetsOneObjectWithTheBatchesAsTheyAre() throws Exception {
		for (boolean compress : new boolean[] { false, true }) {
			ExternalLocationConfig compressing = this.config.withCompression(new Compression(1, 0));
			Externalizer externalizer = new Externalizer(compressing, this.resources, this.allocator);
			URI url;
			try (ReaderBatches batches = new ReaderBatches(reader(new NumbersReader(10, ROWS)), this.allocator)) {
				assertThat(externalizer.isLarge(batches)).isTrue();
				url = externalizer.store(batches, compress, ResponseBudget.unlimited());
			}
			byte[] stored = Objects.requireNonNull(this.storage.objects.get(url));
			if (compress) {
				stored = Zstd.decompress(stored, 1 << 20);
			}
			int batches = 0;
			try (IpcStreamReader stream = IpcStreamReader.of(new ByteArrayInputStream(stored), Long.MAX_VALUE,
					this.allocator)) {
				assertThat(stream.nextStream()).isTrue();
				for (AnnotatedBatch next = stream.next(); next != null; next = stream.next()) {
					try (AnnotatedBatch batch = next) {
						assertThat(assertRows(batch, (long) batches++ * ROWS)).isEqualTo(ROWS);
					}
				}
			}
			assertThat(batches).isEqualTo(10);
		}
	}

	@Test
	void objectOfAFailedReaderIsNotStored() {
		NumbersReader numbers = new NumbersReader(10, 5 * ROWS) {

			@Override
			protected void beforeBatch(int number) {
				if (number == 7) {
					throw new IllegalStateException("no more");
				}
			}

		};
		try (ReaderBatches batches = new ReaderBatches(reader(numbers), this.allocator)) {
			Externalizer externalizer = new Externalizer(this.config, this.resources, this.allocator);
			assertThatIllegalStateException()
				.isThrownBy(() -> externalizer.store(batches, false, ResponseBudget.unlimited()))
				.withMessage("no more");
		}
		assertThat(this.storage.objects).isEmpty();
	}

	@Test
	void failedStorageEndsTheReading() {
		NumbersReader numbers = new NumbersReader(10_000, 5 * ROWS);
		this.storage.part = (number) -> {
			if (number == 3) {
				throw new StorageUnavailableException("The bucket does not answer", 503, null);
			}
		};
		try (ReaderBatches batches = new ReaderBatches(reader(numbers), this.allocator)) {
			Externalizer externalizer = new Externalizer(this.config, this.resources, this.allocator);
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> externalizer.store(batches, false, ResponseBudget.unlimited()));
		}
		assertThat(numbers.loaded()).isLessThan(100);
	}

	@Test
	void capHoldsForOneObject() {
		ResponseBudget budget = new ResponseBudget(null, 100_000L);
		try (ReaderBatches batches = new ReaderBatches(reader(new NumbersReader(10_000, 5 * ROWS)), this.allocator)) {
			Externalizer externalizer = new Externalizer(this.config, this.resources, this.allocator);
			assertThatExceptionOfType(ResponseTooLargeException.class)
				.isThrownBy(() -> externalizer.store(batches, false, budget));
		}
		assertThat(this.storage.objects).isEmpty();
	}

	@Test
	void uploadThatEndsBeforeItsStreamIsAFailure() {
		this.storage.part = (number) -> {
			throw new EarlyEnd();
		};
		try (ReaderBatches batches = new ReaderBatches(reader(new NumbersReader(10_000, 5 * ROWS)), this.allocator)) {
			Externalizer externalizer = new Externalizer(this.config, this.resources, this.allocator);
			assertThatIllegalStateException()
				.isThrownBy(() -> externalizer.store(batches, false, ResponseBudget.unlimited()))
				.withMessageContaining("not written to its end");
		}
	}

	private ResultBatches externalize(NumbersReader numbers) {
		return new Externalizer(this.config, this.resources, this.allocator)
			.externalize(new ReaderBatches(reader(numbers), this.allocator), ResponseBudget.unlimited());
	}

	private NumbersReader reader(NumbersReader numbers) {
		this.reader = numbers;
		return numbers;
	}

	private static int drain(ResultBatches result) {
		int count = 0;
		try (result) {
			for (AnnotatedBatch batch = result.next(); batch != null; batch = result.next()) {
				batch.close();
				count++;
			}
		}
		return count;
	}

	private static void assertInline(ResultBatches result, long first, int rows) {
		try (AnnotatedBatch batch = result.next()) {
			assertThat(batch).isNotNull();
			assertThat(batch.isPointer()).isFalse();
			assertThat(assertRows(batch, first)).isEqualTo(rows);
		}
	}

	private int assertStored(AnnotatedBatch pointer, long first) {
		byte[] bytes = Objects.requireNonNull(this.storage.objects.get(Pointer.from(pointer.metadata()).location()));
		try (IpcStreamReader stream = IpcStreamReader.of(new ByteArrayInputStream(bytes), Long.MAX_VALUE,
				this.allocator)) {
			assertThat(stream.nextStream()).isTrue();
			try (AnnotatedBatch batch = stream.next()) {
				assertThat(batch).isNotNull();
				int rows = assertRows(batch, first);
				assertThat(stream.next()).isNull();
				return rows;
			}
		}
	}

	private static int assertRows(AnnotatedBatch batch, long first) {
		BigIntVector vector = (BigIntVector) batch.root().getVector(0);
		for (int i = 0; i < batch.rowCount(); i++) {
			assertThat(vector.get(i)).isEqualTo(first + i);
		}
		return batch.rowCount();
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new TransferCancelledException("Interrupted");
		}
	}

	private TransferResources resources(long budget) {
		return resources(budget, budget);
	}

	private TransferResources resources(long budget, long maxPerRequest) {
		StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);
		return new TransferResources(transport, new TransferBudget(budget, maxPerRequest, 10, null),
				new SlabPool(1 << 20, Duration.ofMinutes(1)), TransferThreads.platform(),
				TestListeners.ended(this::uploaded));
	}

	private void uploaded(Transfer transfer) {
		synchronized (this.uploaded) {
			this.uploaded.add(transfer);
		}
	}

	/**
	 * Keeps objects in memory.
	 */
	private static final class MemoryStorage implements ExternalStorage {

		private final Map<URI, byte[]> objects = new ConcurrentHashMap<>();

		private final AtomicInteger count = new AtomicInteger();

		private volatile IntConsumer before = (number) -> {
		};

		private volatile IntConsumer after = (number) -> {
		};

		private volatile IntConsumer part = (number) -> {
		};

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			ByteArrayOutputStream bytes = new ByteArrayOutputStream();
			int number = 0;
			try {
				int parts = 0;
				boolean last = false;
				while (!last) {
					try (Payload.Part next = payload.next(10_000)) {
						assertThat(next).isNotNull();
						this.part.accept(++parts);
						next.writeTo(Channels.newChannel(bytes));
						last = next.isLast();
					}
				}
				number = (contentCoding != null) ? 0 : number(bytes.toByteArray());
				this.before.accept(number);
				URI url = URI.create("https://storage.example/" + this.count.incrementAndGet());
				this.objects.put(url, bytes.toByteArray());
				return url;
			}
			catch (EarlyEnd ex) {
				return URI.create("https://storage.example/early");
			}
			catch (IOException ex) {
				throw new StorageUnavailableException("broken", 0, null);
			}
			finally {
				this.after.accept(number);
			}
		}

		// Of a segment of one batch: uploads do not begin in order.
		private static int number(byte[] stream) {
			try (BufferAllocator allocator = new RootAllocator();
					IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(stream), Long.MAX_VALUE,
							allocator)) {
				reader.nextStream();
				try (AnnotatedBatch batch = Objects.requireNonNull(reader.next())) {
					return 1 + (int) (((BigIntVector) batch.root().getVector(0)).get(0) / (5 * ROWS));
				}
			}
		}

		@Override
		public boolean takesUnknownLength() {
			return true;
		}

		@Override
		public boolean isOwn(URI url) {
			return this.objects.containsKey(url);
		}

		@Override
		public String name() {
			return "memory";
		}

	}

	/**
	 * Lets a storage believe that it has stored everything.
	 */
	@SuppressWarnings("serial")
	private static final class EarlyEnd extends RuntimeException {

	}

}
