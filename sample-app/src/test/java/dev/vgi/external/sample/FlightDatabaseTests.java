package dev.vgi.external.sample;

import java.io.IOException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.duckdb.DuckDBConnection;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.boot.health.contributor.Status;
import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link FlightDatabase}: its memory, and what it does when that is not enough.
 */
class FlightDatabaseTests {

	private static final FlightProperties PROPERTIES = new FlightProperties(DataSize.ofMegabytes(256),
			Duration.ofSeconds(10));

	private final BufferAllocator allocator = new RootAllocator();

	private final FlightDatabase database = new FlightDatabase(PROPERTIES);

	private FlightStore store;

	@BeforeEach
	void createStore() {
		this.store = new FlightStore(this.database, this.allocator, PROPERTIES);
	}

	@AfterEach
	void close() throws Exception {
		this.store.close();
		this.database.close();
		this.allocator.close();
	}

	@Test
	void leastMemoryIsEnoughToLoadReadAndImport() throws Exception {
		FlightProperties least = new FlightProperties(DataSize.ofMegabytes(64), Duration.ofSeconds(10));
		try (FlightDatabase small = new FlightDatabase(least);
				FlightStore flights = new FlightStore(small, this.allocator, least)) {
			try (VectorSchemaRoot route = flights.route("LAX", "LAS")) {
				assertThat(flights.importFlights(route)).isEqualTo(route.getRowCount());
			}
			assertThat(flights.count()).isEqualTo(3_000_000);
			long rows = 0;
			try (ArrowReader all = flights.all()) {
				while (all.loadNextBatch()) {
					rows += all.getVectorSchemaRoot().getRowCount();
				}
			}
			assertThat(rows).isEqualTo(3_000_000);
		}
	}

	@Test
	void memoryOfDeletedFlightsIsReclaimedWhileOthersRead() throws Exception {
		AtomicBoolean imported = new AtomicBoolean();
		ExecutorService executor = Executors.newFixedThreadPool(2);
		try (VectorSchemaRoot latest = latest()) {
			Future<?> first = executor.submit(() -> readUntil(imported));
			Future<?> second = executor.submit(() -> readUntil(imported));
			for (int i = 0; i < 10; i++) {
				assertThat(this.store.importFlights(latest)).isEqualTo(500_000);
			}
			imported.set(true);
			first.get();
			second.get();
		}
		finally {
			imported.set(true);
			executor.shutdown();
		}
		assertThat(this.store.count()).isEqualTo(3_000_000);
		// Three million flights uncompressed are 133 MB, compressed 20
		assertThat(memory()).isLessThan(50_000_000);
	}

	@Test
	void memoryIsLimited() {
		assertThat(this.database.<String>read("Asking", (connection) -> {
			try (Statement statement = connection.createStatement();
					ResultSet result = statement.executeQuery("SELECT current_setting('memory_limit')")) {
				result.next();
				return result.getString(1);
			}
		})).isEqualTo("256.0 MiB");
	}

	@Test
	void importThatNeedsTooMuchMemoryFailsAlone() {
		try (VectorSchemaRoot all = this.store.allInOneBatch()) {
			limitMemory("100MB");
			assertThatExceptionOfType(FlightsUnavailableException.class).isThrownBy(() -> this.store.importFlights(all))
				.withMessage("Importing flights failed")
				.havingCause()
				.withMessageContaining("Out of Memory");
		}
		assertThat(this.store.summarize("LAX", "LAS").flights()).isEqualTo(8323);
		assertThat(this.database.isUsable()).isTrue();
	}

	@Test
	void readerThatIsLeftOpenHoldsNoWriterUpForLong() throws Exception {
		FlightProperties hasty = new FlightProperties(DataSize.ofMegabytes(256), Duration.ofMillis(50));
		try (FlightDatabase database = new FlightDatabase(hasty);
				FlightStore store = new FlightStore(database, this.allocator, hasty);
				VectorSchemaRoot route = store.route("LAX", "LAS")) {
			ArrowReader open = store.all();
			assertThat(open.loadNextBatch()).isTrue();
			assertThatExceptionOfType(FlightsUnavailableException.class).isThrownBy(() -> store.importFlights(route))
				.withMessage("Flights are being read: they can be changed later");
			assertThat(store.count()).isEqualTo(3_000_000);
			assertThat(open.loadNextBatch()).isTrue();
			Thread other = new Thread(() -> AutoCloseables.closeNoChecked(open));
			other.start();
			other.join();
			assertThat(store.importFlights(route)).isEqualTo(8323);
		}
	}

	@Test
	void invalidatedDatabaseIsAnErrorOfOneRequest() {
		FlightHealthIndicator health = new FlightHealthIndicator(this.database);
		assertThat(health.health().getStatus()).isEqualTo(Status.UP);
		assertThatExceptionOfType(FlightsUnavailableException.class)
			.isThrownBy(() -> write("Doubling flights", this::runOutOfMemoryAtCheckpoint))
			.havingCause()
			.withMessageContaining("FATAL");
		assertThat(this.store.count()).isEqualTo(3_000_000);
		assertThat(health.health().getStatus()).isEqualTo(Status.UP);
		try (VectorSchemaRoot latest = latest()) {
			assertThat(this.store.importFlights(latest)).isEqualTo(500_000);
		}
	}

	@Test
	void databaseThatIsInvalidatedBetweenTwoBatchesIsAnErrorOfTheDatabase() throws IOException {
		try (VectorSchemaRoot route = this.store.route("LAX", "LAS");
				ArrowReader flights = new InvalidatingReader(route, this.allocator)) {
			assertThatExceptionOfType(FlightsUnavailableException.class)
				.isThrownBy(() -> this.store.importFlights(flights))
				.withMessage("Importing flights failed");
		}
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	@Test
	void healthFindsInvalidatedDatabase() {
		FlightHealthIndicator health = new FlightHealthIndicator(this.database);
		// Behind the database's back
		assertThatIllegalStateException().isThrownBy(() -> write("Doubling flights", (connection) -> {
			runOutOfMemoryAtCheckpoint(connection);
			try (Statement statement = connection.createStatement()) {
				connection.commit();
				statement.execute("CHECKPOINT");
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
			return connection;
		})).havingCause().withMessageContaining("FATAL");
		assertThat(health.health().getStatus()).isEqualTo(Status.DOWN);
		assertThat(health.health().getStatus()).isEqualTo(Status.UP);
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	@Test
	void closedDatabaseIsDownForGood() throws Exception {
		FlightHealthIndicator health = new FlightHealthIndicator(this.database);
		this.database.close();
		assertThat(health.health().getStatus()).isEqualTo(Status.DOWN);
		assertThat(health.health().getStatus()).isEqualTo(Status.DOWN);
		assertThatExceptionOfType(FlightsUnavailableException.class).isThrownBy(this.store::count);
	}

	@Test
	void failedImportIsUndone() {
		assertThatIllegalStateException().isThrownBy(() -> write("Deleting flights", (connection) -> {
			try (Statement statement = connection.createStatement()) {
				statement.execute("DELETE FROM flights");
			}
			throw new IllegalStateException("changed its mind");
		}));
		assertThat(this.store.count()).isEqualTo(3_000_000);
	}

	private <T> T write(String what, FlightDatabase.Work<T> work) {
		try (FlightDatabase.Session session = this.database.open()) {
			return session.write(what, work);
		}
	}

	private VectorSchemaRoot latest() {
		try (VectorSchemaRoot all = this.store.allInOneBatch()) {
			return all.slice(2_500_000);
		}
	}

	private void readUntil(AtomicBoolean done) {
		while (!done.get()) {
			this.store.page(null, FlightStore.BEFORE_FIRST, 250_000).flights().close();
		}
	}

	private Object runOutOfMemoryAtCheckpoint(DuckDBConnection connection) throws SQLException, IOException {
		try (Statement statement = connection.createStatement()) {
			statement.execute("INSERT INTO flights SELECT * FROM flights");
			statement.execute("SET memory_limit = '" + (memory(connection) + 1_000_000) + "B'");
		}
		return Boolean.TRUE;
	}

	private void limitMemory(String limit) {
		this.database.read("Limiting memory", (connection) -> {
			try (Statement statement = connection.createStatement()) {
				return statement.execute("SET memory_limit = '" + limit + "'");
			}
		});
	}

	private long memory() {
		return this.database.read("Asking", FlightDatabaseTests::memory);
	}

	private static long memory(DuckDBConnection connection) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery("SELECT sum(memory_usage_bytes) FROM duckdb_memory()")) {
			result.next();
			return result.getLong(1);
		}
	}

	/**
	 * Has one batch, before which the database becomes unusable.
	 */
	private final class InvalidatingReader extends ArrowReader {

		private final VectorSchemaRoot batch;

		private InvalidatingReader(VectorSchemaRoot batch, BufferAllocator allocator) {
			super(allocator);
			this.batch = batch;
		}

		@Override
		public boolean loadNextBatch() {
			assertThatExceptionOfType(FlightsUnavailableException.class)
				.isThrownBy(() -> write("Doubling flights", FlightDatabaseTests.this::runOutOfMemoryAtCheckpoint));
			return true;
		}

		@Override
		public VectorSchemaRoot getVectorSchemaRoot() {
			return this.batch;
		}

		@Override
		protected Schema readSchema() {
			return this.batch.getSchema();
		}

		@Override
		public long bytesRead() {
			return 0;
		}

		@Override
		protected void closeReadSource() {
		}

	}

}
