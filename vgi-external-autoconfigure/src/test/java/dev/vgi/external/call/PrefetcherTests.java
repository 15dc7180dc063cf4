package dev.vgi.external.call;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

import dev.vgi.external.time.Uninterruptibles;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link Prefetcher}.
 */
class PrefetcherTests {

	private static final String LAST = "last";

	private final List<Thread> threads = new CopyOnWriteArrayList<>();

	private final AtomicInteger made = new AtomicInteger();

	private final ThreadFactory factory = (task) -> {
		Thread thread = new Thread(task);
		this.threads.add(thread);
		return thread;
	};

	private Prefetcher<String> ahead = new Prefetcher<>(this.factory, this::number, LAST::equals);

	private Prefetcher<String> ahead(Supplier<String> work) {
		this.ahead = new Prefetcher<>(this.factory, work, LAST::equals);
		return this.ahead;
	}

	private String number() {
		return String.valueOf(this.made.incrementAndGet());
	}

	@AfterEach
	void noThreadIsLeft() {
		this.ahead.abort();
		assertThat(this.ahead.abort()).isEmpty();
		assertThat(this.threads).noneMatch(Thread::isAlive);
	}

	@Test
	void oneThreadMakesOneThingAfterTheOther() {
		this.ahead.start();
		for (int i = 1; i <= 1000; i++) {
			assertThat(this.ahead.take()).isEqualTo(String.valueOf(i));
			assertThat(this.ahead.hasMore()).isTrue();
			// One ahead, and what is begun for whoever waits.
			assertThat(this.made.get()).isBetween(i, i + 2);
		}
		assertThat(this.threads).hasSize(1);
	}

	@Test
	void nothingRunsBeforeTheStart() {
		assertThat(this.ahead.hasMore()).isFalse();
		assertThatIllegalStateException().isThrownBy(this.ahead::take);
		assertThat(this.threads).isEmpty();
	}

	@Test
	void makesOneAheadAndNoMore() {
		this.ahead.start();
		assertThat(this.ahead.take()).isEqualTo("1");
		assertThat(this.ahead.take()).isEqualTo("2");
		while (this.made.get() < 3) {
			Thread.onSpinWait();
		}
		awaitRest();
		assertThat(this.made).hasValue(3);
		assertThat(this.ahead.abort()).containsExactly("3");
	}

	private void awaitRest() {
		while (this.threads.get(0).getState() != Thread.State.TIMED_WAITING) {
			Thread.onSpinWait();
		}
	}

	@Test
	void failureOfTheWorkIsThrownToWhoeverTakes() {
		ahead(() -> {
			throw new IllegalArgumentException("planted");
		});
		this.ahead.start();
		assertThatIllegalArgumentException().isThrownBy(this.ahead::take).withMessage("planted");
		assertThat(this.ahead.hasMore()).isFalse();
	}

	@Test
	void withoutAThreadNothingIsTakenAndNobodyWaits() {
		AtomicInteger made = new AtomicInteger();
		List<Thread> threads = new ArrayList<>();
		Prefetcher<String> ahead = new Prefetcher<>((task) -> {
			Thread thread = new Thread(task) {

				@Override
				public void start() {
					if (threads.size() > 1) {
						throw new OutOfMemoryError("planted");
					}
					super.start();
				}

			};
			threads.add(thread);
			return thread;
		}, () -> String.valueOf(made.incrementAndGet()), LAST::equals, 1);
		ahead.start();
		Uninterruptibles.join(threads.get(0));
		assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(ahead::take);
		assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(ahead::take);
		assertThat(ahead.abort()).containsExactly("1");
	}

	@Test
	void endsWithTheLast() throws Exception {
		ahead(() -> (this.made.incrementAndGet() < 3) ? "more" : LAST);
		this.ahead.start();
		List<String> taken = new ArrayList<>();
		while (this.ahead.hasMore()) {
			taken.add(this.ahead.take());
		}
		assertThat(taken).containsExactly("more", "more", LAST);
		assertThatIllegalStateException().isThrownBy(this.ahead::take);
		for (Thread thread : this.threads) {
			thread.join();
		}
		assertThat(this.ahead.abort()).isEmpty();
	}

	@Test
	void abortInterruptsTheWorkAndReturnsWhatNobodyTook() throws Exception {
		CountDownLatch second = new CountDownLatch(1);
		ahead(() -> {
			if (this.made.incrementAndGet() == 1) {
				return "first";
			}
			second.countDown();
			return untilInterrupted();
		});
		this.ahead.start();
		assertThat(this.ahead.take()).isEqualTo("first");
		second.await();
		assertThat(this.ahead.abort()).containsExactly("interrupted");
		assertThat(this.ahead.hasMore()).isFalse();
		assertThat(this.made).hasValue(2);
	}

	@Test
	void abortOfAnIdleThreadLosesNothing() {
		this.ahead.start();
		awaitRest();
		assertThat(this.ahead.abort()).containsExactly("1");
		assertThat(this.made).hasValue(1);
	}

	@Test
	void whenTheThreadHasNotBegunAbortReachesItNevertheless() {
		CountDownLatch begin = new CountDownLatch(1);
		this.ahead = new Prefetcher<>((task) -> this.factory.newThread(() -> {
			await(begin);
			task.run();
		}), () -> String.valueOf(Thread.currentThread().isInterrupted()), LAST::equals);
		this.ahead.start();
		Thread aborting = Thread.currentThread();
		Thread starter = new Thread(() -> {
			while (aborting.getState() != Thread.State.WAITING) {
				Thread.onSpinWait();
			}
			begin.countDown();
		});
		starter.start();
		assertThat(this.ahead.abort()).containsExactly("true");
	}

	@Test
	void whenWhoeverWaitsIsInterruptedSoIsTheWorkAndNotWhatFollows() {
		CountDownLatch taken = new CountDownLatch(1);
		ahead(() -> {
			int number = this.made.incrementAndGet();
			if (number == 1) {
				return untilInterrupted();
			}
			await(taken);
			return String.valueOf(Thread.currentThread().isInterrupted());
		});
		this.ahead.start();
		Thread.currentThread().interrupt();
		assertThat(this.ahead.take()).isEqualTo("interrupted");
		assertThat(Thread.interrupted()).isTrue();
		taken.countDown();
		assertThat(this.ahead.take()).isEqualTo("false");
	}

	@Test
	void errorsOfTheWorkAreThrownInTheirTurn() {
		ahead(() -> {
			if (this.made.incrementAndGet() == 2) {
				throw new AssertionError("planned");
			}
			return "fine";
		});
		this.ahead.start();
		assertThat(this.ahead.take()).isEqualTo("fine");
		assertThat(this.ahead.hasMore()).isTrue();
		assertThatExceptionOfType(AssertionError.class).isThrownBy(this.ahead::take).withMessage("planned");
		assertThat(this.ahead.hasMore()).isFalse();
	}

	@Test
	void whenNobodyTakesForAWhileTheThreadEndsAndAnotherGoesOn() throws Exception {
		this.ahead = new Prefetcher<>(this.factory, this::number, LAST::equals, 1);
		this.ahead.start();
		for (int i = 1; i <= 3; i++) {
			this.threads.get(i - 1).join();
			assertThat(this.made).hasValue(i);
			assertThat(this.ahead.hasMore()).isTrue();
			assertThat(this.ahead.take()).isEqualTo(String.valueOf(i));
			assertThat(this.threads).hasSize(i + 1);
		}
	}

	private static String untilInterrupted() {
		try {
			new CountDownLatch(1).await();
			return "never";
		}
		catch (InterruptedException ex) {
			// As some libraries leave it.
			Thread.currentThread().interrupt();
			return "interrupted";
		}
	}

	private static void await(CountDownLatch latch) {
		boolean interrupted = false;
		while (latch.getCount() > 0) {
			try {
				latch.await();
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

}
