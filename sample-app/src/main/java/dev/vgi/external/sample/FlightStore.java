package dev.vgi.external.sample;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.LocalDateTime;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;

import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.c.Data;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Component;
import org.springframework.util.Assert;

/**
 * The flights of the {@link FlightDatabase} as Arrow. DuckDB and Arrow share the buffers
 * in both directions, so that Java touches no row. A reader has one small batch in memory
 * at a time. All batches that are not closed yet share a limit: a large one that would
 * exceed it is refused before it takes memory. Thread-safe.
 */
@Component
public class FlightStore implements AutoCloseable {

	/**
	 * The columns of every batch: departure (local time), delay in minutes, distance in
	 * miles, and the IATA codes of both airports.
	 */
	public static final Schema SCHEMA = new Schema(List.of(
			Field.nullable("date", new ArrowType.Timestamp(TimeUnit.MICROSECOND, null)),
			Field.nullable("delay", new ArrowType.Int(64, true)),
			Field.nullable("distance", new ArrowType.Int(64, true)), Field.nullable("origin", new ArrowType.Utf8()),
			Field.nullable("destination", new ArrowType.Utf8())));

	/** The position before the first flight. */
	public static final long BEFORE_FIRST = -1;

	private static final String COLUMNS = "date, delay, distance, origin, destination";

	private static final String ALL = "SELECT " + COLUMNS + " FROM flights";

	/** Approximate size of a flight in a batch. */
	private static final int BYTES_PER_FLIGHT = 40;

	private static final String IMPORTING = "Importing flights";

	/** Flights in a batch of a reader: about 2 MB. */
	private static final int BATCH_SIZE = 25 * 2048;

	private static final int MAX_COPIES = 200;

	private final BufferAllocator allocator;

	private final BufferAllocator results;

	private final long limit;

	private final FlightDatabase database;

	/**
	 * Create a store.
	 * @param database contains the flights
	 * @param allocator the owner of every batch returned; borrowed
	 * @param properties define the memory limit of batches
	 */
	FlightStore(FlightDatabase database, BufferAllocator allocator, FlightProperties properties) {
		this.database = database;
		this.allocator = allocator;
		// Not the limit of this allocator, since incoming batches are allocated there as
		// well
		this.results = allocator.newChildAllocator("flights", 0, Long.MAX_VALUE);
		this.limit = properties.memoryLimitInBytes();
	}

	/**
	 * Return all flights in the order of their departure, batch by batch.
	 * @return the flights; they cannot be changed until the caller closes the reader
	 */
	public ArrowReader all() {
		return all(1);
	}

	/**
	 * Return all flights several times, one after the other: a result of any size.
	 * @param copies how often, at most 200 times, which is 23 GB
	 * @return the flights; they cannot be changed until the caller closes the reader
	 * @throws IllegalArgumentException if the number of copies is not in this range
	 */
	ArrowReader all(int copies) {
		Assert.isTrue(copies >= 1 && copies <= MAX_COPIES,
				() -> "'copies' must be between 1 and " + MAX_COPIES + ", not " + copies);
		return reader(BATCH_SIZE, String.join(" UNION ALL ", Collections.nCopies(copies, ALL)));
	}

	/**
	 * Return all flights as one batch, for callers who cannot take several.
	 * @return the batch; the caller closes it
	 */
	public VectorSchemaRoot allInOneBatch() {
		return batch(count(), ALL);
	}

	/**
	 * Return the flights of one route as one batch, in the order of their departure.
	 * @param origin the airport of departure, an IATA code
	 * @param destination the airport of arrival, an IATA code
	 * @return the batch, without rows if there are no flights; the caller closes it
	 */
	VectorSchemaRoot route(String origin, String destination) {
		return batch(0, ALL + " WHERE origin = ? AND destination = ?", origin, destination);
	}

	/**
	 * Return some flights, in the order in which they are stored.
	 * @param route the route of the flights, or {@code null} for all
	 * @param after the position before the first one, {@link #BEFORE_FIRST} or a
	 * {@link Page#last()}
	 * @param size maximum number of flights
	 * @return the page; the caller closes its batch
	 */
	Page page(@Nullable Route route, long after, int size) {
		String which = (route != null) ? " AND origin = ? AND destination = ?" : "";
		// DuckDB keeps the order of positions, and sorting would only take memory
		VectorSchemaRoot found = batch(size,
				"SELECT " + COLUMNS + ", rowid FROM flights WHERE rowid > " + after + which + " LIMIT " + size,
				arguments(route));
		int rows = found.getRowCount();
		int columns = SCHEMA.getFields().size();
		try (BigIntVector places = (BigIntVector) found.getVector(columns)) {
			VectorSchemaRoot flights = new VectorSchemaRoot(SCHEMA, found.getFieldVectors().subList(0, columns), rows);
			return new Page(flights, (rows > 0) ? places.get(rows - 1) : after, rows < size);
		}
	}

	private static String[] arguments(@Nullable Route route) {
		return (route != null) ? new String[] { route.origin(), route.destination() } : new String[0];
	}

	/**
	 * Summarize the flights of one route.
	 * @param origin the airport of departure, an IATA code
	 * @param destination the airport of arrival, an IATA code
	 * @return the summary, with zero flights if there are none
	 */
	public RouteSummary summarize(String origin, String destination) {
		return this.database.read("Summing flights up", (connection) -> {
			try (PreparedStatement statement = prepare(connection, """
					SELECT count(*), avg(delay), max(delay), max(distance), min(date), max(date)
					FROM flights WHERE origin = ? AND destination = ?""", origin, destination);
					ResultSet result = statement.executeQuery()) {
				result.next();
				return new RouteSummary(origin, destination, result.getLong(1), result.getObject(2, Double.class),
						result.getObject(3, Long.class), result.getObject(4, Long.class), dateTime(result, 5),
						dateTime(result, 6));
			}
		});
	}

	/**
	 * Import the flights of a period. For every route among them, they replace the stored
	 * flights between the route's first and last departure among them. Importing the same
	 * flights twice therefore changes nothing. If they cannot be read to their end,
	 * nothing is imported.
	 * @param flights batches of {@link #SCHEMA} without nulls; borrowed
	 * @return number of imported flights
	 * @throws IllegalArgumentException if the batches have other columns or nulls
	 * @throws IOException if the reader throws one, as anything else that it throws
	 */
	long importFlights(ArrowReader flights) throws IOException {
		VectorSchemaRoot batch = flights.getVectorSchemaRoot();
		checkColumns(batch.getSchema(), flights);
		try (FlightDatabase.Session session = this.database.open()) {
			session.read(IMPORTING, FlightStore::prepareImport);
			// Others may write while a batch is on its way, which can take any time. The
			// reader is not passed to DuckDB, which would swallow its exceptions.
			for (session.pause(); flights.loadNextBatch(); session.pause()) {
				session.read(IMPORTING, (connection) -> receive(connection, batch, flights));
			}
			long count = session.read(IMPORTING, FlightStore::countComplete);
			if (count > 0) {
				session.write(IMPORTING, FlightStore::replace);
			}
			return count;
		}
	}

	/**
	 * Import the flights of a batch, as {@link #importFlights(ArrowReader)} does.
	 * @param flights a batch of {@link #SCHEMA} without nulls; borrowed
	 * @return number of imported flights
	 * @throws IllegalArgumentException if the batch has other columns or nulls
	 */
	long importFlights(VectorSchemaRoot flights) {
		try {
			return importFlights(new SingleBatchReader(flights, new MapDictionaryProvider(), this.allocator));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static void checkColumns(Schema schema, DictionaryProvider dictionaries) {
		List<String> columns = columns(schema, dictionaries);
		List<String> expected = columns(SCHEMA, new MapDictionaryProvider());
		if (!columns.equals(expected)) {
			throw new IllegalArgumentException("Flights have the columns " + expected + ", not " + columns);
		}
	}

	// With the types of the values, which may be encoded with dictionaries
	private static List<String> columns(Schema schema, DictionaryProvider dictionaries) {
		return schema.getFields()
			.stream()
			.map((field) -> DictionaryUtility.toMessageFormat(field, dictionaries, new HashSet<>()))
			.map((field) -> field.getName() + " " + field.getType())
			.toList();
	}

	private static boolean prepareImport(DuckDBConnection connection) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			return statement.execute("CREATE TEMP TABLE incoming AS " + ALL + " LIMIT 0");
		}
	}

	private boolean receive(DuckDBConnection connection, VectorSchemaRoot batch, DictionaryProvider dictionaries)
			throws SQLException {
		try (ArrowArrayStream stream = ArrowArrayStream.allocateNew(this.allocator);
				Statement statement = connection.createStatement()) {
			Data.exportArrayStream(this.allocator, new SingleBatchReader(batch, dictionaries, this.allocator), stream);
			register(connection, stream);
			return statement.execute("INSERT INTO incoming SELECT " + COLUMNS + " FROM received");
		}
	}

	private static void register(DuckDBConnection connection, ArrowArrayStream stream) throws SQLException {
		try {
			connection.registerArrowStream("received", stream);
		}
		catch (RuntimeException ex) {
			// What the database throws is wrapped here and nowhere else
			if (ex.getCause() instanceof SQLException cause) {
				throw cause;
			}
			throw ex;
		}
	}

	private static long countComplete(DuckDBConnection connection) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery("SELECT count(*), count(COLUMNS(*)) FROM incoming")) {
			result.next();
			long count = result.getLong(1);
			for (int column = 0; column < SCHEMA.getFields().size(); column++) {
				if (result.getLong(column + 2) < count) {
					throw new IllegalArgumentException(
							"Column '" + SCHEMA.getFields().get(column).getName() + "' has nulls");
				}
			}
			return count;
		}
	}

	private static boolean replace(DuckDBConnection connection) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			statement.execute("""
					DELETE FROM flights USING (
						SELECT origin, destination, min(date) AS first, max(date) AS last FROM incoming
						GROUP BY origin, destination) AS period
					WHERE flights.origin = period.origin AND flights.destination = period.destination
						AND flights.date BETWEEN period.first AND period.last""");
			return statement.execute("INSERT INTO flights SELECT " + COLUMNS + " FROM incoming");
		}
	}

	/**
	 * Return how many flights there are.
	 * @return the number of flights
	 */
	public long count() {
		return count(null);
	}

	/**
	 * Return how many flights of a route there are.
	 * @param route the route, or {@code null} for all flights
	 * @return the number of flights
	 */
	long count(@Nullable Route route) {
		String which = (route != null) ? " WHERE origin = ? AND destination = ?" : "";
		return this.database.read("Counting flights", (connection) -> {
			try (PreparedStatement statement = prepare(connection, "SELECT count(*) FROM flights" + which,
					arguments(route)); ResultSet result = statement.executeQuery()) {
				result.next();
				return result.getLong(1);
			}
		});
	}

	private static PreparedStatement prepare(Connection connection, String sql, String... arguments)
			throws SQLException {
		PreparedStatement statement = connection.prepareStatement(sql);
		for (int i = 0; i < arguments.length; i++) {
			statement.setString(i + 1, arguments[i]);
		}
		return statement;
	}

	private ArrowReader reader(int batchSize, String sql, String... arguments) {
		return new FlightReader(this.database.open(), (connection) -> prepare(connection, sql, arguments), batchSize,
				this.results);
	}

	private VectorSchemaRoot batch(long rows, String sql, String... arguments) {
		try (BufferAllocator room = reserve(rows); ArrowReader reader = reader(Integer.MAX_VALUE, sql, arguments)) {
			reader.loadNextBatch();
			VectorSchemaRoot batch = VectorSchemaRoot.create(reader.getVectorSchemaRoot().getSchema(), this.results);
			// Shares the buffers with the reader, which is about to be closed
			try (ArrowRecordBatch buffers = new VectorUnloader(reader.getVectorSchemaRoot()).getRecordBatch()) {
				new VectorLoader(batch).load(buffers);
			}
			return batch;
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	// Holds room for the rows until their batch takes it
	private synchronized BufferAllocator reserve(long rows) {
		long bytes = rows * BYTES_PER_FLIGHT;
		if (this.results.getAllocatedMemory() + bytes > this.limit) {
			throw new FlightsUnavailableException("Too many flights are being read at once", null);
		}
		return this.results.newChildAllocator("query", bytes, Long.MAX_VALUE);
	}

	private static @Nullable LocalDateTime dateTime(ResultSet result, int column) throws SQLException {
		Timestamp timestamp = result.getTimestamp(column);
		return (timestamp != null) ? timestamp.toLocalDateTime() : null;
	}

	@Override
	public void close() {
		this.results.close();
	}

	/**
	 * Some flights.
	 *
	 * @param flights the flights; the owner of the page closes them
	 * @param last the position of the last one
	 * @param isLast whether no flights follow
	 */
	record Page(VectorSchemaRoot flights, long last, boolean isLast) {

	}

}
