package dev.vgi.external.rpc.pipe.client;

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.ManualTimer;
import org.apache.arrow.memory.BufferAllocator;

/**
 * A peer whose connections are open and carry nothing.
 */
final class FakePeer implements Peer {

	private static final PeerSettings SETTINGS = new PeerSettings(Duration.ofSeconds(1), Duration.ofSeconds(1),
			Duration.ofSeconds(1), 1, ReadLimits.defaults());

	final List<FakeWorker> opened = new CopyOnWriteArrayList<>();

	private final List<Thread> attempts = new CopyOnWriteArrayList<>();

	private final BufferAllocator allocator;

	/** Whether opening fails. */
	volatile boolean broken;

	/** What opening waits for. */
	volatile CountDownLatch gate = new CountDownLatch(0);

	FakePeer(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	@Override
	public PipeConnection open() {
		this.attempts.add(Thread.currentThread());
		try {
			this.gate.await();
		}
		catch (InterruptedException ex) {
			throw new WorkerFailedException("start " + this.attempts.size() + " was interrupted", -1);
		}
		if (this.broken) {
			throw new WorkerFailedException("start " + this.attempts.size() + " failed", 7);
		}
		FakeWorker worker = new FakeWorker(this.allocator);
		this.opened.add(worker);
		return worker.connection;
	}

	int attempts() {
		return this.attempts.size();
	}

	FakeWorker worker(PipeConnection connection) {
		return this.opened.stream().filter((worker) -> worker.connection == connection).findFirst().orElseThrow();
	}

	@Override
	public String describe() {
		return "the worker 'model'";
	}

	@Override
	public String transport() {
		return "fake";
	}

	static final class FakeWorker implements Lifeline {

		final PipeConnection connection;

		volatile boolean alive = true;

		volatile boolean destroyed;

		/** What its end waits for. */
		volatile CountDownLatch gate = new CountDownLatch(0);

		FakeWorker(BufferAllocator allocator) {
			PeerInput input = new PeerInput(Channels.newChannel(InputStream.nullInputStream()), () -> false);
			this.connection = new PipeConnection(input,
					Pipe.of(input, Channels.newChannel(OutputStream.nullOutputStream())), this, SETTINGS, allocator,
					new ManualTimer());
		}

		@Override
		public String describe() {
			return "the worker";
		}

		@Override
		public boolean isAlive() {
			return this.alive;
		}

		@Override
		public void awaitEnd(Pipe pipe, Duration most) {
			try {
				this.gate.await();
			}
			catch (InterruptedException ex) {
				throw new IllegalStateException(ex);
			}
		}

		@Override
		public void destroy() {
			this.destroyed = true;
		}

		@Override
		public void wake(Pipe pipe) {
			pipe.close();
		}

		@Override
		public WorkerFailedException failure(String problem, String words) {
			return new WorkerFailedException(problem, -1);
		}

	}

}
