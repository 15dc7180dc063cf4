package dev.vgi.external.location;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.fetch.FetchGroup;
import dev.vgi.external.fetch.FetchMember;
import dev.vgi.external.fetch.ObjectLink;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A batch that has been read and not handed out: inline, or a pointer that is to be
 * resolved, is being resolved or was. Guarded by the lock of its {@link ResolvedBatches},
 * except for {@link #read} and {@link #resolve}.
 */
final class BatchAhead {

	/** Heap of a batch without its columns, and of each column. */
	private static final long OBJECT_HEAP = 1024;

	/** Heap per byte of metadata. */
	private static final long METADATA_HEAP = 4;

	/** Bounds what is ahead and says when a pointer may be fetched. */
	final FetchMember member;

	/** Of the pointer; {@code null} if the batch was inline. */
	private final @Nullable BatchMetadata pointer;

	private final @Nullable Schema schema;

	/** Link of the pointer, once it was resolved, perhaps several times. */
	private @Nullable ObjectLink link;

	private final List<LogMessage> logs = new ArrayList<>();

	private @Nullable AnnotatedBatch batch;

	private @Nullable Throwable failure;

	/** Whether it is being resolved. */
	private boolean running;

	/** The thread that resolves it, as long as it may be interrupted. */
	private @Nullable Thread thread;

	private boolean interrupted;

	/** Whether nobody wants the result any more. */
	private boolean dropped;

	private BatchAhead(FetchMember member, @Nullable AnnotatedBatch pointer, @Nullable AnnotatedBatch batch,
			@Nullable Throwable failure) {
		this.member = member;
		this.pointer = (pointer != null) ? pointer.metadata() : null;
		this.schema = (pointer != null) ? pointer.schema() : null;
		this.batch = batch;
		this.failure = failure;
	}

	/**
	 * Read the next batch. May wait, and is called without the lock.
	 * @param source the source
	 * @param group receives the batch as a member
	 * @return the batch, or what stands for one that could not be read; {@code null} at
	 * the end
	 */
	static @Nullable BatchAhead read(BatchSource source, FetchGroup group) {
		try {
			AnnotatedBatch read = source.next();
			return (read != null) ? of(read, group) : null;
		}
		catch (IOException ex) {
			return new BatchAhead(group.addPresent(0, 0), null, null, new UncheckedIOException(ex));
		}
		catch (RuntimeException | Error ex) {
			return new BatchAhead(group.addPresent(0, 0), null, null, ex);
		}
	}

	private static BatchAhead of(AnnotatedBatch read, FetchGroup group) {
		long heap = OBJECT_HEAP + METADATA_HEAP * read.metadata().length();
		if (!read.isPointer()) {
			long columns = OBJECT_HEAP * vectors(read.schema().getFields());
			return new BatchAhead(group.addPresent(read.bufferSize(), heap + columns), null, read, null);
		}
		try (read) {
			return new BatchAhead(group.add(heap), read, null, null);
		}
	}

	private static long vectors(List<Field> fields) {
		long count = fields.size();
		for (Field field : fields) {
			count += vectors(field.getChildren());
		}
		return count;
	}

	/**
	 * Start resolving, if it may start now.
	 * @param caller the thread that is going to resolve it, if that is known already
	 * @return whether {@link #resolve} and {@link #ended} have to be called
	 */
	boolean start(@Nullable Thread caller) {
		if (!isWaiting() || !this.member.start()) {
			return false;
		}
		this.running = true;
		this.thread = caller;
		return true;
	}

	void runsOn(Thread worker) {
		if (this.running) {
			this.thread = worker;
		}
	}

	boolean isWaiting() {
		return !this.running && !isOver();
	}

	boolean isOver() {
		return !this.running && (this.batch != null || this.failure != null);
	}

	@Nullable Throwable failure() {
		return this.failure;
	}

	/**
	 * Resolve the pointer. Called without the lock, by the thread that was announced.
	 * @param resolver fetches and parses
	 * @param allocator the owner of the batch's memory
	 * @param withoutLogs whether to drop the stored log messages
	 */
	void resolve(LocationResolver resolver, BufferAllocator allocator, boolean withoutLogs) {
		try {
			BatchMetadata metadata = Objects.requireNonNull(this.pointer);
			ObjectLink known = (this.link != null) ? this.link : resolver.link(metadata);
			this.link = known;
			this.batch = resolver.resolve(Pointer.from(metadata), known, Objects.requireNonNull(this.schema), allocator,
					withoutLogs ? LogSink.discarding() : this.logs::add, this.member);
		}
		catch (RuntimeException | Error ex) {
			this.failure = ex;
		}
	}

	// Decides what becomes of the result of resolve.
	void ended() {
		this.running = false;
		this.thread = null;
		if (this.interrupted) {
			// The interrupt was meant for this batch alone.
			Thread.interrupted();
			this.interrupted = false;
		}
		if (this.dropped) {
			drop();
		}
		else if (this.member.isEvicted() || (this.failure != null && this.member.givesWay())) {
			restart();
		}
		else {
			this.member.complete((this.batch != null) ? this.batch.bufferSize() : 0);
		}
	}

	/**
	 * Let it be fetched again, or now if {@link #resolve} was never called.
	 */
	void restart() {
		this.running = false;
		free();
		this.member.restart();
	}

	private void free() {
		if (this.batch != null) {
			this.batch.close();
		}
		this.batch = null;
		this.failure = null;
		this.logs.clear();
	}

	/**
	 * Drop the result, or end the transfer, if an older one needs the room.
	 * @return whether a result was dropped
	 */
	boolean giveWayIfEvicted() {
		if (!this.member.isEvicted()) {
			return false;
		}
		if (this.running) {
			interrupt();
			return false;
		}
		restart();
		return true;
	}

	private void interrupt() {
		if (this.thread != null && !this.interrupted) {
			this.interrupted = true;
			this.thread.interrupt();
		}
	}

	/**
	 * End the transfer, if there is one, and free the result.
	 */
	void drop() {
		this.dropped = true;
		if (this.running) {
			interrupt();
		}
		else {
			free();
			this.member.remove();
		}
	}

	/**
	 * Hand the batch out, after its log messages.
	 * @param sink receives the messages; if it fails, the batch is closed
	 * @return the batch; the caller closes it
	 */
	AnnotatedBatch handOut(LogSink sink) {
		AnnotatedBatch result = Objects.requireNonNull(this.batch);
		try {
			this.logs.forEach(sink::log);
			return result;
		}
		catch (RuntimeException | Error ex) {
			result.close();
			throw ex;
		}
	}

}
