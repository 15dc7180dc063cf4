package dev.vgi.external.transfer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

import dev.vgi.external.transfer.TransferEvent.PhaseBegan;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.RangeCompleted;
import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferEvent.Sized;
import org.jspecify.annotations.Nullable;

/**
 * Writes the events of transfers down as short lines, such as {@code range 1 sent}. A
 * request is called by its purpose and index; the second copy of a late one by
 * {@code hedge}. Thread-safe.
 */
public final class RecordedTransfers implements TransferListener {

	private final List<Transfer> transfers = new ArrayList<>();

	private final List<String> lines = new ArrayList<>();

	@Override
	public synchronized Watch begin(Transfer transfer) {
		this.transfers.add(transfer);
		Map<Integer, String> requests = new HashMap<>();
		return new Watch() {

			@Override
			public void happened(TransferEvent event) {
				add(line(event, requests));
			}

			@Override
			public void ended() {
				add(transfer.outcome());
			}

		};
	}

	private synchronized void add(String line) {
		this.lines.add(line);
	}

	private synchronized String line(TransferEvent event, Map<Integer, String> requests) {
		if (event instanceof PhaseBegan began) {
			return began.phase().code() + " begins";
		}
		if (event instanceof PhaseEnded over) {
			return over.phase().code() + " over";
		}
		if (event instanceof Sized sized) {
			return "size " + sized.storedBytes() + ((sized.contentCoding() != null) ? " " + sized.contentCoding() : "");
		}
		if (event instanceof RequestQueued queued) {
			String name = (queued.hedge() ? "hedge" : queued.purpose().code()) + " " + queued.index();
			assertNew(requests.put(queued.request(), name));
			return name + " queued for " + queued.length() + " at " + queued.offset();
		}
		if (event instanceof RequestSent sent) {
			return Objects.requireNonNull(requests.get(sent.request())) + " sent";
		}
		if (event instanceof RequestAnswered answered) {
			return Objects.requireNonNull(requests.get(answered.request())) + " answered " + answered.status();
		}
		if (event instanceof RequestEnded ended) {
			return Objects.requireNonNull(requests.remove(ended.request())) + " "
					+ ended.end().name().toLowerCase(Locale.ROOT) + " " + ended.bytes();
		}
		if (event instanceof RangeCompleted completed) {
			return completed.index() + " complete" + (completed.hedge() ? " by its hedge" : "");
		}
		Retried retried = (Retried) event;
		return retried.index() + " again in " + retried.pause().toMillis() + " after " + retried.kind().code();
	}

	private static void assertNew(@Nullable Object before) {
		if (before != null) {
			throw new AssertionError("the number of " + before + " is not its own");
		}
	}

	/**
	 * Begin an upload whose events are written down.
	 * @return its trace
	 */
	public TransferTrace upload() {
		return TransferTrace.begin(this, Transfer.Direction.UPLOAD, "s3", null, 0);
	}

	/**
	 * Return what has happened so far.
	 * @return the lines of all transfers
	 */
	public synchronized List<String> lines() {
		return List.copyOf(this.lines);
	}

	/**
	 * Return what has happened to some requests.
	 * @param lane what their lines begin with
	 * @return these lines
	 */
	public List<String> lines(String lane) {
		return lines().stream().filter((line) -> line.startsWith(lane)).toList();
	}

	/**
	 * Return the transfers that have begun.
	 * @return all so far
	 */
	public synchronized List<Transfer> transfers() {
		return List.copyOf(this.transfers);
	}

	/**
	 * Forget everything.
	 */
	public synchronized void clear() {
		this.transfers.clear();
		this.lines.clear();
	}

}
