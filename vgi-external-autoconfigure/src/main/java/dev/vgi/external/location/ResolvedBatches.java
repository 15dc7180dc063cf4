package dev.vgi.external.location;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.fetch.FetchGroup;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The batches of a stream in order, pointers among them resolved, each verified before it
 * is handed out. What is ahead is fetched meanwhile, as far as the {@link FetchGroup}
 * lets it: on threads that exist only while they fetch. The next batch is fetched by the
 * thread that waits for it, if no other one has begun. Used by one thread at a time,
 * except for {@link #close()}.
 */
public final class ResolvedBatches implements AutoCloseable {

	private final LocationResolver resolver;

	private final BatchSource source;

	private final BufferAllocator allocator;

	private final LogSink logs;

	private final boolean ownThread;

	private final AheadThreads threads;

	private final FetchGroup group;

	/** Guards all fields below and those of the batches ahead. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	private final Deque<BatchAhead> ahead = new ArrayDeque<>();

	/** Reads the source, if that has a thread of its own. */
	private @Nullable Thread reader;

	/** How many pointers are being resolved. */
	private int resolving;

	/** Whether the source has no more batches, or is not read any more. */
	private boolean ended;

	/** Whether a thread waits for the first batch ahead, and can fetch it. */
	private boolean awaited;

	private @Nullable Throwable failure;

	private boolean closed;

	ResolvedBatches(LocationResolver resolver, BatchSource source, BufferAllocator allocator, LogSink logs,
			boolean ownThread) {
		this.resolver = resolver;
		this.source = source;
		this.allocator = allocator;
		this.logs = logs;
		this.ownThread = ownThread;
		this.threads = new AheadThreads(resolver.resources().threads().named("ahead"));
		this.group = resolver.newGroup(this::groupChanged);
	}

	/**
	 * Return the schema of the batches.
	 * @return the schema in memory format
	 */
	public Schema schema() {
		return this.source.schema();
	}

	/**
	 * Return a batch without rows that has the dictionaries of a stream without batches.
	 * @return the batch, which the caller closes; {@code null} if they are not known
	 * @throws IOException if the source is closed
	 */
	@Nullable AnnotatedBatch zeroRows() throws IOException {
		return this.source.zeroRows();
	}

	FetchGroup group() {
		return this.group;
	}

	/**
	 * Return the next batch, and wait for it if necessary.
	 * @return the batch, which the caller closes; or {@code null} at the end
	 * @throws dev.vgi.external.VgiExternalException if this batch cannot be resolved, the
	 * source fails or the thread is interrupted; later calls throw the same exception
	 * again
	 * @throws UncheckedIOException if the source cannot be read
	 * @throws IllegalStateException after {@link #close()}
	 */
	public @Nullable AnnotatedBatch next() {
		BatchAhead taken = await();
		try {
			return (taken != null) ? taken.handOut(this.logs) : null;
		}
		catch (RuntimeException | Error ex) {
			// The batch is lost, so those after it are not handed out either.
			fail(ex);
			throw ex;
		}
	}

	private @Nullable BatchAhead await() {
		this.lock.lock();
		try {
			if (this.closed) {
				throw new IllegalStateException("The batches are closed");
			}
			this.awaited = true;
			while (true) {
				throwFailure();
				advance();
				BatchAhead first = this.ahead.peek();
				if (first == null && this.ended) {
					return null;
				}
				if (first != null && first.isOver()) {
					return take(first);
				}
				if (first != null && first.start(Thread.currentThread())) {
					startThreads();
					resolve(first);
				}
				else if (!dropEvicted()) {
					this.changed.await();
				}
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			TransferCancelledException cancelled = new TransferCancelledException(
					"Interrupted while waiting for a batch");
			fail(cancelled);
			throw cancelled;
		}
		finally {
			this.awaited = false;
			this.lock.unlock();
		}
	}

	private BatchAhead take(BatchAhead first) {
		Throwable thrown = first.failure();
		if (thrown != null) {
			fail(thrown);
			throwFailure();
		}
		this.ahead.remove();
		first.member.remove();
		this.awaited = false;
		startThreads();
		this.changed.signalAll();
		return first;
	}

	private void throwFailure() {
		if (this.failure instanceof Error error) {
			throw error;
		}
		if (this.failure != null) {
			throw (RuntimeException) this.failure;
		}
	}

	// Lets the source be read, here or by its own thread.
	private void advance() {
		if (this.ownThread) {
			if (this.reader == null) {
				this.reader = this.threads.start(this::readAhead);
			}
			return;
		}
		while (!this.ended && (this.ahead.isEmpty() || (this.group.hasRoom() && this.source.isReady()))) {
			read();
		}
		startThreads();
	}

	private void readAhead() {
		this.lock.lock();
		try {
			while (!this.ended) {
				if (this.ahead.isEmpty() || this.group.hasRoom()) {
					read();
					startThreads();
					this.changed.signalAll();
				}
				else {
					this.changed.await();
				}
			}
		}
		catch (InterruptedException ex) {
			// By close(), which has nothing left to do here.
		}
		finally {
			this.lock.unlock();
		}
	}

	// Reads one batch, without the lock.
	private void read() {
		BatchAhead read = null;
		this.lock.unlock();
		try {
			read = BatchAhead.read(this.source, this.group);
		}
		finally {
			this.lock.lock();
		}
		if (this.ended && read != null) {
			read.drop();
		}
		else if (read != null) {
			this.ahead.add(read);
			this.ended = read.failure() != null;
		}
		else {
			this.ended = true;
		}
	}

	private void startThreads() {
		for (BatchAhead next = startNext(); next != null; next = startNext()) {
			BatchAhead started = next;
			try {
				next.runsOn(this.threads.start(() -> work(started)));
			}
			catch (RuntimeException | Error ex) {
				// Without a further thread it is left to those that there are.
				next.restart();
				return;
			}
		}
	}

	/**
	 * Start a pointer that may be fetched now, once what has to give way to an older one
	 * has been dropped.
	 * @return the pointer, or {@code null} if there is none
	 */
	private @Nullable BatchAhead startNext() {
		if (this.closed || this.failure != null) {
			return null;
		}
		do {
			BatchAhead next = firstWaiting();
			// The first one is left to the thread that waits for it.
			if (next != null && !(this.awaited && next == this.ahead.peek()) && next.start(null)) {
				return next;
			}
		}
		while (dropEvicted());
		return null;
	}

	// No other one may start before it.
	private @Nullable BatchAhead firstWaiting() {
		for (BatchAhead batch : this.ahead) {
			if (batch.isWaiting()) {
				return batch;
			}
		}
		return null;
	}

	// Returns whether anything was freed at once.
	private boolean dropEvicted() {
		boolean freed = false;
		for (BatchAhead batch : this.ahead) {
			freed |= batch.giveWayIfEvicted();
		}
		return freed;
	}

	private void work(BatchAhead first) {
		this.lock.lock();
		try {
			BatchAhead next = first;
			while (next != null) {
				next.runsOn(Thread.currentThread());
				resolve(next);
				next = startNext();
				startThreads();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	// Resolves one pointer, without the lock.
	private void resolve(BatchAhead batch) {
		this.resolving++;
		this.lock.unlock();
		try {
			batch.resolve(this.resolver, this.allocator, this.logs.isDiscarding());
		}
		finally {
			this.lock.lock();
			this.resolving--;
			batch.ended();
			if (batch.failure() != null) {
				dropYounger(batch);
			}
			this.changed.signalAll();
		}
	}

	private void dropYounger(BatchAhead failed) {
		while (!this.ahead.isEmpty() && this.ahead.peekLast() != failed && this.ahead.contains(failed)) {
			this.ahead.removeLast().drop();
		}
		this.ended = true;
	}

	// Called by any thread that fetches.
	private void groupChanged() {
		this.lock.lock();
		try {
			startThreads();
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	private void fail(Throwable thrown) {
		this.lock.lock();
		try {
			this.failure = (this.failure != null) ? this.failure : thrown;
			dropAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	private void dropAll() {
		this.ended = true;
		this.ahead.forEach(BatchAhead::drop);
		this.ahead.clear();
		this.changed.signalAll();
	}

	/**
	 * End all transfers, free what is ahead and close the source. No thread of this
	 * object lives on afterwards. May be called from another thread, and then ends a
	 * {@link #next()} that waits. Idempotent.
	 */
	@Override
	public void close() {
		this.lock.lock();
		try {
			fail(new TransferCancelledException("The batches were closed"));
			this.closed = true;
			if (this.reader != null) {
				this.reader.interrupt();
			}
		}
		finally {
			this.lock.unlock();
		}
		this.source.close();
		this.threads.join();
		awaitResolving();
	}

	// The thread that waited for a batch may still be ending its transfer.
	private void awaitResolving() {
		this.lock.lock();
		try {
			while (this.resolving > 0) {
				this.changed.awaitUninterruptibly();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

}
