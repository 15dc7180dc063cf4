package dev.vgi.external.storage.s3;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.BooleanSupplier;

import dev.vgi.external.storage.Payload;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageUnavailableException;
import org.jspecify.annotations.Nullable;

/**
 * The parts of one multipart upload, sent by the calling thread and a few helpers that
 * are gone when {@link #run} returns. The first part that fails for good cancels the
 * others. Used once.
 */
final class PartUploads {

	/** How much is written between two looks at whether to go on. */
	private static final int WINDOW = 256 * 1024;

	/** How many parts S3 takes. */
	private static final long MOST_PARTS = 10_000;

	private static final AtomicInteger THREADS = new AtomicInteger();

	private final Payload payload;

	private final long partSize;

	private final int count;

	private final Sender sender;

	private final AtomicInteger next = new AtomicInteger();

	private final AtomicReferenceArray<@Nullable String> entityTags;

	/** Complete before the first of them starts. */
	private final List<Thread> helpers = new ArrayList<>();

	private volatile boolean cancelled;

	/** Guarded by this object's monitor. */
	private @Nullable Throwable failure;

	PartUploads(Payload payload, long partSize, Sender sender) {
		this.payload = payload;
		this.partSize = Math.max(partSize, (payload.length() + MOST_PARTS - 1) / MOST_PARTS);
		this.count = Math.toIntExact((payload.length() + this.partSize - 1) / this.partSize);
		this.sender = sender;
		this.entityTags = new AtomicReferenceArray<>(this.count);
	}

	/**
	 * Send all parts.
	 * @param parallel most parts at once, the caller's included
	 * @return the parts' entity tags in order
	 */
	List<String> run(int parallel) {
		for (int i = 1; i < Math.min(parallel, this.count); i++) {
			Thread helper = new Thread(this::work, "vgi-upload-" + THREADS.incrementAndGet());
			helper.setDaemon(true);
			this.helpers.add(helper);
		}
		try {
			startHelpers();
			work();
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
		List<String> tags = new ArrayList<>(this.count);
		for (int part = 0; part < this.count; part++) {
			String tag = this.entityTags.get(part);
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
			// No further thread is to be had: the others, at least the caller, do the
			// work.
		}
	}

	private void work() {
		try {
			int part = this.next.getAndIncrement();
			while (part < this.count && !this.cancelled) {
				long offset = part * this.partSize;
				long length = Math.min(this.partSize, this.payload.length() - offset);
				RequestBody body = new CancellableBody(this.payload.slice(offset, length));
				this.entityTags.set(part, this.sender.send(part + 1, body, () -> this.cancelled));
				part = this.next.getAndIncrement();
			}
		}
		catch (RuntimeException | Error ex) {
			fail(ex);
		}
	}

	private synchronized void fail(Throwable ex) {
		// What fails after the first failure most likely was cancelled by it.
		if (this.failure == null) {
			this.failure = ex;
			this.cancelled = true;
			// The transport ends an exchange whose thread is interrupted. The calling
			// thread
			// is not ours to interrupt: it stops at its next write.
			this.helpers.forEach(Thread::interrupt);
		}
	}

	private void join() {
		// The payload is borrowed: nobody may be left who reads it.
		boolean interrupted = false;
		for (Thread helper : this.helpers) {
			while (helper.isAlive()) {
				try {
					helper.join();
				}
				catch (InterruptedException ex) {
					interrupted = true;
					fail(new StorageUnavailableException("The upload was interrupted", 0, null));
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
	 * A channel that takes small bites.
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
