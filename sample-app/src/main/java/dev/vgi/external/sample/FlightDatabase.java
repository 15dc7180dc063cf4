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
import java.util.Properties;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

import org.duckdb.DuckDBConnection;
import org.duckdb.DuckDBDriver;

import org.springframework.core.io.ClassPathResource;
import org.springframework.core.log.LogAccessor;
import org.springframework.stereotype.Component;

/**
 * An embedded DuckDB with three million flights, in bounded memory. Thread-safe: every
 * call has its own connection.
 * <p>
 * Either several calls read at the same time, or one writes: DuckDB releases the memory
 * of deleted rows only while no call reads. A database that has become unusable, for
 * example because memory ran out during that clean-up, is opened again by the next
 * request. It then has the flights that come with the application, as after a restart.
 */
@Component
class FlightDatabase implements AutoCloseable {

	private static final LogAccessor logger = new LogAccessor(FlightDatabase.class);

	private static final String DATA = "data/flights-3m.parquet";

	private final long memoryLimit;

	private final ReadWriteLock lock = new ReentrantReadWriteLock();

	private DuckDBConnection database;

	private boolean closed;

	/**
	 * Open the database and load the flights that come with the application.
	 * @param properties define the memory limit
	 */
	FlightDatabase(FlightProperties properties) {
		this.memoryLimit = properties.memoryLimitInBytes();
		try {
			this.database = open();
		}
		catch (SQLException | IOException ex) {
			throw new IllegalStateException("Flights could not be loaded", ex);
		}
	}

	private DuckDBConnection open() throws SQLException, IOException {
		// DuckDB shall not materialise results before they are exported
		Properties properties = new Properties();
		properties.setProperty(DuckDBDriver.JDBC_STREAM_RESULTS, "true");
		DuckDBConnection opened = DriverManager.getConnection("jdbc:duckdb:", properties)
			.unwrap(DuckDBConnection.class);
		try {
			load(opened);
			return opened;
		}
		catch (SQLException | IOException | RuntimeException ex) {
			opened.close();
			throw ex;
		}
	}

	private void load(Connection opened) throws SQLException, IOException {
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
			try (PreparedStatement insert = opened
				.prepareStatement("INSERT INTO flights BY NAME FROM read_parquet(?)")) {
				insert.setString(1, file.toString());
				insert.execute();
			}
			statement.execute("CHECKPOINT");
			// From here on no statement can access files
			statement.execute("SET enable_external_access = false");
		}
		finally {
			Files.deleteIfExists(file);
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
		return run(this.lock.readLock(), what, work);
	}

	/**
	 * Change flights in a transaction, while no other call reads or writes.
	 * @param <T> the type of the result
	 * @param what the operation, for the message of a failure
	 * @param work changes flights; an exception undoes the changes
	 * @return the result of the work
	 * @throws FlightsUnavailableException if the database fails
	 */
	<T> T write(String what, Work<T> work) {
		return run(this.lock.writeLock(), what, (connection) -> {
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

	private <T> T run(Lock lock, String what, Work<T> work) {
		Exception failure;
		lock.lock();
		try (DuckDBConnection connection = this.database.duplicate().unwrap(DuckDBConnection.class)) {
			return work.on(connection);
		}
		catch (SQLException | IOException ex) {
			failure = ex;
		}
		finally {
			lock.unlock();
		}
		reopenIfUnusable();
		throw new FlightsUnavailableException(what + " failed", failure);
	}

	/**
	 * Return whether the database works. Does not wait for a writer, since a running
	 * write shows that it works.
	 * @return whether it works; if not, the next call may open it again
	 */
	boolean isUsable() {
		if (!this.lock.readLock().tryLock()) {
			return true;
		}
		try {
			if (answers()) {
				return true;
			}
		}
		finally {
			this.lock.readLock().unlock();
		}
		reopenIfUnusable();
		return false;
	}

	private void reopenIfUnusable() {
		this.lock.writeLock().lock();
		try {
			if (!this.closed && !answers()) {
				logger.warn("The database has become unusable: imports are lost, it is opened anew");
				this.database.close();
				this.database = open();
			}
		}
		catch (SQLException | IOException ex) {
			logger.error(ex, "The database could not be opened anew");
		}
		finally {
			this.lock.writeLock().unlock();
		}
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
	public void close() throws SQLException {
		this.lock.writeLock().lock();
		try {
			this.closed = true;
			this.database.close();
		}
		finally {
			this.lock.writeLock().unlock();
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
