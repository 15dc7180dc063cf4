package dev.vgi.external.pace;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.LongUnaryOperator;

import dev.vgi.external.Internal;
import dev.vgi.external.pace.Permit.Outcome;
import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

/**
 * How many requests this process has in flight at one place of the network, how fast they
 * follow one another, and how many of them are retries and hedges. A place that shows no
 * sign of overload has all that is configured. A window and a rate close when storage
 * says that it is busy, a connection breaks or a request takes too long, and open with
 * every success. While nothing succeeds, one request at a time finds out whether the
 * storage works again: those who wait for a busy storage go on waiting, those who wait
 * for one that cannot be reached are refused together. Thread-safe.
 */
@Internal
public final class Pace {

	/** Share of retries in the long run. */
	private static final double RETRIES_PER_SUCCESS = 0.2;

	/** Share of hedges in the long run, and how many may come at once. */
	private static final double HEDGES_PER_SUCCESS = 0.05;

	private static final double HEDGES_AT_ONCE = 10;

	/** After so long without a sign of overload, late requests are hedged again. */
	private static final long CALM_NANOS = Duration.ofSeconds(10).toNanos();

	/** After so long, the window is open again even if nobody has filled it. */
	private static final long FORGET_NANOS = Duration.ofSeconds(60).toNanos();

	private final PaceSettings settings;

	private final TransferTimer timer;

	private final LongUnaryOperator random;

	/** Guarded by this object's monitor, as is all that follows. */
	private final RequestWindow window;

	private final RequestRate rate;

	private final Outage outage;

	private final Allowance retries;

	private final Allowance hedges;

	private final Turns turns = new Turns();

	private int inFlight;

	/** Sent alone while nothing succeeds, to find out whether the storage works again. */
	private @Nullable Permit probe;

	/** Requests that were sent before say nothing new. */
	private long loweredAt;

	/** Whether there ever was a sign of overload. */
	private boolean lowered;

	private TransferTimer.@Nullable Alarm alarm;

	/**
	 * Create a pace that nothing limits but its bounds.
	 * @param settings the bounds
	 * @param timer measures pauses; not closed by this pace
	 * @param random returns a number from 0 to its argument
	 */
	public Pace(PaceSettings settings, TransferTimer timer, LongUnaryOperator random) {
		this.settings = settings;
		this.timer = timer;
		this.random = random;
		this.window = new RequestWindow(settings.maxInFlight());
		this.rate = new RequestRate(timer.nanoTime());
		this.outage = new Outage(random);
		// A restart of the storage breaks all requests at once.
		this.retries = new Allowance(2.0 * settings.maxInFlight(), RETRIES_PER_SUCCESS);
		this.hedges = new Allowance(HEDGES_AT_ONCE, HEDGES_PER_SUCCESS);
		this.loweredAt = timer.nanoTime();
	}

	/**
	 * Ask for permission to send a request.
	 * @param transfer whose request it is, compared by identity: turns are fair between
	 * transfers
	 * @param hedge whether it comes before those that wait, as {@link #tryHedge} has
	 * allowed
	 * @param decided called once with the permit when the request may be sent or is
	 * refused, unless it is ended before: within this call, on the timer's thread, or on
	 * that of another request. Must not block
	 * @return the permit, which the caller ends
	 */
	public Permit request(Object transfer, boolean hedge, Consumer<Permit> decided) {
		Permit permit = new Permit(this, transfer, hedge, decided);
		List<Permit> due = new ArrayList<>();
		synchronized (this) {
			long now = this.timer.nanoTime();
			forget(now);
			if (this.settings.adaptive() && this.outage.isCertain() && this.outage.waitNanos(now) > 0) {
				refuse(permit, now, due);
			}
			else {
				this.turns.add(permit);
				grant(now, due);
			}
		}
		tell(due);
		return permit;
	}

	/**
	 * Pay for a second copy of a request that is late. There is none if storage shows
	 * signs of overload, or if the budget is used up: if all requests are slow, hedges
	 * are of no use, and soon there is nothing to pay them from.
	 * @return whether the second copy may be sent
	 */
	public synchronized boolean tryHedge() {
		if (!this.settings.adaptive()) {
			return true;
		}
		long now = this.timer.nanoTime();
		boolean calm = !this.lowered || now - this.loweredAt > CALM_NANOS;
		boolean open = calm && this.rate.waitNanos(now) == 0 && this.outage.waitNanos(now) == 0
				&& !this.outage.isClosed();
		return open && this.hedges.trySpend(1);
	}

	/**
	 * Pay for a further attempt of a request that has failed. Attempts at a storage that
	 * is busy need not be paid for.
	 * @return {@code false} if the budget is used up
	 */
	public synchronized boolean tryRetry() {
		return !this.settings.adaptive() || this.retries.trySpend(1);
	}

	/**
	 * Return for how long no request is sent.
	 * @return nanoseconds, 0 if there is no pause
	 */
	public synchronized long pauseNanos() {
		return this.settings.adaptive() ? this.outage.waitNanos(this.timer.nanoTime()) : 0;
	}

	/**
	 * Explain why a request has to wait for its turn.
	 * @return half a sentence
	 */
	public synchronized String describeWait() {
		long now = this.timer.nanoTime();
		if (this.outage.isDown()) {
			return this.outage.describe(now);
		}
		if (this.outage.isClosed() || this.outage.waitNanos(now) > 0) {
			return "storage has said that it is busy, and gets one request at a time until it answers again";
		}
		if (!Double.isInfinite(this.rate.perSecond())) {
			return String.format(Locale.ROOT, "storage has said that it is busy, and gets %.1f requests a second",
					this.rate.perSecond());
		}
		return (this.window.size() < this.settings.maxInFlight())
				? "requests have failed, and storage gets " + this.window.size() + " at the same time"
				: "as many requests are in flight as 'vgi.external.http.max-connections' allows";
	}

	/**
	 * Return whether storage gets fewer requests than is configured.
	 * @return {@code false} as long as it shows no sign of overload
	 */
	public boolean isLimited() {
		return !state().isDormant(this.settings);
	}

	/**
	 * Return what is allowed at the moment.
	 * @return a snapshot
	 */
	public synchronized PaceState state() {
		forget(this.timer.nanoTime());
		return new PaceState(this.window.size(), this.inFlight, this.turns.waiting(), this.rate.perSecond(),
				this.retries.left(), this.hedges.left(), this.outage.isClosed());
	}

	/**
	 * Return whether nobody uses this pace.
	 * @return whether no request waits or is in flight
	 */
	synchronized boolean isIdle() {
		return this.inFlight == 0 && this.turns.waiting() == 0;
	}

	synchronized boolean isGranted(Permit permit) {
		return permit.state == Permit.State.IN_FLIGHT;
	}

	// A body may be long, and a refusal's is hardly read: who waits need not know its
	// end.
	void answered(Permit permit) {
		List<Permit> due = new ArrayList<>();
		synchronized (this) {
			if (permit.state == Permit.State.IN_FLIGHT && this.outage.isClosed()) {
				works(permit);
				grant(this.timer.nanoTime(), due);
			}
		}
		tell(due);
	}

	// Without requests, nothing else would end what a signal long ago has limited.
	private void forget(long now) {
		if (this.lowered && isIdle() && !this.outage.isClosed() && now - this.loweredAt > FORGET_NANOS) {
			this.lowered = false;
			this.window.open();
			this.rate.end();
		}
	}

	private void works(Permit permit) {
		if (permit == this.probe) {
			// Those in flight were sent before the outage, and may be stuck.
			this.window.reopen(this.inFlight + 1);
		}
		this.outage.succeeded(permit.grantedAt);
		this.probe = null;
	}

	void end(Permit permit, Outcome outcome) {
		List<Permit> due = new ArrayList<>();
		synchronized (this) {
			if (permit.state == Permit.State.ENDED) {
				return;
			}
			long now = this.timer.nanoTime();
			if (permit.state == Permit.State.WAITING) {
				this.turns.remove(permit);
			}
			else {
				if (this.settings.adaptive()) {
					learn(permit, outcome, now, due);
				}
				this.inFlight--;
				this.turns.ended(permit);
				if (permit == this.probe) {
					this.probe = null;
				}
			}
			permit.state = Permit.State.ENDED;
			grant(now, due);
		}
		tell(due);
	}

	private void learn(Permit permit, Outcome outcome, long now, List<Permit> due) {
		switch (outcome.kind()) {
			case SUCCEEDED -> {
				works(permit);
				this.window.succeeded(this.inFlight);
				if (now - this.loweredAt > FORGET_NANOS) {
					this.window.open();
				}
				this.rate.succeeded(now, permit.grantedAt);
				this.retries.refill();
				this.hedges.refill();
			}
			case BUSY, BROKEN, LATE -> {
				// In an outage, probes have pauses of their own.
				if (permit.grantedAt - this.loweredAt >= 0 && !this.outage.isClosed()) {
					this.loweredAt = now;
					this.lowered = true;
					this.window.overloaded(this.inFlight);
					if (outcome.kind() == Outcome.Kind.BUSY) {
						this.rate.lower(now, this.random.applyAsLong(1000) / 1000.0, this.inFlight);
					}
				}
				if (outcome.kind() != Outcome.Kind.LATE) {
					failed(permit, outcome, now, due);
				}
			}
			case CANCELLED -> {
			}
		}
	}

	private void failed(Permit permit, Outcome outcome, long now, List<Permit> due) {
		boolean wasClosed = this.outage.isClosed();
		boolean probe = permit == this.probe;
		this.outage.failed(now, outcome, probe ? now - permit.grantedAt : -1);
		if (this.outage.isClosed() && !wasClosed) {
			this.window.close();
		}
		if (probe && this.outage.isDown()) {
			refuseAll(now, due);
		}
	}

	private void refuseAll(long now, List<Permit> due) {
		for (Permit next = this.turns.next(); next != null; next = this.turns.next()) {
			this.turns.ended(next);
			refuse(next, now, due);
		}
	}

	private void refuse(Permit permit, long now, List<Permit> due) {
		permit.state = Permit.State.ENDED;
		permit.refuse(this.outage.describe(now));
		due.add(permit);
	}

	private void grant(long now, List<Permit> due) {
		if (this.alarm != null) {
			this.alarm.cancel();
			this.alarm = null;
		}
		while (this.turns.waiting() > 0) {
			boolean closed = this.settings.adaptive() && this.outage.isClosed();
			int most = closed ? this.settings.maxInFlight() : this.window.size();
			if (this.inFlight >= most || (closed && this.probe != null)) {
				return;
			}
			long wait = this.settings.adaptive() ? Math.max(this.outage.waitNanos(now), this.rate.waitNanos(now)) : 0;
			if (wait > 0) {
				this.alarm = this.timer.schedule(Duration.ofNanos(wait), this::grantNow);
				return;
			}
			Permit next = this.turns.next();
			if (next == null) {
				return;
			}
			this.rate.sent();
			next.state = Permit.State.IN_FLIGHT;
			next.grantedAt = now;
			this.probe = closed ? next : null;
			this.inFlight++;
			due.add(next);
		}
	}

	private void grantNow() {
		List<Permit> due = new ArrayList<>();
		synchronized (this) {
			grant(this.timer.nanoTime(), due);
		}
		tell(due);
	}

	// Outside the lock, since it may ask for the next permit.
	private static void tell(List<Permit> due) {
		due.forEach((permit) -> permit.decided.accept(permit));
	}

}
