package dev.vgi.external.benchmark;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import java.util.Properties;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.util.TransferPair;
import org.duckdb.DuckDBConnection;
import org.duckdb.DuckDBDriver;
import org.duckdb.DuckDBResultSet;

/**
 * The sample's three million flights.
 */
final class Flights {

	private Flights() {
	}

	/**
	 * Read all flights as one batch, as the sample's service does.
	 * @param allocator the owner of the batch's memory
	 * @param file the sample's Parquet file
	 * @return the batch; the caller closes it
	 * @throws SQLException if it cannot be read
	 * @throws IOException if it cannot be read
	 */
	static VectorSchemaRoot read(BufferAllocator allocator, Path file) throws SQLException, IOException {
		Properties properties = new Properties();
		properties.setProperty(DuckDBDriver.JDBC_STREAM_RESULTS, "true");
		try (DuckDBConnection database = DriverManager.getConnection("jdbc:duckdb:", properties)
			.unwrap(DuckDBConnection.class);
				PreparedStatement statement = database
					.prepareStatement("SELECT date, delay, distance, origin, destination FROM read_parquet(?)")) {
			statement.setString(1, file.toString());
			try (DuckDBResultSet result = statement.executeQuery().unwrap(DuckDBResultSet.class);
					ArrowReader reader = (ArrowReader) result.arrowExportStream(allocator, Integer.MAX_VALUE)) {
				if (!reader.loadNextBatch()) {
					throw new IllegalStateException("There are no flights");
				}
				// The reader frees what it still owns when it is closed.
				List<FieldVector> columns = reader.getVectorSchemaRoot()
					.getFieldVectors()
					.stream()
					.map((vector) -> moved(vector, allocator))
					.toList();
				if (reader.loadNextBatch()) {
					throw new IllegalStateException("More flights than one batch holds");
				}
				return new VectorSchemaRoot(columns);
			}
		}
	}

	private static FieldVector moved(FieldVector vector, BufferAllocator allocator) {
		TransferPair transfer = vector.getTransferPair(allocator);
		transfer.transfer();
		return (FieldVector) transfer.getTo();
	}

}
