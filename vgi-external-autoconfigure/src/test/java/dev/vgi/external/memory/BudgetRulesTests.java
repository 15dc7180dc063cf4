package dev.vgi.external.memory;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

import dev.vgi.external.memory.TransferBudget.Lease;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * The rules of the budget at their limits, and that nothing is left of a caller who is
 * done: neither a name nor a lock.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BudgetRulesTests {

	private static final Duration LONG = Duration.ofMinutes(1);

	private final RootAllocator root = new RootAllocator();

	private final TransferBudget budget = new TransferBudget(1000, 2);

	@AfterEach
	void nothingIsLeft() throws Exception {
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.budget.accounts().usage().callers()).isZero();
		// A lock that a thread keeps stops every other thread.
		elsewhere(this.budget::waiting);
		this.root.close();
	}

	private static <T> T elsewhere(Supplier<T> action) throws Exception {
		return started(action).get(20, TimeUnit.SECONDS);
	}

	private static <T> CompletableFuture<T> started(Supplier<T> action) {
		return CompletableFuture.supplyAsync(action, (task) -> new Thread(task).start());
	}

	private static void refused(Runnable action, String words) {
		assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(action::run).withMessageContaining(words);
	}

	private static void awaitWaiting(TransferBudget budget, int count) {
		while (budget.waiting() != count) {
			Thread.onSpinWait();
		}
	}

	/** Take a part of the budget for a request of its own. */
	private static String served(TransferBudget budget, String caller, long bytes, RootAllocator root) {
		try (RequestMemory request = budget.request(caller, root);
				RequestMemory.Bound bound = request.bind();
				Lease lease = budget.acquire(bytes, LONG)) {
			return (lease.bytes() == bytes) ? "served" : "cut";
		}
		catch (BudgetExhaustedException ex) {
			return String.valueOf(ex.getMessage());
		}
	}

	@ParameterizedTest
	@CsvSource({ "1, 1, 0, ", "10, 10, 0, ", "0, 0, 0, maxBytes", "-1, 1, 0, maxBytes", "10, 0, 0, maxPerRequest",
			"10, 11, 0, maxPerRequest", "10, 5, -1, maxWaiters" })
	void aBudgetHasSensibleLimits(long maxBytes, long maxPerRequest, int maxWaiters, String problem) {
		if (problem == null) {
			assertThatNoException().isThrownBy(() -> new TransferBudget(maxBytes, maxPerRequest, maxWaiters, null));
		}
		else {
			assertThatIllegalArgumentException()
				.isThrownBy(() -> new TransferBudget(maxBytes, maxPerRequest, maxWaiters, null))
				.withMessageStartingWith("'" + problem + "'");
		}
	}

	@Test
	void oneRequestMayHoldHalfOfItByDefault() {
		assertThat(this.budget.maxBytes()).isEqualTo(1000);
		assertThat(this.budget.maxPerRequest()).isEqualTo(500);
		assertThat(new TransferBudget(101, 1).maxPerRequest()).isEqualTo(51);
	}

	@Test
	void aLeaseIsResizedWithinTheBudget() {
		Lease lease = this.budget.acquire(0, Duration.ZERO);
		lease.resize(1000);
		assertThat(lease.bytes()).isEqualTo(1000);
		refused(() -> lease.resize(1001), "A transfer of 1000 bytes needs 1 more");
		lease.resize(400);
		lease.resize(400);
		assertThat(this.budget.inUse()).isEqualTo(400);
		assertThat(this.budget.peak()).isEqualTo(1000);
		assertThatIllegalArgumentException().isThrownBy(() -> lease.shrink(401)).withMessageContaining("less");
		assertThatIllegalArgumentException().isThrownBy(() -> lease.shrink(-1)).withMessageContaining("less");
		lease.shrink(400);
		assertThat(this.budget.inUse()).isZero();
		lease.close();
		lease.close();
		assertThatIllegalStateException().isThrownBy(() -> lease.grow(1)).withMessageContaining("closed");
	}

	@Test
	void negativeAmountsAreRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> this.budget.acquire(-1, LONG));
		assertThatIllegalArgumentException().isThrownBy(() -> this.budget.tryAcquire(-1));
		Lease lease = this.budget.acquire(10, LONG);
		assertThatIllegalArgumentException().isThrownBy(() -> lease.grow(-1));
		assertThat(lease.bytes()).isEqualTo(10);
		lease.close();
	}

	@Test
	void everyRefusalIsCounted() {
		try (Lease all = this.budget.acquire(1000, LONG)) {
			refused(() -> this.budget.acquire(1001, LONG), "whole transfer budget");
			refused(() -> all.grow(1), "raise vgi.external.memory.budget (now 1000 bytes)");
			refused(() -> this.budget.acquire(1, Duration.ZERO), "within 0 ms");
			assertThat(this.budget.tryAcquire(1)).isNull();
			assertThat(this.budget.refusals()).isEqualTo(3);
		}
	}

	@Test
	void aTransferWithoutMemoryThatMayNotGrowLeavesNothing() {
		try (Lease all = this.budget.acquire(1000, LONG);
				RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind();
				Lease empty = this.budget.tryAcquire(0)) {
			assertThat(this.budget.accounts().usage().callers()).isEqualTo(2);
			refused(() -> empty.grow(1), "A transfer of 0 bytes needs 1 more");
			assertThat(this.budget.accounts().usage().callers()).isOne();
			assertThat(all.bytes()).isEqualTo(1000);
		}
	}

	@Test
	void aShorterWaitIsTheOneThatCounts() {
		TransferBudget impatient = new TransferBudget(10, 10, 1, Duration.ofMillis(2));
		try (Lease all = impatient.acquire(10, LONG)) {
			refused(() -> impatient.acquire(1, LONG), "within 2 ms");
			refused(() -> impatient.acquire(1, Duration.ofMillis(1)), "within 1 ms");
			assertThat(all.bytes()).isEqualTo(10);
		}
	}

	@Test
	void aRequestMayHoldItsPartExactly() {
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			for (Lease lease : List.of(this.budget.acquire(500, LONG), this.budget.tryAcquire(0))) {
				lease.resize(500);
				refused(() -> this.budget.tryAcquire(1), "The request holds 500 bytes and needs 1 more");
				refused(() -> lease.grow(1), "vgi.external.memory.max-per-request");
				lease.shrink(1);
				lease.grow(1);
				refused(() -> lease.grow(1), "The request holds 500 bytes and needs 1 more");
				lease.close();
			}
			try (Lease lease = Objects.requireNonNull(this.budget.tryAcquire(500))) {
				refused(() -> this.budget.tryAcquire(1), "The request holds 500 bytes and needs 1 more");
				assertThat(lease.bytes()).isEqualTo(500);
			}
		}
	}

	@Test
	void whatOnePaysForAnotherIsTheOthers() {
		try (RequestMemory giver = this.budget.request("a", this.root);
				RequestMemory receiver = this.budget.request("b", this.root)) {
			Lease lease;
			try (RequestMemory.Bound bound = giver.bind()) {
				lease = this.budget.acquire(300, LONG);
			}
			assertThat(lease.pay(receiver, 400)).isEqualTo(300);
			assertThat(this.budget.inUse()).isEqualTo(300);
			assertThat(this.budget.accounts().usage().callers()).isOne();
			try (RequestMemory.Bound bound = giver.bind(); Lease again = this.budget.tryAcquire(500)) {
				assertThat(again).isNotNull();
			}
			try (RequestMemory.Bound bound = receiver.bind()) {
				refused(() -> this.budget.tryAcquire(201), "The request holds 300 bytes and needs 201 more");
			}
			this.budget.accounts().giveBack(receiver, 300);
			lease.close();
		}
	}

	@Test
	void whoHoldsSomethingIsServedBeforeThoseWhoWait() throws Exception {
		Lease others = this.budget.acquire(500, LONG);
		try (RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind();
				Lease held = this.budget.acquire(200, LONG)) {
			CompletableFuture<String> waiter = started(() -> served(this.budget, "b", 400, this.root));
			awaitWaiting(this.budget, 1);
			try (Lease more = this.budget.acquire(300, LONG)) {
				assertThat(held.bytes() + more.bytes()).isEqualTo(500);
				assertThat(this.budget.inUse()).isEqualTo(1000);
				assertThat(this.budget.waiting()).isOne();
			}
			others.close();
			assertThat(waiter.get(20, TimeUnit.SECONDS)).isEqualTo("served");
		}
	}

	@Test
	void whoIsInterruptedWhenItIsServedKeepsNothing() throws Exception {
		Lease all = this.budget.acquire(1000, LONG);
		CompletableFuture<Thread> thread = new CompletableFuture<>();
		CompletableFuture<String> waiter = started(() -> {
			thread.complete(Thread.currentThread());
			return served(this.budget, "a", 100, this.root);
		});
		awaitWaiting(this.budget, 1);
		ReentrantLock lock = (ReentrantLock) Objects
			.requireNonNull(ReflectionTestUtils.getField(this.budget.accounts(), "lock"));
		lock.lock();
		try {
			// It is on its way back, and cannot be called off any more.
			thread.get(20, TimeUnit.SECONDS).interrupt();
			while (!lock.hasQueuedThread(thread.get())) {
				Thread.onSpinWait();
			}
			all.close();
			assertThat(this.budget.waiting()).isZero();
		}
		finally {
			lock.unlock();
		}
		assertThat(waiter.get(20, TimeUnit.SECONDS)).contains("Interrupted");
	}

	@Test
	void callersMayHoldThreeQuartersOrOneRequestsPart() {
		TransferBudget wide = new TransferBudget(1000, 900, 2, null);
		try (RequestMemory request = wide.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			wide.acquire(900, Duration.ZERO).close();
		}
		try (RequestMemory first = this.budget.request("a", this.root);
				RequestMemory second = this.budget.request("a", this.root)) {
			try (RequestMemory.Bound bound = first.bind(); Lease lease = this.budget.acquire(500, LONG)) {
				try (RequestMemory.Bound there = second.bind(); Lease rest = this.budget.acquire(250, LONG)) {
					assertThat(this.budget.tryAcquire(1)).isNull();
					assertThat(lease.bytes() + rest.bytes()).isEqualTo(750);
				}
			}
		}
	}

	@Test
	void aRequestWaitsWhileItHoldsATrifleOnly() throws Exception {
		// All waiters together may hold a quarter: 125 each.
		Lease others = this.budget.acquire(700, LONG);
		assertThat(holdingMore(126, 200)).contains("A request that holds 126 bytes needs 200 more");
		CompletableFuture<String> waiter = started(() -> holdingMore(125, 200));
		awaitWaiting(this.budget, 1);
		others.close();
		assertThat(waiter.get(20, TimeUnit.SECONDS)).isEqualTo("served");
	}

	private String holdingMore(long held, long more) {
		try (RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind();
				Lease first = this.budget.acquire(held, LONG);
				Lease second = this.budget.acquire(more, LONG)) {
			return (first.bytes() + second.bytes() == held + more) ? "served" : "cut";
		}
		catch (BudgetExhaustedException ex) {
			return String.valueOf(ex.getMessage());
		}
	}

	@Test
	void aCallerWithAsManyPlacesDisplacesNobody() throws Exception {
		Lease all = this.budget.acquire(1000, LONG);
		List<CompletableFuture<String>> waiters = new ArrayList<>();
		for (String caller : List.of("a", "b")) {
			waiters.add(started(() -> served(this.budget, caller, 100, this.root)));
			awaitWaiting(this.budget, waiters.size());
		}
		assertThat(served(this.budget, "c", 100, this.root)).contains("max-waiters");
		assertThat(served(this.budget, "a", 100, this.root)).contains("max-waiters");
		assertThat(this.budget.waiting()).isEqualTo(2);
		assertThat(this.budget.refusals()).isEqualTo(2);
		all.close();
		for (CompletableFuture<String> waiter : waiters) {
			assertThat(waiter.get(20, TimeUnit.SECONDS)).isEqualTo("served");
		}
	}

	@Test
	void whoGivesUpLetsTheNextOneGoOn() throws Exception {
		Lease most = this.budget.acquire(600, LONG);
		CompletableFuture<Thread> first = new CompletableFuture<>();
		CompletableFuture<String> large = started(() -> {
			first.complete(Thread.currentThread());
			return served(this.budget, "a", 500, this.root);
		});
		awaitWaiting(this.budget, 1);
		CompletableFuture<String> small = started(() -> served(this.budget, "b", 400, this.root));
		awaitWaiting(this.budget, 2);
		first.get(20, TimeUnit.SECONDS).interrupt();
		assertThat(large.get(20, TimeUnit.SECONDS)).contains("Interrupted");
		assertThat(small.get(20, TimeUnit.SECONDS)).isEqualTo("served");
		most.close();
	}

	@Test
	void afterTheEndNobodyBeginsToWait() {
		TransferBudget idle = new TransferBudget(1000, 1);
		idle.transfers().shutDown(Duration.ZERO);
		refused(() -> idle.acquire(1, LONG), "shutting down");
		Lease all = this.budget.acquire(1000, LONG);
		this.budget.transfers().shutDown(Duration.ZERO);
		refused(() -> this.budget.acquire(1, LONG), "shutting down");
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			refused(() -> RequestMemory.charge(1), "shutting down");
		}
		all.close();
	}

	@ParameterizedTest
	@EnumSource(Use.class)
	void noUseKeepsALock(Use use) throws Exception {
		use.of(this.budget, this.root);
		assertThat(elsewhere(this.budget::inUse)).isZero();
		assertThat(elsewhere(() -> this.budget.transfers().count())).isZero();
		assertThat(elsewhere(() -> {
			this.budget.transfers().begin().close();
			return true;
		})).isTrue();
	}

	/** What others call, well or badly. */
	enum Use {

		TAKEN {
			@Override
			void of(TransferBudget budget, RootAllocator root) {
				budget.acquire(1, LONG).close();
			}
		},

		TOO_LARGE {
			@Override
			void of(TransferBudget budget, RootAllocator root) {
				refused(() -> budget.acquire(2000, LONG), "exceeds");
			}
		},

		TRIED {
			@Override
			void of(TransferBudget budget, RootAllocator root) {
				Objects.requireNonNull(budget.tryAcquire(1000)).close();
			}
		},

		TRIED_IN_VAIN {
			@Override
			void of(TransferBudget budget, RootAllocator root) {
				try (Lease all = budget.acquire(1000, LONG)) {
					assertThat(budget.tryAcquire(all.bytes())).isNull();
				}
			}
		},

		GROWN {
			@Override
			void of(TransferBudget budget, RootAllocator root) {
				try (Lease lease = budget.acquire(1, LONG)) {
					lease.grow(1);
				}
			}
		},

		MEASURED {
			@Override
			void of(TransferBudget budget, RootAllocator root) {
				assertThat(budget.waiting() + budget.transfers().count()).isZero();
			}
		},

		TRANSFER {
			@Override
			void of(TransferBudget budget, RootAllocator root) {
				budget.transfers().begin().close();
			}
		},

		REQUEST {
			@Override
			void of(TransferBudget budget, RootAllocator root) {
				RequestMemory request = budget.request("a", root);
				try (RequestMemory.Bound bound = request.bind()) {
					RequestMemory.charge(1);
				}
				request.close();
			}
		};

		abstract void of(TransferBudget budget, RootAllocator root);

	}

}
