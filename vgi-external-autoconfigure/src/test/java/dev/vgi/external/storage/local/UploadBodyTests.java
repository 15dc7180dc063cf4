package dev.vgi.external.storage.local;

import java.io.InputStream;
import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link UploadBody}.
 */
class UploadBodyTests {

	private final SteppedClock clock = new SteppedClock();

	private long sent;

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void senderThatKeepsThePaceDoesNotHoldARefusedUploadForLong() {
		long begin = this.clock.millis();
		new UploadBody(sender(2048), Long.MAX_VALUE, this.clock).discard();
		assertThat(Duration.ofMillis(this.clock.millis() - begin)).isLessThan(Duration.ofMinutes(1));
	}

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void ofARefusedUploadOnlySoMuchIsRead() {
		new UploadBody(InputStream.nullInputStream(), Long.MAX_VALUE, this.clock).discard();
		new UploadBody(sender(32 << 20), Long.MAX_VALUE, this.clock).discard();
		assertThat(this.sent).isBetween(64L << 20, 65L << 20);
	}

	private InputStream sender(int bytesPerSecond) {
		return new InputStream() {

			@Override
			public int read() {
				throw new IllegalStateException();
			}

			@Override
			public int read(byte[] target, int offset, int length) {
				int count = Math.min(length, bytesPerSecond);
				UploadBodyTests.this.sent += count;
				UploadBodyTests.this.clock.step(Duration.ofNanos(1_000_000_000L * count / bytesPerSecond));
				return count;
			}

		};
	}

}
