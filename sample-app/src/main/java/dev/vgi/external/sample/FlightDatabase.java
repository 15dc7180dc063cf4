package dev.vgi.external.sample;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.StampedLock;

import org.duckdb.DuckDBConnection;
import org.duckdb.DuckDBDriver;
import org.jspecify.annotations.Nullable;

import org.springframework.core.io.ClassPathResource;
import org.springframework.core.log.LogAccessor;
import org.springframework.stereotype.Component;
import org.springframework.util.Assert;

/**
 * An embedded DuckDB with three million flights, in bounded memory. Thread-safe: every
 * session has its own connection.
 * <p>
 * Either several sessions read at the same time, or one writes: DuckDB releases the
 * memory of deleted rows only while nobody reads. A writer waits for readers, and those
 * that come later wait for the writer; but it does not wait long for a reader that is
 * left open, and is refused instead. A database that has become unusable, for example
 * because memory ran out during that clean-up, is opened again by the next request. It
 * then has the flights that come with the application, as after a restart.
 */
@Component
class FlightDatabase implements AutoCloseable {

	private static final LogAccessor logger = new LogAccessor(FlightDatabase.class);

	private static final String DATA = "data/flights-3m.parquet";

	/** Flights that are loaded at a time: about 22 MB, until they are compressed. */
	private static final int PART = 500_000;

	private final long memoryLimit;

	private final Duration patience;

	/** Unlike others, this lock may be released by another thread than locked it. */
	private final StampedLock lock = new StampedLock();

	private volatile DuckDBConnection database;

	private boolean closed;

	/**
	 * Open the database and load the flights that come with the application.
	 * @param properties define the memory limit, and how long a writer waits
	 */
	FlightDatabase(FlightProperties properties) {
		this.memoryLimit = properties.memoryLimitInBytes();
		this.patience = properties.patience();
		try {
			this.database = load();
		}
		catch (SQLException | IOException ex) {
			throw new IllegalStateException("Flights could not be loaded", ex);
		}
	}

	private DuckDBConnection load() throws SQLException, IOException {
		// DuckDB shall not materialise results before they are exported
		Properties properties = new Properties();
		properties.setProperty(DuckDBDriver.JDBC_STREAM_RESULTS, "true");
		DuckDBConnection opened = DriverManager.getConnection("jdbc:duckdb:", properties)
			.unwrap(DuckDBConnection.class);
		try {
			fill(opened);
			return opened;
		}
		catch (SQLException | IOException | RuntimeException ex) {
			opened.close();
			throw ex;
		}
	}

	private void fill(Connection opened) throws SQLException, IOException {
		// DuckDB reads only files, and a resource in an executable jar is not a file
		Path file = Files.createTempFile("flights", ".parquet");
		try (Statement statement = opened.createStatement()) {
			try (InputStream resource = new ClassPathResource(DATA).getInputStream()) {
				Files.copy(resource, file, StandardCopyOption.REPLACE_EXISTING);
			}
			statement.execute("SET autoinstall_known_extensions = false");
			// Memory only: nothing is spilled to the working folder
			statement.execute("SET temp_directory = ''");
			statement.execute("SET memory_limit = '" + this.memoryLimit + "B'");
			statement.execute("""
					CREATE TABLE flights (date TIMESTAMP NOT NULL, delay BIGINT NOT NULL, distance BIGINT NOT NULL,
						origin VARCHAR NOT NULL, destination VARCHAR NOT NULL)""");
			insert(opened, file);
			// From here on no statement can access files
			statement.execute("SET enable_external_access = false");
		}
		finally {
			Files.deleteIfExists(file);
		}
	}

	// In parts, since only a checkpoint compresses: all flights at once take ten times as
	// much memory as they do from then on
	private static void insert(Connection opened, Path file) throws SQLException {
		try (PreparedStatement insert = opened.prepareStatement("""
				INSERT INTO flights BY NAME SELECT * EXCLUDE file_row_number
					FROM read_parquet(?, file_row_number = true) WHERE file_row_number BETWEEN ? AND ?""");
				Statement checkpoint = opened.createStatement()) {
			insert.setString(1, file.toString());
			long first = 0;
			int inserted;
			do {
				insert.setLong(2, first);
				insert.setLong(3, first + PART - 1);
				inserted = insert.executeUpdate();
				checkpoint.execute("CHECKPOINT");
				first += PART;
			}
			while (inserted == PART);
		}
	}

	/**
	 * Read.
	 * @param <T> the type of the result
	 * @param what the operation, for the message of a failure
	 * @param work reads; does not use the connection after it returns
	 * @return the result of the work
	 * @throws FlightsUnavailableException if the database fails
	 */
	<T> T read(String what, Work<T> work) {
		try (Session session = new Session()) {
			return session.read(what, work);
		}
	}

	/**
	 * Start a session.
	 * @return a session, which holds nothing up before its first use
	 */
	Session open() {
		return new Session();
	}

	/**
	 * Return whether the database works. Does not wait for a writer, since a running
	 * write shows that it works.
	 * @return whether it works; if not, the next call may open it again
	 */
	boolean isUsable() {
		long stamp = this.lock.tryReadLock();
		if (stamp == 0) {
			return true;
		}
		try {
			if (answers()) {
				return true;
			}
		}
		finally {
			this.lock.unlock(stamp);
		}
		reopenIfUnusable();
		return false;
	}

	private synchronized void reopenIfUnusable() {
		try {
			if (!this.closed && !answers()) {
				logger.warn("The database has become unusable: imports are lost, it is opened anew");
				this.database.close();
				this.database = load();
			}
		}
		catch (SQLException | IOException ex) {
			logger.error(ex, "The database could not be opened anew");
		}
	}

	private long lockForWriting() {
		long stamp = 0;
		try {
			stamp = this.lock.tryWriteLock(this.patience.toNanos(), TimeUnit.NANOSECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		if (stamp == 0) {
			throw new FlightsUnavailableException("Flights are being read: they can be changed later", null);
		}
		return stamp;
	}

	private boolean answers() {
		try (Connection connection = this.database.duplicate(); Statement statement = connection.createStatement()) {
			return statement.execute("SELECT 1");
		}
		catch (SQLException ex) {
			return false;
		}
	}

	@Override
	public synchronized void close() throws SQLException {
		this.closed = true;
		this.database.close();
	}

	/**
	 * A connection, and the permission to use it. Used by one thread at a time; any of
	 * them may close it.
	 */
	final class Session implements AutoCloseable {

		private @Nullable DuckDBConnection connection;

		/** What the lock was taken with, 0 if it was not. */
		private long stamp;

		private boolean failed;

		private boolean ended;

		private Session() {
		}

		/**
		 * Read. From now on nobody writes, until this session pauses or is closed.
		 * @param <T> the type of the result
		 * @param what the operation, for the message of a failure
		 * @param work reads
		 * @return the result of the work
		 * @throws FlightsUnavailableException if the database fails
		 */
		<T> T read(String what, Work<T> work) {
			Assert.state(!this.ended, "The session has ended");
			if (this.stamp == 0) {
				this.stamp = FlightDatabase.this.lock.readLock();
			}
			return run(what, work);
		}

		/**
		 * Change flights in a transaction, while no other session reads or writes.
		 * @param <T> the type of the result
		 * @param what the operation, for the message of a failure
		 * @param work changes flights; an exception undoes the changes
		 * @return the result of the work
		 * @throws FlightsUnavailableException if the database fails, or others do not
		 * stop reading
		 */
		<T> T write(String what, Work<T> work) {
			pause();
			this.stamp = lockForWriting();
			return run(what, (connection) -> {
				connection.setAutoCommit(false);
				// Closing the connection rolls back an uncommitted transaction
				T result = work.on(connection);
				connection.commit();
				connection.setAutoCommit(true);
				try (Statement statement = connection.createStatement()) {
					statement.execute("CHECKPOINT");
				}
				return result;
			});
		}

		/**
		 * Let others write until the next use.
		 */
		void pause() {
			if (this.stamp != 0) {
				FlightDatabase.this.lock.unlock(this.stamp);
				this.stamp = 0;
			}
		}

		private <T> T run(String what, Work<T> work) {
			try {
				if (this.connection == null) {
					this.connection = FlightDatabase.this.database.duplicate().unwrap(DuckDBConnection.class);
				}
				return work.on(this.connection);
			}
			catch (SQLException | IOException ex) {
				this.failed = true;
				throw new FlightsUnavailableException(what + " failed", ex);
			}
		}

		@Override
		public void close() {
			this.ended = true;
			try {
				if (this.connection != null) {
					this.connection.close();
				}
			}
			catch (SQLException ex) {
				this.failed = true;
			}
			finally {
				pause();
			}
			if (this.failed) {
				this.failed = false;
				reopenIfUnusable();
			}
		}

	}

	/**
	 * Work that uses a connection.
	 *
	 * @param <T> the type of the result
	 */
	interface Work<T> {

		T on(DuckDBConnection connection) throws SQLException, IOException;

	}

}
