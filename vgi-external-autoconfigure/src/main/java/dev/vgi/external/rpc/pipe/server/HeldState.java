package dev.vgi.external.rpc.pipe.server;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.server.RpcCall;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.util.ReflectionUtils;

/**
 * The state of a stream between its turns, as it is: nothing is written or read. Its
 * closeable components, such as batches, belong to the stream for as long as they are in
 * the state. Not thread-safe.
 */
final class HeldState implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(HeldState.class);

	private @Nullable Record state;

	/** The closeable components, and what has to be closed for each. */
	private Map<AutoCloseable, AutoCloseable> held = new IdentityHashMap<>();

	/**
	 * Return the state.
	 * @return the state
	 * @throws IllegalStateException before the first and after the last
	 */
	Record get() {
		Assert.state(this.state != null, "The stream has no state");
		return this.state;
	}

	/**
	 * Replace the state, and close what is no longer part of it.
	 * @param next the next state, or {@code null} if the stream ends
	 * @param input the input of the turn that made it, or {@code null} if it had none
	 * @param call the call that made it: what it owns and the state has is the state's
	 */
	void replace(@Nullable Record next, @Nullable AnnotatedBatch input, RpcCall call) {
		Map<AutoCloseable, AutoCloseable> components = new IdentityHashMap<>();
		for (AutoCloseable component : closeable(next)) {
			AutoCloseable owner = (input != null && component == input.root()) ? input : component;
			call.disown(owner);
			AutoCloseable known = this.held.remove(component);
			components.put(component, (known != null) ? known : owner);
		}
		Map<AutoCloseable, AutoCloseable> dropped = this.held;
		this.state = next;
		this.held = components;
		dropped.values().forEach(HeldState::close);
	}

	private static List<AutoCloseable> closeable(@Nullable Record state) {
		List<AutoCloseable> found = new ArrayList<>();
		if (state != null) {
			for (RecordComponent component : state.getClass().getRecordComponents()) {
				if (value(component, state) instanceof AutoCloseable closeable) {
					found.add(closeable);
				}
			}
		}
		return found;
	}

	private static @Nullable Object value(RecordComponent component, Record state) {
		ReflectionUtils.makeAccessible(component.getAccessor());
		try {
			return component.getAccessor().invoke(state);
		}
		catch (IllegalAccessException | InvocationTargetException ex) {
			throw new IllegalStateException("The component " + component + " of a state cannot be read", ex);
		}
	}

	// The turn is over: its caller has the answer.
	private static void close(AutoCloseable component) {
		try {
			component.close();
		}
		catch (Exception ex) {
			logger.warn("A component of a stream's state cannot be closed", ex);
		}
	}

	/**
	 * Close what the state has. Idempotent.
	 */
	@Override
	public void close() {
		Map<AutoCloseable, AutoCloseable> dropped = this.held;
		this.state = null;
		this.held = new IdentityHashMap<>();
		dropped.values().forEach(HeldState::close);
	}

}
