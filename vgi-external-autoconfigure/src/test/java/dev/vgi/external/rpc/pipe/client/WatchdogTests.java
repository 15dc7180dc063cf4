package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.time.ManualTimer;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Watchdog}.
 */
class WatchdogTests {

	private final ManualTimer timer = new ManualTimer();

	private final AtomicInteger late = new AtomicInteger();

	private final Watchdog watchdog = new Watchdog(this.timer, this.late::incrementAndGet);

	@Test
	void aWaitThatEndsInTimeIsNotLate() {
		this.watchdog.begin(Duration.ofSeconds(10));
		this.timer.advance(Duration.ofSeconds(9));
		this.watchdog.end();
		this.timer.advance(Duration.ofSeconds(9));
		assertThat(this.late).hasValue(0);
		assertThat(this.watchdog.isExpired()).isFalse();
		assertThat(this.timer.alarms()).isZero();
	}

	@Test
	void eachWaitHasItsOwnTime() {
		for (int i = 0; i < 5; i++) {
			this.watchdog.begin(Duration.ofSeconds(10));
			assertThat(this.timer.alarms()).isOne();
			this.timer.advance(Duration.ofSeconds(6));
			this.watchdog.end();
		}
		this.watchdog.begin(Duration.ofSeconds(10));
		this.timer.advance(Duration.ofSeconds(9));
		assertThat(this.late).hasValue(0);
		this.timer.advance(Duration.ofSeconds(1));
		assertThat(this.late).hasValue(1);
		assertThat(this.watchdog.isExpired()).isTrue();
	}

	@Test
	void aShorterWaitAfterALongOneIsWatched() {
		this.watchdog.begin(Duration.ofSeconds(100));
		this.watchdog.end();
		this.watchdog.begin(Duration.ofSeconds(1));
		this.timer.advance(Duration.ofSeconds(1));
		assertThat(this.late).hasValue(1);
	}

	@Test
	void nothingIsLeftAfterItsEnd() {
		this.watchdog.begin(Duration.ofSeconds(1));
		this.watchdog.close();
		assertThat(this.timer.alarms()).isZero();
	}

}
