package dev.vgi.external.upload;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Sends the parts of a payload while only a few of them are in memory. The calling thread
 * and a few helpers each take the next part, wait for its turn, send it, and start again.
 * Parts are taken in order, and a failed part is retried alone. The first permanent
 * failure ends all others. The number of parts does not have to be known.
 * <p>
 * Immutable and thread-safe.
 */
public final class PartWindow {

	private final int held;

	private final int sent;

	private final RetryPolicy attempts;

	private final ThreadFactory threads;

	private PartWindow(int held, int sent, RetryPolicy attempts, TransferThreads threads) {
		Assert.isTrue(held > 0, "'parts' must be positive");
		this.held = held;
		this.sent = sent;
		this.attempts = attempts;
		this.threads = threads.serving("upload");
	}

	/**
	 * Create a window for parts that may arrive in any order.
	 * @param parts most parts in memory, all of which are sent at the same time
	 * @param attempts retries each part
	 * @param threads creates the helpers
	 * @return the window
	 */
	public static PartWindow parallel(int parts, RetryPolicy attempts, TransferThreads threads) {
		return new PartWindow(parts, parts, attempts, threads);
	}

	/**
	 * Create a window for parts that have to arrive one after the other. Meanwhile, the
	 * next one is taken, and thereby compressed.
	 * @param attempts retries each part
	 * @param threads creates the helpers
	 * @return the window
	 */
	public static PartWindow inOrder(RetryPolicy attempts, TransferThreads threads) {
		return new PartWindow(2, 1, attempts, threads);
	}

	/**
	 * Send all parts. When this returns, every helper has ended and every part is closed,
	 * also if it fails.
	 * @param <R> what the storage answers to a part
	 * @param first the first part, which was already taken
	 * @param payload contains the other parts
	 * @param partSize size of the parts
	 * @param deadlines called when it is a part's turn to be sent; what it supplies
	 * covers all attempts of that part
	 * @param sender sends a part
	 * @return the answers in the order of the parts
	 */
	public <R extends @Nullable Object> List<R> send(Payload.Part first, Payload payload, int partSize,
			Supplier<Deadline> deadlines, Sender<R> sender) {
		return new Transfer<>(first, payload, partSize, deadlines, sender).run();
	}

	/**
	 * Makes one attempt to send a part.
	 *
	 * @param <R> what the storage answers
	 */
	@FunctionalInterface
	public interface Sender<R extends @Nullable Object> {

		/**
		 * Send a part.
		 * @param part the part
		 * @param failures how many attempts at it have failed
		 * @param deadline covers all of its attempts
		 * @return the answer
		 * @throws dev.vgi.external.VgiExternalException if the attempt fails
		 */
		R send(NumberedPart part, int failures, Deadline deadline);

	}

	/**
	 * The state of one call.
	 */
	private final class Transfer<R extends @Nullable Object> {

		private final Payload payload;

		private final int partSize;

		private final Supplier<Deadline> deadlines;

		private final Sender<R> sender;

		private final Thread caller = Thread.currentThread();

		/** Held by the thread that takes a part. Guards the next four. */
		private final ReentrantLock taking = new ReentrantLock();

		private Payload.@Nullable Part next;

		private int count;

		private long length;

		private boolean ended;

		/** Known once the last part was taken. */
		private volatile long size = -1;

		/** Guards the next three. */
		private final ReentrantLock lock = new ReentrantLock();

		private long stored;

		private final Map<Integer, R> answers = new TreeMap<>();

		private @Nullable Throwable failure;

		private final Condition changed = this.lock.newCondition();

		private volatile boolean cancelled;

		/** What the calling thread sends. */
		private volatile @Nullable NumberedPart ofCaller;

		/** Contains all helpers before the first one starts. */
		private final List<Thread> helpers = new ArrayList<>();

		Transfer(Payload.Part first, Payload payload, int partSize, Supplier<Deadline> deadlines, Sender<R> sender) {
			this.next = first;
			this.payload = payload;
			this.partSize = partSize;
			this.deadlines = deadlines;
			this.sender = sender;
		}

		List<R> run() {
			long mostParts = (this.payload.maxLength() - 1) / this.partSize + 1;
			for (int i = 1; i < Math.min(PartWindow.this.held, mostParts); i++) {
				this.helpers.add(PartWindow.this.threads.newThread(this::work));
			}
			try {
				startHelpers();
				work();
			}
			finally {
				join();
				if (this.next != null) {
					this.next.close();
				}
			}
			if (this.failure instanceof RuntimeException exception) {
				throw exception;
			}
			if (this.failure instanceof Error error) {
				throw error;
			}
			return new ArrayList<>(this.answers.values());
		}

		private void startHelpers() {
			try {
				this.helpers.forEach(Thread::start);
			}
			catch (OutOfMemoryError ex) {
				// No further thread can be created: the others do the work, or the caller
				// alone.
			}
		}

		private void work() {
			try {
				while (sendNext()) {
					// Send the next part.
				}
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
				fail(new TransferCancelledException("The upload was interrupted"));
			}
			catch (RuntimeException | Error ex) {
				fail(ex);
			}
		}

		private boolean sendNext() throws InterruptedException {
			NumberedPart part;
			this.taking.lockInterruptibly();
			try {
				part = take();
			}
			finally {
				this.taking.unlock();
			}
			if (part == null) {
				return false;
			}
			try (Payload.Part taken = part.part()) {
				return send(part);
			}
		}

		private boolean send(NumberedPart part) throws InterruptedException {
			if (!awaitTurn(part)) {
				return false;
			}
			if (Thread.currentThread() == this.caller) {
				this.ofCaller = part;
			}
			try {
				Deadline deadline = this.deadlines.get();
				RetryPolicy attempts = PartWindow.this.attempts.tracedBy(this.payload.trace(), part.number() - 1);
				R answer = attempts.run(deadline, () -> this.cancelled,
						(failures) -> this.sender.send(part, failures, deadline));
				answered(part, answer);
				return true;
			}
			catch (RuntimeException | Error ex) {
				// The part is not closed yet, so no other one gets its memory first.
				fail(ex);
				return false;
			}
		}

		private @Nullable NumberedPart take() {
			if (this.ended || this.cancelled) {
				return null;
			}
			Payload.Part part = (this.next != null) ? this.next : this.payload.next(this.partSize);
			Assert.state(part != null, "A payload ended without a last part");
			this.next = null;
			this.ended = part.isLast();
			long offset = this.length;
			this.length += part.length();
			if (this.ended) {
				this.size = this.length;
			}
			return new NumberedPart(part, ++this.count, offset, () -> this.cancelled);
		}

		private boolean awaitTurn(NumberedPart part) throws InterruptedException {
			this.lock.lockInterruptibly();
			try {
				while (!this.cancelled && part.number() > this.answers.size() + PartWindow.this.sent) {
					this.changed.await();
				}
				return !this.cancelled;
			}
			finally {
				this.lock.unlock();
			}
		}

		private void answered(NumberedPart part, R answer) {
			this.lock.lock();
			try {
				this.answers.put(part.number(), answer);
				this.stored += part.length();
				this.payload.trace().completed(part.number() - 1, false);
				this.payload.trace().progressed(this.stored, this.size);
				this.changed.signalAll();
			}
			finally {
				this.lock.unlock();
			}
		}

		private void fail(Throwable ex) {
			this.lock.lock();
			try {
				// A later failure was most likely caused by the cancellation.
				if (this.failure == null) {
					this.failure = ex;
					this.cancelled = true;
					this.changed.signalAll();
					// The transport ends an exchange whose thread is interrupted. The
					// calling thread belongs to others, so only its request is ended.
					this.helpers.forEach(Thread::interrupt);
					NumberedPart sending = this.ofCaller;
					if (sending != null) {
						sending.cancel();
					}
					this.payload.abandon();
				}
			}
			finally {
				this.lock.unlock();
			}
		}

		private void join() {
			// The payload is borrowed, so no thread may still read it when this returns.
			boolean interrupted = false;
			for (Thread helper : this.helpers) {
				while (helper.isAlive()) {
					try {
						helper.join();
					}
					catch (InterruptedException ex) {
						interrupted = true;
						fail(new TransferCancelledException("The upload was interrupted"));
					}
				}
			}
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}

	}

}
