package dev.vgi.external.web.client;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link Ahead}.
 */
class AheadTests {

	private final AtomicInteger threads = new AtomicInteger();

	private final AtomicReference<Thread> thread = new AtomicReference<>();

	private final CountDownLatch begin = new CountDownLatch(1);

	private final Ahead<String> ahead = new Ahead<>(threads((task) -> task));

	private ThreadFactory threads(UnaryOperator<Runnable> decorator) {
		return (task) -> {
			this.threads.incrementAndGet();
			Thread made = new Thread(decorator.apply(task));
			this.thread.set(made);
			return made;
		};
	}

	@AfterEach
	void noThreadIsLeft() {
		this.ahead.close();
		this.ahead.close();
		Thread made = this.thread.get();
		assertThat(made == null || !made.isAlive()).isTrue();
	}

	@Test
	void oneThreadServesPieceAfterPiece() {
		for (int i = 0; i < 100; i++) {
			String piece = "piece " + i;
			assertThat(this.ahead.isRunning()).isFalse();
			this.ahead.start(() -> piece);
			assertThat(this.ahead.isRunning()).isTrue();
			assertThat(this.ahead.join()).isEqualTo(piece);
		}
		assertThat(this.threads).hasValue(1);
	}

	@Test
	void withoutWorkThereIsNoThread() {
		assertThat(this.threads).hasValue(0);
		assertThatIllegalStateException().isThrownBy(this.ahead::join);
	}

	@Test
	void abortInterruptsThePieceAndNotTheNext() {
		this.ahead.start(AheadTests::untilInterrupted);
		assertThat(this.ahead.abort()).isEqualTo("interrupted");
		this.ahead.start(AheadTests::interruption);
		assertThat(this.ahead.join()).isEqualTo("false");
	}

	@Test
	void whenThePieceWasDoneAbortTouchesNothing() throws Exception {
		CountDownLatch done = new CountDownLatch(1);
		this.ahead.start(() -> {
			done.countDown();
			return "done";
		});
		done.await();
		assertThat(this.ahead.abort()).isEqualTo("done");
		this.ahead.start(AheadTests::interruption);
		assertThat(this.ahead.join()).isEqualTo("false");
	}

	@Test
	void whenThePieceHasNotBegunAbortReachesItNevertheless() throws Exception {
		Ahead<String> late = new Ahead<>(threads((task) -> () -> {
			await(this.begin);
			task.run();
		}));
		late.start(AheadTests::interruption);
		Thread aborting = Thread.currentThread();
		Thread starter = new Thread(() -> {
			while (aborting.getState() != Thread.State.WAITING) {
				Thread.onSpinWait();
			}
			this.begin.countDown();
		});
		starter.start();
		assertThat(late.abort()).isEqualTo("true");
		late.close();
		starter.join();
	}

	@Test
	void whenTheWaitingThreadIsInterruptedSoIsTheWork() {
		this.ahead.start(AheadTests::untilInterrupted);
		Thread.currentThread().interrupt();
		assertThat(this.ahead.join()).isEqualTo("interrupted");
		assertThat(Thread.interrupted()).isTrue();
		this.ahead.start(AheadTests::interruption);
		assertThat(this.ahead.join()).isEqualTo("false");
	}

	@Test
	void errorsOfTheWorkAreThrownWhereItIsWaitedFor() {
		this.ahead.start(() -> {
			throw new AssertionError("planned");
		});
		assertThatExceptionOfType(AssertionError.class).isThrownBy(this.ahead::join).withMessage("planned");
		this.ahead.start(() -> "more");
		assertThat(this.ahead.join()).isEqualTo("more");
		assertThat(this.threads).hasValue(1);
	}

	@Test
	void workIsNotForgotten() {
		this.ahead.start(() -> "first");
		assertThatIllegalStateException().isThrownBy(() -> this.ahead.start(() -> "second"));
		assertThatIllegalStateException().isThrownBy(this.ahead::close);
		assertThat(this.ahead.join()).isEqualTo("first");
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

	private static String interruption() {
		return String.valueOf(Thread.currentThread().isInterrupted());
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
