package dev.vgi.external.rpc.pipe.client;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import org.apache.arrow.util.AutoCloseables;

import org.springframework.util.Assert;

/**
 * The workers of an application, by their names. Thread-safe.
 */
public final class RpcWorkers implements AutoCloseable {

	private final Map<String, RpcConnection> workers;

	/**
	 * Create an instance.
	 * @param workers the workers by their names; taken over
	 */
	public RpcWorkers(Map<String, RpcConnection> workers) {
		this.workers = new LinkedHashMap<>(workers);
	}

	/**
	 * Return the names of all workers.
	 * @return the names, sorted
	 */
	public Set<String> names() {
		return new TreeSet<>(this.workers.keySet());
	}

	/**
	 * Create a client.
	 * @param <T> the interface
	 * @param worker the name of the worker
	 * @param type an interface whose methods are all RPC methods
	 * @return the client, which needs no closing
	 * @throws IllegalArgumentException if there is no worker of this name
	 */
	public <T> T client(String worker, Class<T> type) {
		return connection(worker).client(type);
	}

	/**
	 * Return the connection to a worker.
	 * @param worker the name of the worker
	 * @return the connection, which is closed with this instance
	 * @throws IllegalArgumentException if there is no worker of this name
	 */
	public RpcConnection connection(String worker) {
		RpcConnection connection = this.workers.get(worker);
		Assert.notNull(connection, () -> "There is no worker '" + worker + "': "
				+ (this.workers.isEmpty() ? "no workers are configured" : "the workers are " + names()));
		return connection;
	}

	/**
	 * End all workers at the same time and wait until nothing of them is left.
	 */
	@Override
	public void close() {
		Collection<RpcConnection> all = this.workers.values();
		all.forEach(RpcConnection::shutDown);
		AutoCloseables.closeNoChecked(() -> AutoCloseables.close(all));
	}

}
