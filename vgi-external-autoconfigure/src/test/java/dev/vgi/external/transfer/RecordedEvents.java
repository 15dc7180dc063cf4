package dev.vgi.external.transfer;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import java.util.function.Predicate;

import dev.vgi.external.transfer.TransferEvent.PhaseBegan;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.RangeCompleted;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferEvent.Sized;

/**
 * Writes down what happens to each transfer, one short line an event:
 * <ul>
 * <li>{@code upload {} and {@code } upload} for a phase,</li>
 * <li>{@code 2 part 1 1000+500} for a request that waits: its number, purpose, index,
 * offset and length; then {@code 2 sent}, {@code 2 answered 200 ID},
 * {@code 2 complete 500},</li>
 * <li>{@code done 1}, {@code retry 1 storage-unavailable 100 ms},
 * {@code size 1500 zstd}.</li>
 * </ul>
 */
public final class RecordedEvents implements TransferListener {

	private final List<Timeline> transfers = new CopyOnWriteArrayList<>();

	/** Is told about every event before it is written down. */
	private volatile BiConsumer<Transfer, String> events = (transfer, event) -> {
	};

	@Override
	public Watch begin(Transfer transfer) {
		Timeline timeline = new Timeline(transfer);
		this.transfers.add(timeline);
		return timeline;
	}

	/**
	 * Do something at every event, on the thread that reports it.
	 * @param action takes the transfer and the line of the event
	 */
	public void onEvent(BiConsumer<Transfer, String> action) {
		this.events = action;
	}

	/**
	 * Return all transfers.
	 * @return in the order of their beginning
	 */
	public List<Timeline> transfers() {
		return this.transfers;
	}

	/**
	 * Return the only transfer.
	 * @return its timeline
	 */
	public Timeline only() {
		if (this.transfers.size() != 1) {
			throw new IllegalStateException(this.transfers.size() + " transfers");
		}
		return this.transfers.get(0);
	}

	private static String line(TransferEvent event) {
		if (event instanceof PhaseBegan phase) {
			return phase.phase().code() + " {";
		}
		if (event instanceof PhaseEnded phase) {
			return "} " + phase.phase().code();
		}
		if (event instanceof RequestQueued queued) {
			return queued.request() + " " + queued.purpose().code() + " " + queued.index() + " " + queued.offset() + "+"
					+ queued.length() + (queued.hedge() ? " hedge" : "");
		}
		if (event instanceof RequestSent sent) {
			return sent.request() + " sent";
		}
		if (event instanceof RequestAnswered answered) {
			return answered.request() + " answered " + answered.status() + " " + answered.requestId();
		}
		if (event instanceof RequestEnded ended) {
			return ended.request() + " " + ended.end().name().toLowerCase(Locale.ROOT) + " " + ended.bytes();
		}
		if (event instanceof RangeCompleted completed) {
			return "done " + completed.index() + (completed.hedge() ? " hedge" : "");
		}
		if (event instanceof Retried retried) {
			return "retry " + retried.index() + " " + retried.kind().code() + " " + retried.pause().toMillis() + " ms";
		}
		Sized sized = (Sized) event;
		return "size " + sized.storedBytes() + " " + sized.contentCoding();
	}

	/**
	 * What has happened to one transfer.
	 */
	public final class Timeline implements Watch {

		private final Transfer transfer;

		private final List<String> events = new ArrayList<>();

		private final List<Long> progress = new ArrayList<>();

		private boolean ended;

		Timeline(Transfer transfer) {
			this.transfer = transfer;
		}

		@Override
		public void happened(TransferEvent event) {
			String line = line(event);
			synchronized (this) {
				if (this.ended) {
					throw new IllegalStateException("after the end: " + line);
				}
				this.events.add(line);
			}
			RecordedEvents.this.events.accept(this.transfer, line);
		}

		@Override
		public synchronized void progressed(long bytes, long size) {
			this.progress.add(bytes);
		}

		@Override
		public synchronized void ended() {
			this.ended = true;
		}

		/**
		 * Return the transfer.
		 * @return the transfer
		 */
		public Transfer transfer() {
			return this.transfer;
		}

		/**
		 * Return what has happened.
		 * @return all lines, in order
		 */
		public synchronized List<String> events() {
			return List.copyOf(this.events);
		}

		/**
		 * Return what has happened, without the digest, which is computed beside
		 * everything else.
		 * @return the other lines, in order
		 */
		public List<String> withoutDigest() {
			return where((line) -> !line.endsWith("digest") && !line.startsWith("digest"));
		}

		/**
		 * Return some of what has happened.
		 * @param wanted chooses lines
		 * @return the lines, in order
		 */
		public List<String> where(Predicate<String> wanted) {
			return events().stream().filter(wanted).toList();
		}

		/**
		 * Return the progress.
		 * @return the bytes of every report, in order
		 */
		public synchronized List<Long> progress() {
			return List.copyOf(this.progress);
		}

		/**
		 * Return the size of the object.
		 * @return bytes as they are stored; the transfer has succeeded
		 */
		public long storedBytes() {
			return Objects.requireNonNull(this.transfer.statistics()).storedBytes();
		}

		/**
		 * Return whether the transfer has ended.
		 * @return whether it has
		 */
		public synchronized boolean hasEnded() {
			return this.ended;
		}

	}

}
