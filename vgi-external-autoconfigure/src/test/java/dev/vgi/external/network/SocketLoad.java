package dev.vgi.external.network;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.fetch.ExternalFetcher;
import dev.vgi.external.fetch.FetchedBody;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Puts the load of a scenario on a {@link ThrottlingServer}, with the real engine. What
 * is a process in the simulation is a transport of its own here.
 */
final class SocketLoad implements AutoCloseable {

	private static final long BUDGET = 256L << 20;

	private final BufferAllocator allocator = new RootAllocator();

	private final List<TransferResources> processes = new ArrayList<>();

	private final List<Thread> callers = new ArrayList<>();

	private volatile boolean over;

	private SocketLoad() {
	}

	/**
	 * Run a scenario.
	 * @param scenario network and load; round trips, loss and slow requests are ignored
	 * @param setting how requests are limited
	 * @param plan for how long
	 * @return throughput and share of refused requests
	 * @throws Exception if the server cannot be run
	 */
	static Outcome run(Scenario scenario, Setting setting, LoadPlan plan) throws Exception {
		try (ThrottlingServer server = new ThrottlingServer(scenario.network(), scenario.size(), 1);
				SocketLoad load = new SocketLoad()) {
			load.start(scenario, setting, plan, server.url());
			TimeUnit.SECONDS.sleep(plan.warmUp());
			ThrottlingServer.Counts from = server.counts();
			TimeUnit.SECONDS.sleep(plan.seconds() - plan.warmUp());
			ThrottlingServer.Counts to = server.counts();
			return new Outcome((to.bytes() - from.bytes()) / (double) (plan.seconds() - plan.warmUp()),
					to.requests() - from.requests(), to.refused() - from.refused(), 0, 0, new double[0], 0);
		}
	}

	private void start(Scenario scenario, Setting setting, LoadPlan plan, URI url) {
		for (int i = 0; i < scenario.processes(); i++) {
			TransportSettings settings = TransportSettings.defaults().withMaxConnections(setting.pace().maxInFlight());
			StorageTransport transport = setting.pace().adaptive() ? new StorageTransport(settings, null)
					: FixedPace.transport(settings);
			TransferResources process = new TransferResources(transport, new TransferBudget(BUDGET, 64),
					new SlabPool(BUDGET / 4, Duration.ofMinutes(1)), TransferThreads.platform(),
					TransferListener.none());
			this.processes.add(process);
			ExternalFetcher fetcher = new ExternalFetcher(plan.config(), UrlValidator.acceptAll(), new OwnServer(),
					process);
			for (int j = 0; j < scenario.transfers(); j++) {
				this.callers.add(new Thread(() -> fetch(fetcher, url), "load"));
			}
		}
		this.callers.forEach(Thread::start);
	}

	private void fetch(ExternalFetcher fetcher, URI url) {
		while (!this.over) {
			try (FetchedBody body = fetcher.fetch(url, null, this.allocator)) {
				continue;
			}
			catch (VgiExternalException ex) {
				// The first answer is not retried by the fetcher, but by its callers.
				try {
					TimeUnit.MILLISECONDS.sleep(50);
				}
				catch (InterruptedException interrupted) {
					return;
				}
			}
		}
	}

	@Override
	public void close() throws Exception {
		this.over = true;
		this.callers.forEach(Thread::interrupt);
		for (Thread caller : this.callers) {
			caller.join();
		}
		this.processes.forEach(TransferResources::close);
		this.allocator.close();
	}

	/**
	 * What makes the server the process's own storage: hosts of others never get all
	 * connections.
	 */
	private static final class OwnServer implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UnsupportedOperationException("The server takes nothing");
		}

		@Override
		public boolean isOwn(URI url) {
			return true;
		}

		@Override
		public String name() {
			return "own";
		}

	}

}
