package dev.vgi.external.rpc.server.http;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

import dev.vgi.external.rpc.mapping.RecordRow;
import dev.vgi.external.rpc.mapping.ValueMappings;
import dev.vgi.external.rpc.method.RpcContractException;
import dev.vgi.external.rpc.server.StreamTurns;
import org.jspecify.annotations.Nullable;

/**
 * How the states of a controller's streams become cursors. Immutable.
 */
final class StateRows {

	private final StreamTurns turns;

	private final Map<String, RecordRow> rows = new HashMap<>();

	/**
	 * Find the mapping of each state.
	 * @param turns the turns that the states are for
	 * @throws RpcContractException if a state has no mapping
	 */
	StateRows(StreamTurns turns) {
		this.turns = turns;
		for (StreamTurns.TurnMethod turn : turns.methods()) {
			try {
				this.rows.put(turn.state().getName(), ValueMappings.ofRecord(turn.state()));
			}
			catch (IllegalArgumentException ex) {
				throw new RpcContractException("State of " + turn.handler().getMethod() + ": " + ex.getMessage(), ex);
			}
		}
	}

	/**
	 * Return how a state that a method returned is encoded.
	 * @param state the state
	 * @return its mapping
	 * @throws IllegalStateException if no turn accepts it
	 */
	RecordRow of(Record state) {
		return Objects.requireNonNull(this.rows.get(this.turns.turn(state).state().getName()));
	}

	/**
	 * Return how a state is encoded.
	 * @param type name of its class, from anywhere
	 * @return its mapping, or {@code null} if no turn accepts it
	 */
	@Nullable RecordRow named(String type) {
		return this.rows.get(type);
	}

}
