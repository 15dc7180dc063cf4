package dev.vgi.external.rpc.pipe.client;

import java.nio.file.Path;
import java.util.Deque;
import java.util.List;

import dev.vgi.external.call.ServiceClient;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.rpc.client.RpcClients;
import org.apache.arrow.util.AutoCloseables;

import org.springframework.util.Assert;
import org.springframework.util.StringUtils;
import org.springframework.web.service.invoker.HttpServiceProxyFactory;

/**
 * A connection to a worker: a process that this program starts and calls over its
 * standard streams, or a peer that it calls over a Unix socket. Thread-safe; as many
 * calls run at the same time as the connection's size says, and others wait. A worker
 * that dies, does not answer in time or sends something that is no answer is ended and
 * replaced. A call that may have run is never repeated.
 */
public final class RpcConnection implements AutoCloseable {

	private final WorkerPool pool;

	private final ServiceClient service;

	private final RpcClients clients;

	/** What belongs to this connection alone, the pool included, in closing order. */
	private final Deque<AutoCloseable> own;

	RpcConnection(WorkerPool pool, ServiceClient service, RpcClients clients, Deque<AutoCloseable> own) {
		this.pool = pool;
		this.service = service;
		this.clients = clients;
		this.own = own;
	}

	/**
	 * Start a worker.
	 * @param command program and arguments; no shell is involved
	 * @param config how the pointers of answers are resolved: only its client side is
	 * used
	 * @return the connection to the running worker; the caller closes it, which ends the
	 * worker
	 * @throws WorkerFailedException if the worker cannot be started
	 */
	public static RpcConnection start(List<String> command, ExternalLocationConfig config) {
		return builder(command).externalLocation(config).eager(true).build();
	}

	/**
	 * Connect to a worker that runs.
	 * @param unixSocket path of the socket that it listens on
	 * @param config how the pointers of answers are resolved: only its client side is
	 * used
	 * @return the open connection; the caller closes it
	 * @throws dev.vgi.external.call.ServiceUnavailableException if nobody answers there
	 */
	public static RpcConnection connect(Path unixSocket, ExternalLocationConfig config) {
		return builder(unixSocket).externalLocation(config).eager(true).build();
	}

	/**
	 * Create a builder of connections to a worker that is started.
	 * @param command program and arguments; no shell is involved
	 * @return a builder with a default for everything else
	 */
	public static RpcConnectionBuilder builder(List<String> command) {
		Assert.isTrue(!command.isEmpty() && StringUtils.hasText(command.get(0)), "'command' must begin with a program");
		return new RpcConnectionBuilder(List.copyOf(command), null);
	}

	/**
	 * Create a builder of connections to a worker that runs.
	 * @param unixSocket path of the socket that it listens on
	 * @return a builder with a default for everything else
	 */
	public static RpcConnectionBuilder builder(Path unixSocket) {
		Assert.notNull(unixSocket, "'unixSocket' must not be null");
		return new RpcConnectionBuilder(List.of(), unixSocket);
	}

	/**
	 * Create a client, which needs no closing.
	 * @param <T> the interface
	 * @param type an interface whose methods are all RPC methods
	 * @return the client; throws what {@link RpcClients} says, and a
	 * {@link WorkerFailedException} if the worker ends in the middle of a call, or a
	 * {@link CallTimeoutException} if it does not answer in time
	 */
	public <T> T client(Class<T> type) {
		return this.clients.createClient(type);
	}

	/**
	 * Let the clients of a factory call their RPC methods over this connection. Other
	 * methods of their interfaces are not affected.
	 * @param builder the factory's builder
	 */
	public void configure(HttpServiceProxyFactory.Builder builder) {
		this.clients.configure(builder);
	}

	/**
	 * Return the client that calls methods with batches instead of Java values.
	 * @return the client of the service behind this connection
	 */
	public ServiceClient service() {
		return this.service;
	}

	/**
	 * Start all workers that do not run yet, up to the connection's size. Otherwise each
	 * one is started when it is first needed.
	 * @throws dev.vgi.external.VgiExternalException if one cannot be started; the others
	 * serve calls
	 */
	public void open() {
		this.pool.openAll();
	}

	/**
	 * Return how much the worker has to do.
	 * @return numbers of now, and counts since this connection was created
	 */
	public WorkerStatistics statistics() {
		return this.pool.statistics();
	}

	/**
	 * Refuse further calls and begin to end all workers, without waiting.
	 */
	void shutDown() {
		this.pool.shutDown();
	}

	/**
	 * Refuse further calls, end all workers and wait until nothing of them is left: no
	 * process, no thread and no file descriptor. A worker may finish its running call and
	 * has a short time to end by itself. Idempotent.
	 */
	@Override
	public void close() {
		AutoCloseables.closeNoChecked(() -> AutoCloseables.close(this.own));
	}

}
