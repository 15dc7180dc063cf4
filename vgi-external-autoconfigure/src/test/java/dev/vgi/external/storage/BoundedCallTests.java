package dev.vgi.external.storage;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.TransferTimeoutException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

class BoundedCallTests {

	@Test
	void whatIgnoresInterruptsTakesNoMoreThanItsShareOfThreads() throws Exception {
		CountDownLatch released = new CountDownLatch(1);
		AtomicInteger begun = new AtomicInteger();
		AtomicBoolean stubborn = new AtomicBoolean(true);
		try {
			for (int call = 0; call < 70; call++) {
				assertThatExceptionOfType(TransferTimeoutException.class)
					.isThrownBy(() -> BoundedCall.run("The provider", Deadline.in(Duration.ofMillis(2)), () -> {
						begun.incrementAndGet();
						while (stubborn.get()) {
							try {
								released.await();
							}
							catch (InterruptedException ex) {
								// Takes no notice.
							}
						}
						return null;
					}))
					.withMessageContaining("The provider did not answer in time");
			}
			assertThat(begun.get()).isLessThanOrEqualTo(64);
		}
		finally {
			stubborn.set(false);
			released.countDown();
		}
		Awaitility.await()
			.until(() -> BoundedCall.run("The provider", Deadline.in(Duration.ofSeconds(10)), () -> true));
	}

	@Test
	void whatFailsIsTheCause() {
		assertThatExceptionOfType(ExecutionException.class)
			.isThrownBy(() -> BoundedCall.run("The provider", Deadline.in(Duration.ofSeconds(10)), () -> {
				throw new IllegalStateException("failed");
			}))
			.withCauseInstanceOf(IllegalStateException.class);
	}

}
