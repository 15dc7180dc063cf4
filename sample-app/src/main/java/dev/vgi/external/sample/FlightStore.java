package dev.vgi.external.sample;

import java.io.IOException;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.c.Data;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.TransferPair;
import org.duckdb.DuckDBResultSet;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Component;

/**
 * The flights of the {@link FlightDatabase} as Arrow batches. DuckDB and Arrow share the
 * buffers in both directions, so that Java touches no row. All batches that are not
 * closed yet share a limit: a large read that would exceed it is refused before it takes
 * memory. Thread-safe.
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

	/** With the position at which DuckDB stores a flight, which never changes. */
	private static final Schema PLACED = new Schema(
			Stream.concat(SCHEMA.getFields().stream(), Stream.of(Field.nullable("rowid", new ArrowType.Int(64, true))))
				.toList());

	/** The position before the first flight. */
	public static final long BEFORE_FIRST = -1;

	private static final String COLUMNS = "date, delay, distance, origin, destination";

	/** Approximate size of a flight in a batch. */
	private static final int BYTES_PER_FLIGHT = 40;

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
	 * Return all flights as one batch, in the order of their departure.
	 * @return the batch; the caller closes it
	 */
	public VectorSchemaRoot all() {
		return query(SCHEMA, count(), "SELECT " + COLUMNS + " FROM flights");
	}

	/**
	 * Return the flights of one route as one batch, in the order of their departure.
	 * @param origin the airport of departure, an IATA code
	 * @param destination the airport of arrival, an IATA code
	 * @return the batch, without rows if there are no flights; the caller closes it
	 */
	public VectorSchemaRoot route(String origin, String destination) {
		return query(SCHEMA, 0, "SELECT " + COLUMNS + " FROM flights WHERE origin = ? AND destination = ?", origin,
				destination);
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
		VectorSchemaRoot found = query(PLACED, size,
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
			try (PreparedStatement statement = connection.prepareStatement("""
					SELECT count(*), avg(delay), max(delay), max(distance), min(date), max(date)
					FROM flights WHERE origin = ? AND destination = ?""")) {
				bind(statement, origin, destination);
				try (ResultSet result = statement.executeQuery()) {
					result.next();
					return new RouteSummary(origin, destination, result.getLong(1), result.getObject(2, Double.class),
							result.getObject(3, Long.class), result.getObject(4, Long.class), dateTime(result, 5),
							dateTime(result, 6));
				}
			}
		});
	}

	/**
	 * Import the flights of a period. For every route in the batch, they replace the
	 * stored flights between the route's first and last departure in the batch. Importing
	 * the same batch twice therefore changes nothing.
	 * @param flights a batch of {@link #SCHEMA} without nulls; borrowed
	 * @return number of imported flights
	 * @throws IllegalArgumentException if the batch has other columns or nulls
	 */
	public long importFlights(VectorSchemaRoot flights) {
		checkImportable(flights);
		if (flights.getRowCount() == 0) {
			return 0;
		}
		return this.database.write("Importing flights", (connection) -> {
			try (Statement statement = connection.createStatement()) {
				try (ArrowArrayStream stream = ArrowArrayStream.allocateNew(this.allocator)) {
					Data.exportArrayStream(this.allocator, new SingleBatchReader(flights, this.allocator), stream);
					connection.registerArrowStream("received", stream);
					statement.execute("CREATE TEMP TABLE incoming AS SELECT " + COLUMNS + " FROM received");
				}
				statement.execute("""
						DELETE FROM flights USING (
							SELECT origin, destination, min(date) AS first, max(date) AS last FROM incoming
							GROUP BY origin, destination) AS period
						WHERE flights.origin = period.origin AND flights.destination = period.destination
							AND flights.date BETWEEN period.first AND period.last""");
				statement.execute("INSERT INTO flights SELECT " + COLUMNS + " FROM incoming");
				return (long) flights.getRowCount();
			}
		});
	}

	private static void checkImportable(VectorSchemaRoot flights) {
		Schema schema = flights.getSchema();
		if (!typesByName(schema).equals(typesByName(SCHEMA))) {
			throw new IllegalArgumentException(
					"Flights have the columns " + typesByName(SCHEMA) + ", not " + typesByName(schema));
		}
		for (FieldVector vector : flights.getFieldVectors()) {
			if (vector.getNullCount() > 0) {
				throw new IllegalArgumentException("Column '" + vector.getName() + "' has nulls");
			}
		}
	}

	private static List<String> typesByName(Schema schema) {
		return schema.getFields()
			.stream()
			.map((field) -> field.getName() + " " + field.getType()
					+ ((field.getDictionary() != null) ? " (dictionary)" : ""))
			.toList();
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
			try (PreparedStatement statement = connection.prepareStatement("SELECT count(*) FROM flights" + which)) {
				bind(statement, arguments(route));
				try (ResultSet result = statement.executeQuery()) {
					result.next();
					return result.getLong(1);
				}
			}
		});
	}

	private VectorSchemaRoot query(Schema schema, long rows, String sql, String... arguments) {
		try (BufferAllocator room = reserve(rows)) {
			return this.database.read("Reading flights", (connection) -> {
				try (PreparedStatement statement = connection.prepareStatement(sql)) {
					bind(statement, arguments);
					try (DuckDBResultSet result = statement.executeQuery().unwrap(DuckDBResultSet.class);
							ArrowReader reader = (ArrowReader) result.arrowExportStream(this.allocator,
									Integer.MAX_VALUE)) {
						return readAll(schema, reader);
					}
				}
			});
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

	private static void bind(PreparedStatement statement, String... arguments) throws SQLException {
		for (int i = 0; i < arguments.length; i++) {
			statement.setString(i + 1, arguments[i]);
		}
	}

	private VectorSchemaRoot readAll(Schema schema, ArrowReader reader) throws IOException {
		if (!reader.loadNextBatch()) {
			VectorSchemaRoot none = VectorSchemaRoot.create(schema, this.results);
			none.allocateNew();
			none.setRowCount(0);
			return none;
		}
		// Closing the reader frees what it still owns, so the vectors are moved out
		VectorSchemaRoot batch = reader.getVectorSchemaRoot();
		int rows = batch.getRowCount();
		List<FieldVector> columns = new ArrayList<>();
		try {
			for (FieldVector vector : batch.getFieldVectors()) {
				TransferPair transfer = vector.getTransferPair(this.results);
				columns.add((FieldVector) transfer.getTo());
				transfer.transfer();
			}
			if (reader.loadNextBatch()) {
				throw new IllegalStateException("More flights than one batch holds");
			}
			return new VectorSchemaRoot(schema, columns, rows);
		}
		catch (IOException | RuntimeException ex) {
			AutoCloseables.close(ex, columns);
			throw ex;
		}
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
