package dev.vgi.external.sample;

import java.util.List;

import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.web.bind.annotation.RestController;

/**
 * Serves {@link FlightService}.
 */
@RestController
class FlightServiceController implements FlightService {

	/** Rows of a page: about 10 MB. */
	private static final int PAGE_SIZE = 250_000;

	private static final Schema IMPORTED = new Schema(
			List.of(Field.notNullable("imported", new ArrowType.Int(64, true)),
					Field.notNullable("total", new ArrowType.Int(64, true))));

	private final FlightStore store;

	FlightServiceController(FlightStore store) {
		this.store = store;
	}

	@Override
	public RouteSummary summarize(String origin, String destination) {
		return this.store.summarize(origin, destination);
	}

	@Override
	public VectorSchemaRoot fetchFlights(@Nullable String origin, @Nullable String destination) {
		Route route = Route.of(origin, destination);
		return (route != null) ? this.store.route(route.origin(), route.destination()) : this.store.allInOneBatch();
	}

	@Override
	public long importFlights(VectorSchemaRoot flights) {
		return this.store.importFlights(flights);
	}

	@Override
	public ProducerStream<FlightCount> streamFlights(@Nullable String origin, @Nullable String destination) {
		Route route = Route.of(origin, destination);
		return ProducerStream.of(FlightStore.SCHEMA, new Page(route, FlightStore.BEFORE_FIRST),
				new FlightCount(this.store.count(route)));
	}

	/**
	 * Return the next page of a stream of flights.
	 * @param page the start of the page
	 * @return the page, and the start of the next one
	 */
	@RpcTurn
	Turn next(Page page) {
		FlightStore.Page found = this.store.page(page.route(), page.after(), PAGE_SIZE);
		if (found.flights().getRowCount() == 0) {
			found.flights().close();
			return Turn.finish();
		}
		return found.isLast() ? Turn.emitLast(found.flights())
				: Turn.emit(found.flights(), new Page(page.route(), found.last()));
	}

	@Override
	public ExchangeStream<Void> importStream() {
		return ExchangeStream.of(FlightStore.SCHEMA, IMPORTED, new Imported(0));
	}

	/**
	 * Import one batch of a stream.
	 * @param before the flights imported before
	 * @param flights the batch; borrowed
	 * @param context supplies the memory of the answer
	 * @return the number of imported flights
	 */
	@RpcTurn
	Turn importBatch(Imported before, VectorSchemaRoot flights, RpcContext context) {
		long imported = this.store.importFlights(flights);
		Imported after = new Imported(before.total() + imported);
		return Turn.emit(answer(imported, after.total(), context.allocator()), after);
	}

	private static VectorSchemaRoot answer(long imported, long total, BufferAllocator allocator) {
		VectorSchemaRoot answer = VectorSchemaRoot.create(IMPORTED, allocator);
		((BigIntVector) answer.getVector(0)).setSafe(0, imported);
		((BigIntVector) answer.getVector(1)).setSafe(0, total);
		answer.setRowCount(1);
		return answer;
	}

	/**
	 * The state of a stream of flights: all that the next turn needs, in any process.
	 *
	 * @param route the route of the flights, or {@code null} for all
	 * @param after the flight before the first one of the page
	 */
	record Page(@Nullable Route route, long after) {

	}

	/**
	 * The state of an import.
	 *
	 * @param total number of flights imported so far
	 */
	record Imported(long total) {

	}

}
