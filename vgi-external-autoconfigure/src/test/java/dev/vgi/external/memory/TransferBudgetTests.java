package dev.vgi.external.memory;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.memory.TransferBudget.Lease;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

class TransferBudgetTests {

	private static final Duration LONG = Duration.ofMinutes(1);

	private final TransferBudget budget = new TransferBudget(100, 3);

	private void awaitWaiting(int count) {
		while (this.budget.waiting() != count) {
			Thread.onSpinWait();
		}
	}

	@Test
	void theWholeBudgetStandsForHalfOfTheHeapAtMost() {
		assertThat(TransferBudget.heapWeight(64 << 20, 128 << 20)).isEqualTo(1);
		assertThat(TransferBudget.heapWeight((64 << 20) + 1, 128 << 20)).isEqualTo(2);
		assertThat(TransferBudget.heapWeight(1392L << 20, 1L << 30)).isEqualTo(3);
		assertThat(TransferBudget.heapWeight(1, Long.MAX_VALUE)).isEqualTo(1);
	}

	@Test
	void roomIsTakenAndGivenBack() {
		try (Lease first = this.budget.acquire(60, Duration.ZERO); Lease second = this.budget.acquire(40, LONG)) {
			assertThat(this.budget.inUse()).isEqualTo(100);
			second.shrink(10);
			first.grow(10);
			assertThat(this.budget.inUse()).isEqualTo(100);
			first.close();
			assertThat(this.budget.inUse()).isEqualTo(30);
		}
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.budget.peak()).isEqualTo(100);
	}

	@Test
	void moreThanTheWholeIsRefusedAtOnce() {
		assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> this.budget.acquire(101, LONG))
			.withMessageContaining("vgi.external.memory.budget");
		assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> this.budget.tryAcquire(101));
	}

	@Test
	void growthNeverWaits() {
		try (Lease first = this.budget.acquire(60, LONG); Lease second = this.budget.acquire(30, LONG)) {
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> second.grow(11))
				.withMessageContaining("vgi.external.memory.budget");
			second.grow(10);
			assertThat(first).isNotNull();
		}
	}

	@Test
	void waitIsBounded() {
		try (Lease all = this.budget.acquire(100, LONG)) {
			assertThat(this.budget.tryAcquire(1)).isNull();
			assertThatExceptionOfType(BudgetExhaustedException.class)
				.isThrownBy(() -> this.budget.acquire(1, Duration.ofMillis(1)))
				.withMessageContaining("max-wait");
			TransferBudget impatient = new TransferBudget(1, 1, 1, Duration.ofMillis(1));
			try (Lease one = impatient.acquire(1, LONG)) {
				assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> impatient.acquire(1, LONG));
				assertThat(one).isNotSameAs(all);
			}
		}
		assertThat(this.budget.waiting()).isZero();
	}

	@Test
	void waitersAreServedInOrder() throws Exception {
		List<Integer> order = Collections.synchronizedList(new ArrayList<>());
		List<CompletableFuture<Void>> waiters = new ArrayList<>();
		try (Lease most = this.budget.acquire(90, LONG)) {
			assertThat(most).isNotNull();
			int[] sizes = { 95, 10, 1 };
			for (int i = 0; i < sizes.length; i++) {
				int index = i;
				waiters.add(CompletableFuture.runAsync(() -> {
					try (Lease lease = this.budget.acquire(sizes[index], LONG)) {
						order.add(index);
						lease.shrink(0);
					}
				}, (task) -> new Thread(task).start()));
				awaitWaiting(i + 1);
			}
			// The small ones would fit, but the large one came first.
			assertThat(this.budget.tryAcquire(1)).isNull();
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> this.budget.acquire(1, LONG))
				.withMessageContaining("max-waiters");
			assertThat(order).isEmpty();
		}
		CompletableFuture.allOf(waiters.toArray(CompletableFuture[]::new)).get(20, TimeUnit.SECONDS);
		assertThat(order.get(0)).isZero();
		assertThat(order).hasSize(3);
		assertThat(this.budget.inUse()).isZero();
	}

	@Test
	void interruptedWaiterLeavesTheQueue() throws Exception {
		CompletableFuture<Boolean> flag = new CompletableFuture<>();
		try (Lease all = this.budget.acquire(100, LONG)) {
			assertThat(all).isNotNull();
			Thread waiter = new Thread(() -> {
				try {
					this.budget.acquire(1, LONG);
					flag.complete(false);
				}
				catch (BudgetExhaustedException ex) {
					flag.complete(Thread.currentThread().isInterrupted() && ex.kind() == Kind.CANCELLED);
				}
			});
			waiter.start();
			awaitWaiting(1);
			waiter.interrupt();
			assertThat(flag.get(20, TimeUnit.SECONDS)).isTrue();
			assertThat(this.budget.waiting()).isZero();
		}
	}

}
