package dev.vgi.external.network;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/**
 * The simulated network against what is known in closed form.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetworkModelTests {

	private static final long SECOND = 1_000_000_000L;

	private static final long RANGE = 8 << 20;

	private static final NetworkModel DEFAULTS = NetworkModel.defaults();

	private final VirtualTime time = new VirtualTime();

	@Test
	void timeJumpsFromActionToActionInOrder() {
		List<String> ran = new ArrayList<>();
		this.time.schedule(Duration.ofSeconds(2), () -> ran.add("second at " + this.time.nanoTime()));
		this.time.schedule(Duration.ofSeconds(1), () -> {
			ran.add("first at " + this.time.nanoTime());
			this.time.schedule(Duration.ofSeconds(1), () -> ran.add("third at " + this.time.nanoTime()));
		});
		TransferTimer.Alarm never = this.time.schedule(Duration.ofSeconds(1), () -> ran.add("never"));
		never.cancel();
		this.time.runUntil(2 * SECOND);
		assertThat(ran).containsExactly("first at 1000000000", "second at 2000000000", "third at 2000000000");
		this.time.runUntil(3 * SECOND);
		assertThat(this.time.nanoTime()).isEqualTo(3 * SECOND);
	}

	// Seven round trips double the window from 10 packets on; the eighth would be beyond
	// the connection's rate.
	@Test
	void windowOfANewConnectionDoublesUntilTheConnectionIsFull() {
		SimulatedConnection connection = new SimulatedConnection(link(DEFAULTS));
		double ramp = 10 * NetworkModel.PACKET * 127;
		assertThat(seconds(connection, RANGE)).isCloseTo(7 * 0.020 + (RANGE - ramp) / 60e6, within(1e-6));
		assertThat(seconds(connection, RANGE)).as("once more").isCloseTo(RANGE / 60e6, within(1e-6));
	}

	@Test
	void shortBodyTakesTheRoundTripsThatItsPacketsNeed() {
		SimulatedConnection connection = new SimulatedConnection(link(DEFAULTS));
		assertThat(seconds(connection, (long) (30 * NetworkModel.PACKET))).isCloseTo(0.040, within(1e-6));
	}

	@Test
	void linkIsSharedFairlyAndWhatOneCannotUseGoesToTheOthers() {
		SharedLink link = link(DEFAULTS.withLink(50e6));
		SimulatedConnection slow = new SimulatedConnection(link);
		SimulatedConnection one = new SimulatedConnection(link);
		SimulatedConnection other = new SimulatedConnection(link);
		slow.receive(1L << 40, 6, () -> {
		});
		one.receive(1L << 40, 1, () -> {
		});
		other.receive(1L << 40, 1, () -> {
		});
		this.time.runUntil(SECOND);
		assertThat(slow.rate()).isCloseTo(10e6, within(1.0));
		assertThat(one.rate()).isCloseTo(20e6, within(1.0));
		assertThat(other.rate()).isCloseTo(20e6, within(1.0));
		double left = one.left();
		this.time.runUntil(2 * SECOND);
		assertThat(left - one.left()).isCloseTo(20e6, within(1.0));
		other.abort();
		this.time.runUntil(3 * SECOND);
		assertThat(one.rate()).isCloseTo(40e6, within(1.0));
		assertThat(link.active()).isEqualTo(2);
	}

	@Test
	void slowerConnectionsAreSlowerFromThenOn() {
		SharedLink link = link(DEFAULTS);
		SimulatedConnection connection = new SimulatedConnection(link);
		seconds(connection, RANGE);
		link.slowDown(5);
		assertThat(seconds(connection, RANGE)).isCloseTo(RANGE / 12e6, within(1e-6));
	}

	// Mathis et al.: a packet a round trip, times the root of 1.5 / loss if every
	// 1/loss-th packet is lost; random losses give a little more (1.31 instead of 1.22).
	@Test
	void lossLimitsTheRate() {
		for (double loss : new double[] { 0.001, 0.01 }) {
			SimulatedConnection connection = new SimulatedConnection(link(DEFAULTS.withLoss(loss)));
			seconds(connection, RANGE);
			double rate = (256L << 20) / seconds(connection, 256L << 20);
			double expected = NetworkModel.PACKET / 0.020 * Math.sqrt(1.5 / loss);
			assertThat(rate / expected).as("loss %s", loss).isBetween(0.95, 1.15);
		}
	}

	@Test
	void firstByteIsDistributedLognormally() {
		SimulatedStorage storage = new SimulatedStorage(this.time, DEFAULTS, link(DEFAULTS));
		List<Double> millis = new ArrayList<>();
		for (int i = 0; i < 10_000; i++) {
			millis.add(storage.firstByteIn(1) / 1e6);
		}
		Collections.sort(millis);
		assertThat(millis.get(5000)).isCloseTo(20, within(0.5));
		// One and two standard deviations.
		assertThat(millis.get(8413)).isCloseTo(20 * Math.exp(0.5), within(1.5));
		assertThat(millis.get(9772)).isCloseTo(20 * Math.E, within(4.0));
	}

	@Test
	void storageAcceptsWhatItsLimitAllowsAndABurst() {
		NetworkModel model = DEFAULTS.withRequestRate(200, 20, null);
		SimulatedStorage storage = new SimulatedStorage(this.time, model, link(model));
		int accepted = 0;
		for (int i = 0; i < 3000; i++) {
			this.time.runUntil(i * SECOND / 300);
			accepted += storage.accepts() ? 1 : 0;
		}
		assertThat(accepted).isBetween(2015, 2020);
		assertThat(storage.requests()).isEqualTo(3000);
		assertThat(storage.refused()).isEqualTo(3000 - accepted);
	}

	@Test
	void answeredRequestsReuseConnectionsAndCancelledOnesDoNot() {
		NetworkModel model = DEFAULTS.withFirstByte(Duration.ofMillis(20), 0);
		SimulatedProcess process = new SimulatedProcess(new SimulatedStorage(this.time, model, link(model)), this.time);
		double first = seconds(process, RANGE);
		double second = seconds(process, RANGE);
		assertThat(first - second).isCloseTo(7 * 0.020 - 10 * NetworkModel.PACKET * 127 / 60e6, within(1e-6));
		assertThat(second).isCloseTo(0.020 + RANGE / 60e6, within(1e-6));
		Origin.Sent cancelled = process.send(RANGE, new Recorder());
		this.time.runUntil(this.time.nanoTime() + SECOND / 10);
		assertThat(cancelled.received()).isCloseTo((long) (0.080 * 60e6), within(1L));
		cancelled.cancel();
		assertThat(seconds(process, RANGE)).isCloseTo(first, within(1e-6));
	}

	private SharedLink link(NetworkModel model) {
		return new SharedLink(this.time, model, new Random(16));
	}

	private double seconds(SimulatedConnection connection, long bytes) {
		Recorder end = new Recorder();
		long start = this.time.nanoTime();
		connection.receive(bytes, 1, end::arrived);
		return end.after(start);
	}

	private double seconds(SimulatedProcess process, long bytes) {
		Recorder end = new Recorder();
		long start = this.time.nanoTime();
		process.send(bytes, end);
		return end.after(start);
	}

	private final class Recorder implements Origin.Answer {

		private long arrivedAt = -1;

		@Override
		public void firstByte() {
		}

		@Override
		public void arrived() {
			this.arrivedAt = NetworkModelTests.this.time.nanoTime();
		}

		@Override
		public void busy(@Nullable Duration retryAfter) {
			throw new AssertionError("busy");
		}

		double after(long start) {
			while (this.arrivedAt < 0) {
				NetworkModelTests.this.time.runUntil(NetworkModelTests.this.time.nanoTime() + SECOND);
			}
			return (this.arrivedAt - start) / 1e9;
		}

	}

}
