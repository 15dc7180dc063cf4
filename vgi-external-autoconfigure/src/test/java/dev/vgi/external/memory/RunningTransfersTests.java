package dev.vgi.external.memory;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.memory.TransferBudget.Lease;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

class RunningTransfersTests {

	@Test
	void shutDownSendsWaitersAwayAndAwaitsTheRunning() throws Exception {
		TransferBudget budget = new TransferBudget(100, 8);
		RunningTransfers transfers = budget.transfers();
		RunningTransfers.Transfer transfer = transfers.begin();
		Lease lease = budget.acquire(100, Duration.ZERO);
		// Not the common pool, which may have a single thread.
		Executor threads = (task) -> new Thread(task).start();
		CompletableFuture<Lease> waiter = CompletableFuture.supplyAsync(() -> budget.acquire(1, Duration.ofHours(1)),
				threads);
		while (budget.waiting() == 0) {
			Thread.onSpinWait();
		}
		CompletableFuture<Boolean> end = CompletableFuture.supplyAsync(() -> transfers.shutDown(Duration.ofHours(1)),
				threads);
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> waiter.get(20, TimeUnit.SECONDS))
			.withCauseInstanceOf(BudgetExhaustedException.class)
			.withMessageContaining("shutting down");
		assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(transfers::begin)
			.withMessageContaining("shutting down");
		assertThat(end).isNotDone();
		lease.close();
		transfer.close();
		transfer.close();
		assertThat(end.get(20, TimeUnit.SECONDS)).isTrue();
		assertThat(transfers.count()).isZero();
	}

	@Test
	void shutDownDoesNotWaitForever() {
		RunningTransfers transfers = new TransferBudget(100, 8).transfers();
		try (RunningTransfers.Transfer transfer = transfers.begin()) {
			assertThat(transfers.shutDown(Duration.ZERO)).isFalse();
		}
		assertThat(transfers.shutDown(Duration.ZERO)).isTrue();
	}

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void whereNothingRunsTheEndIsNotWaitedFor() {
		RunningTransfers transfers = new TransferBudget(100, 8).transfers();
		transfers.begin().close();
		assertThat(transfers.shutDown(Duration.ofHours(1))).isTrue();
	}

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void anInterruptedShutDownEndsAtOnce() throws Exception {
		RunningTransfers transfers = new TransferBudget(100, 8).transfers();
		try (RunningTransfers.Transfer transfer = transfers.begin()) {
			assertThat(transfers.count()).isOne();
			Thread.currentThread().interrupt();
			assertThat(transfers.shutDown(Duration.ofHours(1))).isFalse();
			assertThat(Thread.interrupted()).isTrue();
			assertThat(transfer).isNotNull();
		}
		assertThat(CompletableFuture.supplyAsync(transfers::count, (task) -> new Thread(task).start())
			.get(20, TimeUnit.SECONDS)).isZero();
	}

}
