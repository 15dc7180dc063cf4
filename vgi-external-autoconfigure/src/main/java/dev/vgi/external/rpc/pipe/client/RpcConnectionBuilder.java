package dev.vgi.external.rpc.pipe.client;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadFactory;

import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.call.CallTransport;
import dev.vgi.external.call.ServiceClient;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.client.RpcClientListener;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Builds connections to one worker. What is not set is made for the connection and closed
 * with it.
 */
public final class RpcConnectionBuilder {

	/** For a worker to end by itself, and again after it was asked to. */
	private static final Duration CLOSE_GRACE = Duration.ofSeconds(5);

	private final List<String> command;

	private final @Nullable Path unixSocket;

	private String name;

	private String keys = "";

	private @Nullable Path directory;

	private Map<String, String> environment = Map.of();

	private int size = 1;

	private Duration startTimeout = Duration.ofSeconds(30);

	private Duration callTimeout = Duration.ofMinutes(5);

	private @Nullable Duration idleTimeout;

	private int maxWaiting = 64;

	private boolean eager;

	private ExternalLocationConfig config = ExternalLocationConfig.defaults();

	private @Nullable TransferResources resources;

	private @Nullable LocationResolver resolver;

	private @Nullable BufferAllocator allocator;

	private long maxAnswerSize = Long.MAX_VALUE;

	private @Nullable ReadLimits readLimits;

	private boolean prefetch = true;

	private @Nullable LogSink logs;

	private RpcClientListener listener = RpcClientListener.none();

	RpcConnectionBuilder(List<String> command, @Nullable Path unixSocket) {
		this.command = command;
		this.unixSocket = unixSocket;
		Path path = (unixSocket != null) ? unixSocket : Path.of(command.get(0));
		this.name = String.valueOf(path.getFileName());
	}

	/**
	 * Set the name of the worker in messages and logs.
	 * @param name such as {@code model}; by default that of the program's or the socket's
	 * file
	 * @return this builder
	 */
	public RpcConnectionBuilder name(String name) {
		this.name = name;
		return this;
	}

	/**
	 * Set the prefix of the settings that messages name.
	 * @param prefix such as {@code vgi.rpc.workers.model.}; empty by default
	 * @return this builder
	 */
	public RpcConnectionBuilder keys(String prefix) {
		this.keys = prefix;
		return this;
	}

	/**
	 * Set the working directory of the worker.
	 * @param directory the folder; by default the working directory of this program
	 * @return this builder
	 */
	public RpcConnectionBuilder directory(Path directory) {
		this.directory = directory;
		return this;
	}

	/**
	 * Set additional environment variables of the worker.
	 * @param environment names and values, which are never shown; none by default
	 * @return this builder
	 */
	public RpcConnectionBuilder environment(Map<String, String> environment) {
		this.environment = Map.copyOf(environment);
		return this;
	}

	/**
	 * Set how many calls run at the same time, each on a worker of its own.
	 * @param size processes, or connections to the socket, positive; 1 by default. Leave
	 * it at 1 for a socket whose worker serves one connection after the other: a second
	 * one would wait until its timeout
	 * @return this builder
	 */
	public RpcConnectionBuilder size(int size) {
		this.size = size;
		return this;
	}

	/**
	 * Set how long the start of a worker may take, its first answer included.
	 * @param timeout positive; 30 seconds by default
	 * @return this builder
	 */
	public RpcConnectionBuilder startTimeout(Duration timeout) {
		this.startTimeout = timeout;
		return this;
	}

	/**
	 * Set how long a call waits for an answer: a result, the opening of a stream, or one
	 * turn of it. Also how long it waits for a worker.
	 * @param timeout positive; 5 minutes by default
	 * @return this builder
	 */
	public RpcConnectionBuilder callTimeout(Duration timeout) {
		this.callTimeout = timeout;
		return this;
	}

	/**
	 * Set when unused workers are ended.
	 * @param timeout time without a call, positive; {@code null}, the default, for never
	 * @return this builder
	 */
	public RpcConnectionBuilder idleTimeout(@Nullable Duration timeout) {
		this.idleTimeout = timeout;
		return this;
	}

	/**
	 * Set how many calls may wait for a worker. Further calls fail at once.
	 * @param calls most calls, not negative; 64 by default
	 * @return this builder
	 */
	public RpcConnectionBuilder maxWaiting(int calls) {
		this.maxWaiting = calls;
		return this;
	}

	/**
	 * Set whether {@link #build()} starts all workers.
	 * @param eager {@code false} by default: each one is started when it is first needed
	 * @return this builder
	 */
	public RpcConnectionBuilder eager(boolean eager) {
		this.eager = eager;
		return this;
	}

	/**
	 * Set how the pointers of answers are resolved.
	 * @param config only its client side is used; the defaults by default
	 * @return this builder
	 */
	public RpcConnectionBuilder externalLocation(ExternalLocationConfig config) {
		this.config = config;
		return this;
	}

	/**
	 * Set what the fetches of this connection share with other transfers.
	 * @param resources borrowed; made for the connection by default
	 * @return this builder
	 */
	public RpcConnectionBuilder resources(TransferResources resources) {
		this.resources = resources;
		return this;
	}

	/**
	 * Set what resolves the pointers of answers, instead of {@linkplain #externalLocation
	 * a configuration} and {@linkplain #resources resources}.
	 * @param resolver the resolver
	 * @return this builder
	 */
	public RpcConnectionBuilder resolver(LocationResolver resolver) {
		this.resolver = resolver;
		return this;
	}

	/**
	 * Set the owner of the memory of requests and answers.
	 * @param allocator borrowed; made for the connection by default, and then all results
	 * have to be closed before it
	 * @return this builder
	 */
	public RpcConnectionBuilder allocator(BufferAllocator allocator) {
		this.allocator = allocator;
		return this;
	}

	/**
	 * Set how large one answer may be.
	 * @param bytes most bytes, positive; unlimited by default
	 * @return this builder
	 */
	public RpcConnectionBuilder maxAnswerSize(long bytes) {
		this.maxAnswerSize = bytes;
		return this;
	}

	/**
	 * Set limits on the heap objects created from an answer.
	 * @param limits the limits; those of the resolver by default
	 * @return this builder
	 */
	public RpcConnectionBuilder readLimits(ReadLimits limits) {
		this.readLimits = limits;
		return this;
	}

	/**
	 * Set whether producers fetch the next batch while the caller works on one, with one
	 * thread per open stream.
	 * @param prefetch {@code true} by default
	 * @return this builder
	 */
	public RpcConnectionBuilder prefetch(boolean prefetch) {
		this.prefetch = prefetch;
		return this;
	}

	/**
	 * Set what receives the log messages of calls, on the calling thread.
	 * @param logs the sink; {@code null}, the default, for this application's log
	 * @return this builder
	 */
	public RpcConnectionBuilder logs(@Nullable LogSink logs) {
		this.logs = logs;
		return this;
	}

	/**
	 * Set what observes all calls of typed clients.
	 * @param listener is told about every call
	 * @return this builder
	 */
	public RpcConnectionBuilder listener(RpcClientListener listener) {
		this.listener = listener;
		return this;
	}

	/**
	 * Build a connection.
	 * @return the connection; the caller closes it
	 * @throws WorkerFailedException if it is eager and a worker cannot be started
	 */
	public RpcConnection build() {
		Assert.isTrue(!this.eager || this.idleTimeout == null, "'idleTimeout' must not be set if 'eager' is");
		Deque<AutoCloseable> own = new ArrayDeque<>();
		try {
			RpcConnection connection = build(own);
			if (this.eager) {
				connection.open();
			}
			return connection;
		}
		catch (RuntimeException | Error ex) {
			AutoCloseables.close(ex, own);
			throw ex;
		}
	}

	// What is closed first comes first.
	private RpcConnection build(Deque<AutoCloseable> own) {
		BufferAllocator allocator = this.allocator;
		if (allocator == null) {
			allocator = new RootAllocator();
			own.push(allocator);
		}
		LocationResolver resolver = this.resolver;
		if (resolver == null) {
			TransferResources resources = this.resources;
			if (resources == null) {
				resources = TransferResources.create();
				own.push(resources);
			}
			resolver = new LocationResolver(this.config, resources);
		}
		TransferTimer timer = resolver.resources().transport().timer();
		TransferThreads threads = resolver.resources().threads();
		PeerSettings settings = new PeerSettings(this.startTimeout, this.callTimeout, CLOSE_GRACE, this.maxAnswerSize,
				(this.readLimits != null) ? this.readLimits : resolver.config().readLimits());
		WorkerPool pool = new WorkerPool(peer(settings, allocator, timer),
				new PoolSettings(this.keys, this.size, this.callTimeout, this.idleTimeout, this.maxWaiting), timer,
				threads.named("worker"));
		own.push(pool);
		ServiceClient service = new PipeClient(new PipeTransport(pool, resolver, allocator),
				this.prefetch ? threads.named("prefetch") : null);
		RpcClients clients = RpcClients.lazily(() -> service, allocator, this.logs).watchedBy(this.listener);
		return new RpcConnection(pool, service, clients, own);
	}

	private Peer peer(PeerSettings settings, BufferAllocator allocator, TransferTimer timer) {
		return (this.unixSocket != null) ? new UnixPeer(this.unixSocket, settings, allocator, timer)
				: new WorkerProcess(this.name, this.command, this.directory, this.environment, settings, allocator,
						timer);
	}

	/**
	 * The methods of the service at the other end.
	 */
	private static final class PipeClient extends ServiceClient {

		PipeClient(CallTransport transport, @Nullable ThreadFactory prefetchThreads) {
			super(transport, prefetchThreads);
		}

	}

}
