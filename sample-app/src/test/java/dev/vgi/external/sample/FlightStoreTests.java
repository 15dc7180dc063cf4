package dev.vgi.external.sample;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.TimeStampMicroVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryEncoder;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link FlightStore}, with all flights.
 */
class FlightStoreTests {

	private final BufferAllocator allocator = new RootAllocator();

	private FlightDatabase database;

	private FlightStore store;

	@BeforeEach
	void open() {
		FlightProperties properties = new FlightProperties(null, Duration.ofSeconds(10));
		this.database = new FlightDatabase(properties);
		this.store = new FlightStore(this.database, this.allocator, properties);
	}

	@AfterEach
	void close() throws Exception {
		this.store.close();
		this.database.close();
		// Fails if a byte is still held
		this.allocator.close();
	}

	@Test
	void allIsOneBatchOfThreeMillionFlights() {
		try (VectorSchemaRoot all = this.store.allInOneBatch()) {
			assertThat(all.getRowCount()).isEqualTo(3_000_000);
			assertThat(all.getSchema()).isEqualTo(FlightStore.SCHEMA);
			assertThat(all.getFieldVectors()).allSatisfy((vector) -> assertThat(vector.getNullCount()).isZero());
			assertThat(sizeOf(all)).isBetween(115_000_000L, 117_000_000L);
			assertThat(FlightDigest.of(all)).isEqualTo(FlightDigest.ALL);
		}
	}

	@Test
	void readerHasTheSameFlightsInSmallBatches() throws Exception {
		try (ArrowReader reader = this.store.all()) {
			assertThat(reader.getVectorSchemaRoot().getSchema()).isEqualTo(FlightStore.SCHEMA);
			List<VectorSchemaRoot> batches = new ArrayList<>();
			while (reader.loadNextBatch()) {
				assertThat(sizeOf(reader.getVectorSchemaRoot())).isBetween(100_000L, 2_200_000L);
				batches.add(keep(reader.getVectorSchemaRoot()));
			}
			assertThat(FlightDigest.of(batches)).isEqualTo(FlightDigest.ALL);
			batches.forEach(VectorSchemaRoot::close);
		}
	}

	@Test
	void copiesFollowOneAnotherInLittleMemory() throws Exception {
		int copies = 5;
		try (ArrowReader reader = this.store.all(copies)) {
			List<Long> starts = new ArrayList<>();
			long rows = 0;
			long last = Long.MAX_VALUE;
			while (reader.loadNextBatch()) {
				TimeStampMicroVector date = (TimeStampMicroVector) reader.getVectorSchemaRoot().getVector("date");
				for (int row = 0; row < date.getValueCount(); row++) {
					if (date.get(row) < last) {
						starts.add(rows + row);
					}
					last = date.get(row);
				}
				rows += date.getValueCount();
			}
			assertThat(rows).isEqualTo(copies * 3_000_000L);
			assertThat(starts).containsExactly(0L, 3_000_000L, 6_000_000L, 9_000_000L, 12_000_000L);
		}
		assertThat(this.allocator.getPeakMemoryAllocation()).isLessThan(10_000_000);
	}

	@Test
	void otherNumbersOfCopiesAreRefused() {
		for (int copies : new int[] { -1, 0, 201 }) {
			assertThatIllegalArgumentException().isThrownBy(() -> this.store.all(copies))
				.withMessage("'copies' must be between 1 and 200, not " + copies);
		}
	}

	@Test
	void closedReaderIsOver() throws Exception {
		ArrowReader reader = this.store.all();
		assertThat(reader.loadNextBatch()).isTrue();
		reader.close();
		reader.close();
		assertThatIllegalStateException().isThrownBy(reader::loadNextBatch);
		try (VectorSchemaRoot flights = flight("AAA", "BBB", 17)) {
			assertThat(this.store.importFlights(flights)).isEqualTo(1);
		}
	}

	@Test
	void batchesOutliveTheirQuery() {
		try (VectorSchemaRoot first = this.store.route("LAS", "LAX");
				VectorSchemaRoot all = this.store.allInOneBatch()) {
			all.close();
			assertThat(first.getRowCount()).isEqualTo(8109);
			assertThat(first.getVector("origin").getObject(8108)).hasToString("LAS");
		}
	}

	@Test
	void routeHasOnlyItsFlights() {
		try (VectorSchemaRoot route = this.store.route("LAX", "LAS")) {
			assertThat(route.getRowCount()).isEqualTo(8323);
			for (int row = 0; row < route.getRowCount(); row++) {
				assertThat(route.getVector("origin").getObject(row)).hasToString("LAX");
				assertThat(route.getVector("destination").getObject(row)).hasToString("LAS");
			}
		}
	}

	@Test
	void pagesMakeTheWholeRoute() {
		Route route = new Route("LAX", "LAS");
		assertThat(this.store.count(route)).isEqualTo(8323);
		List<Object> dates = new ArrayList<>();
		long after = FlightStore.BEFORE_FIRST;
		boolean last = false;
		while (!last) {
			FlightStore.Page page = this.store.page(route, after, 1000);
			try (VectorSchemaRoot flights = page.flights()) {
				assertThat(flights.getSchema()).isEqualTo(FlightStore.SCHEMA);
				assertThat(flights.getRowCount()).isLessThanOrEqualTo(1000);
				for (int row = 0; row < flights.getRowCount(); row++) {
					dates.add(flights.getVector("date").getObject(row));
				}
			}
			after = page.last();
			last = page.isLast();
		}
		try (VectorSchemaRoot whole = this.store.route("LAX", "LAS")) {
			assertThat(dates).hasSize(8323);
			for (int row = 0; row < whole.getRowCount(); row++) {
				assertThat(dates.get(row)).isEqualTo(whole.getVector("date").getObject(row));
			}
		}
	}

	@Test
	void pageAfterTheLastFlightIsEmpty() {
		FlightStore.Page page = this.store.page(null, Long.MAX_VALUE - 1, 10);
		try (VectorSchemaRoot flights = page.flights()) {
			assertThat(flights.getRowCount()).isZero();
			assertThat(page.isLast()).isTrue();
		}
	}

	@Test
	void unknownRouteIsEmptyBatch() {
		try (VectorSchemaRoot route = this.store.route("LAX", "'; DROP TABLE flights; --")) {
			assertThat(route.getRowCount()).isZero();
			assertThat(route.getSchema()).isEqualTo(FlightStore.SCHEMA);
		}
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	@Test
	void summaryAgreesWithFlights() {
		RouteSummary summary = this.store.summarize("LAX", "LAS");
		try (VectorSchemaRoot route = this.store.route("LAX", "LAS")) {
			BigIntVector delay = (BigIntVector) route.getVector("delay");
			long total = 0;
			long max = Long.MIN_VALUE;
			for (int row = 0; row < route.getRowCount(); row++) {
				total += delay.get(row);
				max = Math.max(max, delay.get(row));
			}
			assertThat(summary.flights()).isEqualTo(route.getRowCount());
			assertThat(summary.meanDelay()).isEqualTo((double) total / route.getRowCount());
			assertThat(summary.maxDelay()).isEqualTo(max);
			assertThat(summary.maxDistance()).isEqualTo(236);
			assertThat(summary.firstDeparture())
				.isEqualTo(((TimeStampMicroVector) route.getVector("date")).getObject(0));
			assertThat(summary.lastDeparture()).isBefore(LocalDateTime.of(2001, 7, 2, 0, 0))
				.isAfter(LocalDateTime.of(2001, 6, 30, 0, 0));
		}
	}

	@Test
	void summaryOfUnknownRouteHasNoFlights() {
		assertThat(this.store.summarize("XXX", "YYY"))
			.isEqualTo(new RouteSummary("XXX", "YYY", 0, null, null, null, null, null));
	}

	@Test
	void importOfWhatIsStoredChangesNothing() {
		try (VectorSchemaRoot all = this.store.allInOneBatch()) {
			String before = FlightDigest.of(all);
			try (VectorSchemaRoot tail = all.slice(2_500_000)) {
				assertThat(this.store.importFlights(tail)).isEqualTo(500_000);
			}
			assertThat(this.store.count()).isEqualTo(3_000_000);
			assertThat(this.store.importFlights(all)).isEqualTo(3_000_000);
			try (VectorSchemaRoot again = this.store.allInOneBatch()) {
				assertThat(FlightDigest.of(again)).isEqualTo(before);
			}
		}
	}

	@Test
	void importAddsNewFlights() {
		try (VectorSchemaRoot flights = flight("AAA", "BBB", 17)) {
			assertThat(this.store.importFlights(flights)).isEqualTo(1);
		}
		assertThat(this.store.count()).isEqualTo(3_000_001);
		assertThat(this.store.summarize("AAA", "BBB").maxDelay()).isEqualTo(17);
		try (VectorSchemaRoot corrected = flight("AAA", "BBB", 18)) {
			assertThat(this.store.importFlights(corrected)).isEqualTo(1);
		}
		assertThat(this.store.summarize("AAA", "BBB").maxDelay()).isEqualTo(18);
		assertThat(this.store.count()).isEqualTo(3_000_001);
	}

	@Test
	void batchesThatAreNotClosedHaveALimit() throws Exception {
		FlightProperties properties = new FlightProperties(DataSize.ofMegabytes(256), Duration.ofSeconds(10));
		try (FlightStore limited = new FlightStore(this.database, this.allocator, properties)) {
			try (VectorSchemaRoot first = limited.allInOneBatch(); VectorSchemaRoot second = limited.allInOneBatch()) {
				assertThat(second.getRowCount()).isEqualTo(first.getRowCount());
				assertThatExceptionOfType(FlightsUnavailableException.class).isThrownBy(limited::allInOneBatch)
					.withMessage("Too many flights are being read at once");
				// What is sent is written with memory of the batch's own allocator
				second.getVector(0).getAllocator().buffer(64 << 20).close();
			}
			limited.allInOneBatch().close();
		}
	}

	@Test
	void importIsReadBatchByBatch() throws Exception {
		AtomicInteger batches = new AtomicInteger();
		try (ArrowReader reader = reader(this.store.all(), batches::incrementAndGet)) {
			assertThat(this.store.importFlights(reader)).isEqualTo(3_000_000);
		}
		assertThat(batches).hasValueGreaterThan(50);
		try (VectorSchemaRoot all = this.store.allInOneBatch()) {
			assertThat(FlightDigest.of(all)).isEqualTo(FlightDigest.ALL);
		}
	}

	@Test
	void importThatFailsInTheMiddleIsNone() throws Exception {
		RuntimeException failure = new IllegalStateException("the network is gone");
		AtomicInteger batches = new AtomicInteger();
		try (ArrowReader reader = reader(this.store.all(), () -> {
			if (batches.incrementAndGet() == 3) {
				throw failure;
			}
		})) {
			assertThatException().isThrownBy(() -> this.store.importFlights(reader)).isSameAs(failure);
		}
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	@Test
	void importThatArrivesSlowlyHoldsNobodyUp() throws Exception {
		AtomicInteger batches = new AtomicInteger();
		try (VectorSchemaRoot other = flight("CCC", "DDD", 18); ArrowReader reader = reader(this.store.all(), () -> {
			if (batches.incrementAndGet() == 3) {
				assertThat(this.store.importFlights(other)).isEqualTo(1);
			}
		})) {
			assertThat(this.store.importFlights(reader)).isEqualTo(3_000_000);
		}
		assertThat(this.store.count()).isEqualTo(3_000_001);
	}

	@Test
	void importMayBeEncodedWithDictionaries() throws Exception {
		try (VectorSchemaRoot flights = flight("AAA", "BBB", 17);
				VectorSchemaRoot names = VectorSchemaRoot
					.create(new Schema(List.of(FlightStore.SCHEMA.findField("origin"))), this.allocator)) {
			VarCharVector values = (VarCharVector) names.getVector(0);
			values.setSafe(0, "AAA".getBytes());
			names.setRowCount(1);
			Dictionary dictionary = new Dictionary(values, new DictionaryEncoding(1, false, null));
			List<FieldVector> columns = new ArrayList<>(flights.getFieldVectors());
			try (FieldVector encoded = (FieldVector) DictionaryEncoder.encode(columns.get(3), dictionary)) {
				columns.set(3, encoded);
				ArrowReader reader = new SingleBatchReader(new VectorSchemaRoot(columns),
						new MapDictionaryProvider(dictionary), this.allocator);
				assertThat(this.store.importFlights(reader)).isEqualTo(1);
			}
		}
		assertThat(this.store.summarize("AAA", "BBB").maxDelay()).isEqualTo(17);
	}

	@Test
	void importOfNothingIsNothing() {
		try (VectorSchemaRoot none = this.store.route("XXX", "YYY")) {
			assertThat(this.store.importFlights(none)).isZero();
		}
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	@Test
	void importOfOtherColumnsIsRefused() {
		try (BigIntVector delay = new BigIntVector("delay", this.allocator)) {
			delay.allocateNew(1);
			delay.setSafe(0, 1);
			delay.setValueCount(1);
			assertThatIllegalArgumentException()
				.isThrownBy(() -> this.store.importFlights(new VectorSchemaRoot(List.of(delay))))
				.withMessageContaining("destination Utf8")
				.withMessageContaining("not [delay Int(64, true)]");
		}
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	@Test
	void importOfNullsIsRefused() {
		try (VectorSchemaRoot flights = flight("AAA", "BBB", 1)) {
			((BigIntVector) flights.getVector("delay")).setNull(0);
			assertThatIllegalArgumentException().isThrownBy(() -> this.store.importFlights(flights))
				.withMessage("Column 'delay' has nulls");
		}
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	@Test
	void queriesAndImportsRunConcurrently() throws Exception {
		ExecutorService executor = Executors.newFixedThreadPool(4);
		try (VectorSchemaRoot route = this.store.route("LAX", "LAS")) {
			List<Future<Long>> results = executor.invokeAll(List.of(() -> this.store.importFlights(route), () -> {
				try (VectorSchemaRoot other = this.store.route("LAX", "LAS")) {
					return (long) other.getRowCount();
				}
			}, () -> this.store.importFlights(route), () -> this.store.summarize("LAX", "LAS").flights()));
			for (Future<Long> result : results) {
				assertThat(result.get()).isEqualTo(8323);
			}
		}
		finally {
			executor.shutdownNow();
		}
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	private ArrowReader reader(ArrowReader flights, Runnable beforeBatch) throws IOException {
		return new ArrowStreamReader(new ByteArrayInputStream(stream(flights)), this.allocator) {

			@Override
			public boolean loadNextBatch() throws IOException {
				beforeBatch.run();
				return super.loadNextBatch();
			}

		};
	}

	private static byte[] stream(ArrowReader reader) throws IOException {
		ByteArrayOutputStream stream = new ByteArrayOutputStream();
		try (reader; ArrowStreamWriter writer = new ArrowStreamWriter(reader.getVectorSchemaRoot(), null, stream)) {
			while (reader.loadNextBatch()) {
				writer.writeBatch();
			}
		}
		return stream.toByteArray();
	}

	private static long sizeOf(VectorSchemaRoot batch) {
		return batch.getFieldVectors().stream().mapToLong(FieldVector::getBufferSize).sum();
	}

	private VectorSchemaRoot keep(VectorSchemaRoot batch) {
		VectorSchemaRoot kept = VectorSchemaRoot.create(batch.getSchema(), this.allocator);
		try (ArrowRecordBatch buffers = new VectorUnloader(batch).getRecordBatch()) {
			new VectorLoader(kept).load(buffers);
		}
		return kept;
	}

	private VectorSchemaRoot flight(String origin, String destination, long delay) {
		VectorSchemaRoot flights = VectorSchemaRoot.create(FlightStore.SCHEMA, this.allocator);
		((TimeStampMicroVector) flights.getVector("date")).setSafe(0, 1_000_000L);
		((BigIntVector) flights.getVector("delay")).setSafe(0, delay);
		((BigIntVector) flights.getVector("distance")).setSafe(0, 100);
		((VarCharVector) flights.getVector("origin")).setSafe(0, origin.getBytes());
		((VarCharVector) flights.getVector("destination")).setSafe(0, destination.getBytes());
		flights.setRowCount(1);
		return flights;
	}

}
