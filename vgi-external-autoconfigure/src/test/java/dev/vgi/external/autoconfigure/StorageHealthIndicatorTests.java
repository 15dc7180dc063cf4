package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.health.StorageCheck;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link StorageHealthIndicator}.
 */
class StorageHealthIndicatorTests {

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);

	private final AtomicLong clock = new AtomicLong();

	private final AtomicInteger checks = new AtomicInteger();

	@AfterEach
	void stop() {
		this.transport.close();
	}

	@Test
	void whenStorageAnswersIsUpAndCached() {
		StorageHealthIndicator indicator = indicator(() -> {
		}, Duration.ofSeconds(5));
		assertThat(indicator.health().getStatus()).isEqualTo(Status.UP);
		assertThat(indicator.health().getDetails()).containsEntry("storage", "test");
		assertThat(this.checks).hasValue(1);
		this.clock.addAndGet(Duration.ofSeconds(30).toNanos());
		indicator.health();
		assertThat(this.checks).hasValue(2);
	}

	@Test
	void whenStorageFailsIsDownAndSaysWhy() {
		Health health = indicator(() -> {
			throw new StorageUnavailableException("The bucket does not answer", 503, null);
		}, Duration.ofSeconds(5)).health();
		assertThat(health.getStatus()).isEqualTo(Status.DOWN);
		assertThat(health.getDetails()).containsEntry("kind", "storage-unavailable")
			.containsEntry("reason", "The bucket does not answer");
	}

	@Test
	void whenTheCheckItselfFailsSaysNothingOfTheCause() {
		Health health = indicator(() -> {
			throw new IllegalStateException("https://storage/?signature=planted");
		}, Duration.ofSeconds(5)).health();
		assertThat(health.getStatus()).isEqualTo(Status.DOWN);
		assertThat(health.getDetails()).containsEntry("reason", "The check failed: IllegalStateException");
	}

	@Test
	void whenStorageHangsIsDownInTimeAndDoesNotPileUp() {
		CountDownLatch hanging = new CountDownLatch(1);
		StorageHealthIndicator indicator = indicator(() -> {
			try {
				hanging.await();
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
		}, Duration.ofMillis(20));
		assertThat(indicator.health().getDetails()).containsEntry("kind", "timed-out");
		this.clock.addAndGet(Duration.ofSeconds(30).toNanos());
		assertThat(indicator.health().getDetails()).containsEntry("kind", "timed-out");
		assertThat(this.checks).hasValue(1);
		hanging.countDown();
	}

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void whatAHangingCheckHasFoundLongAgoIsNotReported() throws Exception {
		CountDownLatch hanging = new CountDownLatch(1);
		AtomicReference<Thread> checking = new AtomicReference<>();
		StorageHealthIndicator indicator = indicator(() -> {
			if (checking.getAndSet(Thread.currentThread()) != null) {
				throw new StorageUnavailableException("The bucket does not answer", 503, null);
			}
			try {
				hanging.await();
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
		}, Duration.ofMillis(200));
		assertThat(indicator.health().getDetails()).containsEntry("kind", "timed-out");
		Thread first = checking.get();
		hanging.countDown();
		first.join();
		this.clock.addAndGet(Duration.ofHours(1).toNanos());
		assertThat(indicator.health().getStatus()).isEqualTo(Status.DOWN);
		assertThat(this.checks).hasValue(2);
	}

	@Test
	void checkThatHangsEndsWithTheApplication() throws Exception {
		CountDownLatch interrupted = new CountDownLatch(1);
		StorageHealthIndicator indicator = indicator(() -> {
			try {
				new CountDownLatch(1).await();
			}
			catch (InterruptedException ex) {
				interrupted.countDown();
			}
		}, Duration.ofMillis(20));
		assertThat(indicator.health().getDetails()).containsEntry("kind", "timed-out");
		indicator.destroy();
		assertThat(interrupted.await(1, TimeUnit.MINUTES)).isTrue();
		this.clock.addAndGet(Duration.ofSeconds(30).toNanos());
		assertThat(indicator.health().getStatus()).isEqualTo(Status.UNKNOWN);
	}

	private StorageHealthIndicator indicator(Runnable check, Duration timeout) {
		StorageCheck storageCheck = new StorageCheck(new CheckedStorage(check), this.transport, null, false, timeout,
				Clock.systemUTC());
		return new StorageHealthIndicator(storageCheck, TransferThreads.platform(), Duration.ofSeconds(30), timeout,
				this.clock::get);
	}

	private final class CheckedStorage implements ExternalStorage {

		private final Runnable check;

		CheckedStorage(Runnable check) {
			this.check = check;
		}

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UnsupportedOperationException();
		}

		@Override
		public boolean isOwn(URI url) {
			return false;
		}

		@Override
		public void verifyReachable() {
			StorageHealthIndicatorTests.this.checks.incrementAndGet();
			this.check.run();
		}

		@Override
		public String name() {
			return "test";
		}

	}

}
