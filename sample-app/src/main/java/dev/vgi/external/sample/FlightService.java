package dev.vgi.external.sample;

import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

/**
 * The flights as a typed RPC service: the controller implements this interface, and
 * clients call it.
 */
@RpcService(name = "FlightService", version = "1.0.0")
public interface FlightService {

	/**
	 * Summarize the flights of one route.
	 * @param origin the airport of departure, an IATA code
	 * @param destination the airport of arrival, an IATA code
	 * @return the summary, with zero flights if there are none
	 */
	@RpcMethod("summarize")
	RouteSummary summarize(String origin, String destination);

	/**
	 * Fetch the flights of one route, or all flights.
	 * @param origin the airport of departure, or {@code null} for all flights
	 * @param destination the airport of arrival, {@code null} exactly if the origin is
	 * @return the batch
	 */
	@RpcMethod("fetch_flights")
	VectorSchemaRoot fetchFlights(@Nullable String origin, @Nullable String destination);

	/**
	 * Import flights; see {@link FlightStore#importFlights}.
	 * @param flights the batch
	 * @return how many were imported
	 */
	@RpcMethod("import_flights")
	long importFlights(VectorSchemaRoot flights);

	/**
	 * Stream the flights of one route, or all flights, page by page: more than either
	 * side could hold as one batch.
	 * @param origin the airport of departure, or {@code null} for all flights
	 * @param destination the airport of arrival, {@code null} exactly if the origin is
	 * @return the pages, with the total number of flights as the header
	 */
	@RpcMethod("stream_flights")
	ProducerStream<FlightCount> streamFlights(@Nullable String origin, @Nullable String destination);

	/**
	 * Import flights batch by batch. Each batch is imported separately; the answer is its
	 * number of flights and the total so far.
	 * @return the stream to send the batches of flights to
	 */
	@RpcMethod("import_stream")
	ExchangeStream<Void> importStream();

}
