package dev.vgi.external.storage;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import dev.vgi.external.time.Deadline;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferTimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Leftovers}.
 */
@ExtendWith(OutputCaptureExtension.class)
class LeftoversTests {

	private final ManualTimer timer = new ManualTimer();

	private final Leftovers leftovers = new Leftovers("s3://bucket/prefix/", "a rule of the bucket does it", this.timer,
			new TransferThreads((task) -> new Thread(task) {

				@Override
				public void start() {
					run();
				}

			}));

	private final List<String> attempts = new ArrayList<>();

	private @Nullable Supplier<? extends RuntimeException> failure;

	private void add(String name) {
		this.leftovers.add((deadline) -> attempt(name, deadline));
	}

	private void attempt(String name, Deadline deadline) {
		assertThat(deadline.timeout()).isLessThanOrEqualTo(Duration.ofSeconds(10));
		assertThat(Thread.currentThread().isInterrupted()).isFalse();
		this.attempts.add(name);
		if (this.failure != null) {
			throw this.failure.get();
		}
	}

	private static StorageUnavailableException unavailable() {
		return new StorageUnavailableException("It is away", 0, null);
	}

	@Test
	void whatIsLeftIsRemovedTwice() {
		add("a");
		assertThat(this.leftovers.waiting()).isEqualTo(1);
		assertThat(this.attempts).isEmpty();
		this.timer.advance(Leftovers.FIRST_PAUSE);
		assertThat(this.attempts).containsExactly("a");
		assertThat(this.leftovers.waiting()).isEqualTo(1);
		this.timer.advance(Leftovers.BETWEEN_REMOVALS);
		assertThat(this.attempts).containsExactly("a", "a");
		assertThat(this.leftovers.waiting()).isZero();
		assertThat(this.timer.alarms()).isZero();
	}

	@Test
	void storageThatIsAwayIsProbedByOneRemovalWithGrowingPauses(CapturedOutput output) {
		this.failure = LeftoversTests::unavailable;
		add("a");
		add("b");
		add("c");
		this.timer.advance(Leftovers.FIRST_PAUSE);
		assertThat(this.attempts).containsExactly("a");
		this.timer.advance(Duration.ofSeconds(1));
		assertThat(this.attempts).containsExactly("a", "b");
		this.timer.advance(Duration.ofMillis(1999));
		assertThat(this.attempts).hasSize(2);
		this.timer.advance(Duration.ofMillis(1));
		assertThat(this.attempts).containsExactly("a", "b", "c");
		this.timer.advance(Duration.ofHours(1));
		assertThat(this.attempts).hasSizeBetween(60, 70);
		this.failure = null;
		this.timer.advance(Leftovers.LONGEST_PAUSE);
		this.timer.advance(Leftovers.BETWEEN_REMOVALS);
		assertThat(this.leftovers.waiting()).isZero();
		assertThat(this.leftovers.dropped()).isZero();
		assertThat(output).doesNotContain("WARN");
	}

	@Test
	void uploadThatSucceedsEndsThePause() {
		this.failure = () -> new TransferTimeoutException("It is slow", null);
		add("a");
		add("b");
		this.timer.advance(Duration.ofMinutes(10));
		this.attempts.clear();
		this.failure = null;
		this.leftovers.storageAnswers();
		this.timer.advance(Duration.ZERO);
		assertThat(this.attempts).containsExactlyInAnyOrder("a", "b");
		this.leftovers.storageAnswers();
		this.timer.advance(Duration.ZERO);
		assertThat(this.attempts).hasSize(2);
	}

	@Test
	void refusalIsFinal(CapturedOutput output) {
		this.failure = () -> new UploadRefusedException("It is not allowed", null);
		add("a");
		add("b");
		this.timer.advance(Duration.ofHours(1));
		assertThat(this.attempts).containsExactly("a", "b");
		assertThat(this.leftovers.waiting()).isZero();
		assertThat(this.leftovers.dropped()).isEqualTo(2);
		assertThat(warnings(output)).singleElement()
			.asString()
			.contains("s3://bucket/prefix/")
			.contains("(It is not allowed)")
			.endsWith("a rule of the bucket does it");
	}

	@Test
	void oldestAreDroppedWithOneWarning(CapturedOutput output) {
		this.failure = LeftoversTests::unavailable;
		for (int i = 0; i < Leftovers.MOST + 5; i++) {
			add("n" + i);
		}
		assertThat(this.leftovers.waiting()).isEqualTo(Leftovers.MOST);
		assertThat(this.leftovers.dropped()).isEqualTo(5);
		assertThat(warnings(output)).hasSize(1);
		this.timer.advance(Duration.ofMinutes(1));
		assertThat(this.attempts).doesNotContain("n0", "n4").contains("n5");
		this.timer.advance(Leftovers.LONGEST);
		assertThat(this.leftovers.waiting()).isZero();
		assertThat(this.leftovers.dropped()).isEqualTo(Leftovers.MOST + 5);
		assertThat(this.timer.alarms()).isZero();
		assertThat(warnings(output)).hasSize(2).last().asString().contains(" 1004 objects");
	}

	@Test
	void whatWasRemovedOnceIsNotCountedWhenItMakesRoom(CapturedOutput output) {
		for (int i = 0; i < Leftovers.MOST; i++) {
			add("n" + i);
		}
		this.timer.advance(Leftovers.FIRST_PAUSE);
		assertThat(this.attempts).hasSize(Leftovers.MOST);
		add("a");
		assertThat(this.leftovers.waiting()).isEqualTo(Leftovers.MOST);
		assertThat(this.leftovers.dropped()).isZero();
		assertThat(warnings(output)).isEmpty();
	}

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void endWaitsForTheRemovalUnderWayEvenIfInterrupted() throws Exception {
		CountDownLatch begun = new CountDownLatch(1);
		CountDownLatch end = new CountDownLatch(1);
		Leftovers threaded = new Leftovers("s3://bucket/prefix/", "a rule of the bucket does it", this.timer,
				TransferThreads.platform());
		threaded.add((deadline) -> {
			begun.countDown();
			Uninterruptibles.await(Duration.ofSeconds(10), () -> end.getCount() == 0,
					(nanos) -> end.await(nanos, TimeUnit.NANOSECONDS));
			throw unavailable();
		});
		this.timer.advance(Leftovers.FIRST_PAUSE);
		begun.await();
		threaded.add((deadline) -> attempt("b", deadline));
		FutureTask<Boolean> close = new FutureTask<>(() -> {
			Thread.currentThread().interrupt();
			threaded.close();
			return Thread.interrupted();
		});
		new Thread(close, "closing").start();
		end.countDown();
		assertThat(close.get()).isTrue();
		assertThat(this.attempts).containsExactly("b");
		assertThat(threaded.waiting()).isZero();
		assertThat(threaded.dropped()).isEqualTo(1);
		assertThat(this.timer.alarms()).isZero();
	}

	@Test
	void endGoesOnAfterAnError(CapturedOutput output) {
		this.leftovers.add((deadline) -> {
			throw new NoClassDefFoundError("gone");
		});
		add("a");
		this.leftovers.close();
		assertThat(this.leftovers.dropped()).isEqualTo(2);
		assertThat(warnings(output)).hasSize(1);
	}

	@Test
	void removalUnderWayCountsAmongTheMost() {
		this.leftovers.add((deadline) -> {
			for (int i = 0; i < Leftovers.MOST; i++) {
				add("n" + i);
			}
			throw unavailable();
		});
		this.timer.advance(Leftovers.FIRST_PAUSE);
		assertThat(this.leftovers.waiting()).isEqualTo(Leftovers.MOST);
	}

	@Test
	void endTriesEachOnceMoreAndStorageThatIsAwayOnce(CapturedOutput output) {
		add("a");
		add("b");
		this.leftovers.close();
		assertThat(this.attempts).containsExactly("a", "b");
		assertThat(this.leftovers.waiting()).isZero();
		assertThat(this.timer.alarms()).isZero();
		assertThat(warnings(output)).isEmpty();
		this.leftovers.close();
		assertThat(this.attempts).hasSize(2);
	}

	@Test
	void whatTheEndCannotRemoveIsSaid(CapturedOutput output) {
		this.failure = LeftoversTests::unavailable;
		add("a");
		add("b");
		this.leftovers.close();
		assertThat(this.attempts).containsExactly("a");
		assertThat(this.leftovers.dropped()).isEqualTo(2);
		assertThat(warnings(output)).singleElement().asString().contains("2 objects").contains("It is away");
	}

	@Test
	void afterTheEndThereIsOneAttemptInTheCall() {
		this.leftovers.close();
		Thread.currentThread().interrupt();
		add("a");
		assertThat(Thread.interrupted()).isTrue();
		assertThat(this.attempts).containsExactly("a");
		assertThat(this.leftovers.dropped()).isZero();
		this.failure = () -> new IllegalStateException("https://x/?X-Amz-Signature=planted");
		add("b");
		assertThat(this.leftovers.dropped()).isEqualTo(1);
		assertThat(this.timer.alarms()).isZero();
	}

	@Test
	void foreignExceptionIsNotQuoted(CapturedOutput output) {
		this.failure = () -> new IllegalStateException("https://x/?X-Amz-Signature=planted");
		add("a");
		this.timer.advance(Leftovers.FIRST_PAUSE);
		assertThat(this.leftovers.dropped()).isEqualTo(1);
		assertThat(warnings(output)).singleElement().asString().doesNotContain("planted");
	}

	private static List<String> warnings(CapturedOutput output) {
		return output.getAll().lines().filter((line) -> line.contains("Failed uploads may have left")).toList();
	}

}
