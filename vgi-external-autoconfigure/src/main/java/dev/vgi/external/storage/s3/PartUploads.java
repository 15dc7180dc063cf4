package dev.vgi.external.storage.s3;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

import dev.vgi.external.storage.Payload;
import dev.vgi.external.storage.Payload.Part;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.TransferCancelledException;
import org.jspecify.annotations.Nullable;

/**
 * The parts of one multipart upload, taken in order and sent by the calling thread and a
 * few helpers, which have ended when {@link #run} returns. No thread holds more than the
 * part that it sends. The first permanent failure of a part cancels the others. Used
 * once.
 */
final class PartUploads {

	/** How many bytes are written between two checks for cancellation. */
	private static final int WINDOW = 256 * 1024;

	/** Most parts of an upload that S3 accepts. */
	private static final long MOST_PARTS = 10_000;

	private static final AtomicInteger THREADS = new AtomicInteger();

	private final Payload payload;

	private final int partSize;

	/** Held by the thread that takes a part. */
	private final ReentrantLock taking = new ReentrantLock();

	/** The next part if it was already taken. Guarded by {@link #taking}. */
	private @Nullable Part next;

	/** Guarded by {@link #taking}. */
	private int count;

	private final Map<Integer, String> entityTags = new ConcurrentHashMap<>();

	/** Contains all helpers before the first one starts. */
	private final List<Thread> helpers = new ArrayList<>();

	private volatile boolean cancelled;

	/** Guarded by this object's monitor. */
	private @Nullable Throwable failure;

	/**
	 * Create uploads.
	 * @param first the first part, which was already taken
	 * @param payload contains the other parts
	 * @param partSize size of its parts
	 */
	PartUploads(Part first, Payload payload, int partSize) {
		this.next = first;
		this.payload = payload;
		this.partSize = partSize;
	}

	/**
	 * Choose a part size.
	 * @param configured the configured size
	 * @param maxLength most bytes of the payload
	 * @return the configured size, or a larger one that is necessary to stay within the
	 * number of parts that S3 accepts
	 */
	static int partSize(long configured, long maxLength) {
		return (int) Math.min(Payload.LARGEST_PART, Math.max(configured, (maxLength - 1) / MOST_PARTS + 1));
	}

	/**
	 * Send all parts.
	 * @param parallel most parts at once, including the caller's
	 * @param sender sends one part
	 * @return the parts' entity tags in order
	 */
	List<String> run(int parallel, Sender sender) {
		long mostParts = (this.payload.maxLength() + this.partSize - 1) / this.partSize;
		for (int i = 1; i < Math.min(parallel, mostParts); i++) {
			Thread helper = new Thread(() -> work(sender), "vgi-upload-" + THREADS.incrementAndGet());
			helper.setDaemon(true);
			this.helpers.add(helper);
		}
		try {
			startHelpers();
			work(sender);
		}
		finally {
			join();
		}
		synchronized (this) {
			if (this.failure instanceof RuntimeException exception) {
				throw exception;
			}
			if (this.failure instanceof Error error) {
				throw error;
			}
		}
		List<String> tags = new ArrayList<>(this.entityTags.size());
		for (int number = 1; number <= this.entityTags.size(); number++) {
			String tag = this.entityTags.get(number);
			if (tag == null) {
				throw new IllegalStateException("A part is missing without an error");
			}
			tags.add(tag);
		}
		return tags;
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

	private void work(Sender sender) {
		try {
			while (sendNext(sender)) {
				// Send the next part.
			}
		}
		catch (RuntimeException | Error ex) {
			fail(ex);
		}
	}

	private boolean sendNext(Sender sender) {
		int number;
		Part taken;
		this.taking.lock();
		try {
			taken = this.cancelled ? null : take();
			number = ++this.count;
		}
		finally {
			this.taking.unlock();
		}
		if (taken == null) {
			return false;
		}
		try (Part part = taken) {
			this.entityTags.put(number, sender.send(number, new CancellableBody(part), () -> this.cancelled));
		}
		return true;
	}

	private @Nullable Part take() {
		Part part = this.next;
		this.next = null;
		return (part != null) ? part : this.payload.next(this.partSize);
	}

	private synchronized void fail(Throwable ex) {
		// A later failure was most likely caused by the cancellation.
		if (this.failure == null) {
			this.failure = ex;
			this.cancelled = true;
			// The transport ends an exchange whose thread is interrupted. The calling
			// thread must not be interrupted: it stops at its next write.
			this.helpers.forEach(Thread::interrupt);
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

	/**
	 * Sends a part, with retries.
	 */
	@FunctionalInterface
	interface Sender {

		String send(int number, RequestBody body, BooleanSupplier cancelled);

	}

	/**
	 * A body whose writing ends when the upload is cancelled.
	 */
	private final class CancellableBody implements RequestBody {

		private final RequestBody part;

		CancellableBody(RequestBody part) {
			this.part = part;
		}

		@Override
		public long length() {
			return this.part.length();
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			this.part.writeTo(new CancellableChannel(channel));
		}

	}

	/**
	 * A channel that writes in small steps.
	 */
	private final class CancellableChannel implements WritableByteChannel {

		private final WritableByteChannel target;

		CancellableChannel(WritableByteChannel target) {
			this.target = target;
		}

		@Override
		public int write(ByteBuffer source) throws IOException {
			if (PartUploads.this.cancelled) {
				throw new IOException("The upload was cancelled");
			}
			int limit = source.limit();
			source.limit(Math.min(limit, source.position() + WINDOW));
			try {
				return this.target.write(source);
			}
			finally {
				source.limit(limit);
			}
		}

		@Override
		public boolean isOpen() {
			return this.target.isOpen();
		}

		@Override
		public void close() throws IOException {
			this.target.close();
		}

	}

}
