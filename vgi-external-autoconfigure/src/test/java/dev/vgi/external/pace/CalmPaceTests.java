package dev.vgi.external.pace;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.time.ManualTimer;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What a pace remembers of an overload that is over.
 */
class CalmPaceTests {

	private static final PaceSettings SETTINGS = new PaceSettings(64, true);

	private final ManualTimer timer = new ManualTimer();

	private final Pace pace = new Pace(SETTINGS, this.timer, (most) -> most / 2);

	private final List<Permit> granted = new ArrayList<>();

	@Test
	void oneResetDoesNotEndHedgingForGood() {
		eightAtOnceFor(Duration.ofSeconds(1));
		assertThat(this.pace.tryHedge()).isTrue();
		request().broken("it was reset");
		assertThat(this.pace.tryHedge()).isFalse();
		eightAtOnceFor(Duration.ofSeconds(9));
		assertThat(this.pace.tryHedge()).isFalse();
		eightAtOnceFor(Duration.ofSeconds(2));
		assertThat(this.pace.tryHedge()).isTrue();
	}

	@Test
	void windowOpensAgainAlthoughNobodyFillsIt() {
		request().broken("it was reset");
		eightAtOnceFor(Duration.ofSeconds(59));
		assertThat(this.pace.state().window()).isBetween(8, 16);
		eightAtOnceFor(Duration.ofSeconds(2));
		assertThat(this.pace.state().isDormant(SETTINGS)).isTrue();
	}

	@Test
	void originThatNobodyUsesIsLimitedNoLonger() {
		for (int i = 0; i < 3; i++) {
			Permit permit = this.pace.request(this, false, this.granted::add);
			this.timer.advance(Duration.ofSeconds(1));
			permit.busy(null);
		}
		this.timer.advance(Duration.ofSeconds(59));
		assertThat(this.pace.state().isDormant(SETTINGS)).isFalse();
		this.timer.advance(Duration.ofSeconds(2));
		assertThat(this.pace.state().isDormant(SETTINGS)).isTrue();
	}

	private Permit request() {
		Permit permit = this.pace.request(this, false, this.granted::add);
		assertThat(permit.isGranted()).isTrue();
		return permit;
	}

	// One transfer whose requests take a second.
	private void eightAtOnceFor(Duration time) {
		for (long second = 0; second < time.toSeconds(); second++) {
			for (int i = 0; i < 8; i++) {
				this.pace.request(this, false, this.granted::add);
			}
			this.timer.advance(Duration.ofSeconds(1));
			while (!this.granted.isEmpty()) {
				this.granted.remove(0).succeeded();
			}
		}
	}

}
