package dev.vgi.external.pace;

import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

import dev.vgi.external.Internal;
import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * The paces of all places that this process transfers to and from. Keeps those that were
 * used last. Thread-safe.
 */
@Internal
public final class Paces {

	private static final int KEPT = 256;

	private final PaceSettings settings;

	private final PaceSettings foreign;

	private final TransferTimer timer;

	/** Guarded by its own monitor. */
	private final Map<Key, Pace> paces = new LinkedHashMap<>(16, 0.75f, true);

	/**
	 * Create an empty set.
	 * @param settings the bounds of all paces together
	 * @param timer measures their pauses; not closed by this object
	 */
	public Paces(PaceSettings settings, TransferTimer timer) {
		this.settings = settings;
		this.foreign = settings.forForeign().forForeign();
		this.timer = timer;
	}

	/**
	 * Return the pace of a request.
	 * @param transfer whose request it is
	 * @param url an absolute http or https URL
	 * @return the pace that it shares with all requests to the same place
	 */
	public Pace of(PacedTransfer transfer, URI url) {
		Key key = transfer.keyFor(url);
		synchronized (this.paces) {
			Pace pace = this.paces.computeIfAbsent(key, (absent) -> new Pace(settings(key), this.timer,
					(most) -> ThreadLocalRandom.current().nextLong(most + 1)));
			if (this.paces.size() > KEPT) {
				dropIdle(pace);
			}
			return pace;
		}
	}

	/**
	 * Sum up what all places are allowed at the moment.
	 * @return a snapshot
	 */
	public PaceTotals totals() {
		int inFlight = 0;
		int waiting = 0;
		int limited = 0;
		int closed = 0;
		synchronized (this.paces) {
			for (Map.Entry<Key, Pace> pace : this.paces.entrySet()) {
				PaceState state = pace.getValue().state();
				inFlight += state.inFlight();
				waiting += state.waiting();
				limited += state.isDormant(settings(pace.getKey())) ? 0 : 1;
				closed += state.closed() ? 1 : 0;
			}
		}
		return new PaceTotals(inFlight, waiting, limited, closed);
	}

	/**
	 * Return what each place is allowed at the moment.
	 * @return a snapshot, those that were used last first
	 */
	public List<PacedOrigin> origins() {
		List<PacedOrigin> origins = new ArrayList<>();
		synchronized (this.paces) {
			this.paces.forEach((key, pace) -> {
				PaceState state = pace.state();
				origins.add(new PacedOrigin(key.origin(), key.own, !state.isDormant(settings(key)), state.closed(),
						state.window(), state.inFlight(), state.waiting(), state.requestsPerSecond(), state.retries(),
						state.hedges()));
			});
		}
		Collections.reverse(origins);
		return origins;
	}

	private PaceSettings settings(Key key) {
		return key.own ? this.settings : this.foreign;
	}

	private void dropIdle(Pace used) {
		for (Iterator<Pace> oldest = this.paces.values().iterator(); oldest.hasNext();) {
			Pace pace = oldest.next();
			if (pace != used && pace.isIdle()) {
				oldest.remove();
				return;
			}
		}
	}

	/**
	 * What is paced as one.
	 *
	 * @param own whether it belongs to the service's own storage
	 * @param scheme in lower case
	 * @param host in lower case
	 * @param port explicit or of the scheme
	 * @param bucket the part of the host that is paced by itself, or {@code null}
	 */
	record Key(boolean own, String scheme, String host, int port, @Nullable String bucket) {

		private String origin() {
			boolean usual = this.port == ("https".equals(this.scheme) ? 443 : 80);
			return this.scheme + "://" + this.host + (usual ? "" : ":" + this.port)
					+ ((this.bucket != null) ? "/" + this.bucket : "");
		}

	}

}
