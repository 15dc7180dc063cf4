package dev.vgi.external.sample;

import java.io.IOException;
import java.sql.PreparedStatement;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.duckdb.DuckDBResultSet;

/**
 * The result of a query, which DuckDB computes while it is read. Flights cannot be
 * changed until it is closed. Used by one thread at a time; any thread may close it.
 */
final class FlightReader extends ArrowReader {

	private static final String WHAT = "Reading flights";

	private final FlightDatabase.Session session;

	private final ArrowReader rows;

	private boolean closed;

	/**
	 * Start a query.
	 * @param session taken over, also on failure
	 * @param query prepares the query
	 * @param batchSize number of flights in a batch, about
	 * @param allocator the owner of the batches
	 * @throws FlightsUnavailableException if the database fails
	 */
	FlightReader(FlightDatabase.Session session, FlightDatabase.Work<PreparedStatement> query, int batchSize,
			BufferAllocator allocator) {
		super(allocator);
		this.session = session;
		try {
			// Closing the connection closes the statement
			this.rows = session.read(WHAT,
					(connection) -> (ArrowReader) query.on(connection)
						.executeQuery()
						.unwrap(DuckDBResultSet.class)
						.arrowExportStream(allocator, batchSize));
		}
		catch (RuntimeException ex) {
			session.close();
			throw ex;
		}
	}

	@Override
	public VectorSchemaRoot getVectorSchemaRoot() throws IOException {
		return this.rows.getVectorSchemaRoot();
	}

	@Override
	public synchronized boolean loadNextBatch() {
		return this.session.read(WHAT, (connection) -> this.rows.loadNextBatch());
	}

	@Override
	protected synchronized void closeReadSource() throws IOException {
		if (!this.closed) {
			this.closed = true;
			try (this.session) {
				this.rows.close();
			}
		}
	}

	@Override
	protected Schema readSchema() throws IOException {
		return this.rows.getVectorSchemaRoot().getSchema();
	}

	@Override
	public long bytesRead() {
		return 0;
	}

}
