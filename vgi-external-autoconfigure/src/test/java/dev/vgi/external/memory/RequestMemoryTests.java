package dev.vgi.external.memory;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget.Lease;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

class RequestMemoryTests {

	private static final long MB = 1L << 20;

	private static final Duration LONG = Duration.ofMinutes(1);

	private final RootAllocator root = new RootAllocator();

	private final TransferBudget budget = new TransferBudget(16 * MB, 8);

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.budget.waiting()).isZero();
		this.root.close();
	}

	@Test
	void whatTheRequestsAllocatorHandsOutIsChargedUntilItIsFreed() {
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			assertThat(RequestMemory.allocator(this.root)).isSameAs(allocator).isNotSameAs(this.root);
			try (ArrowBuf first = allocator.buffer(MB); ArrowBuf second = allocator.buffer(MB)) {
				assertThat(this.budget.inUse()).isEqualTo(2 * MB);
				assertThat(first).isNotSameAs(second);
			}
			assertThat(this.budget.inUse()).isZero();
		}
		assertThat(RequestMemory.allocator(this.root)).isSameAs(this.root);
	}

	@Test
	void aVectorIsRefusedBeforeItsMemoryIsTaken() {
		try (RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind();
				BigIntVector vector = new BigIntVector("v", RequestMemory.allocator(this.root))) {
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> vector.allocateNew(1 << 28))
				.withMessageContaining("vgi.external.memory.budget")
				.matches((ex) -> !ex.isPassing());
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> vector.allocateNew(1 << 20 | 1))
				.withMessageContaining("vgi.external.memory.max-per-request")
				.matches((ex) -> !ex.isPassing());
			assertThat(this.root.getPeakMemoryAllocation()).isZero();
		}
	}

	@Test
	void aFetchedBodyIsPaidByItsLease() {
		SlabPool slabs = new SlabPool(0, LONG);
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			Lease lease = this.budget.acquire(8 * MB, LONG);
			Slab slab = slabs.acquire(6 * MB);
			// No room is left for a second charge.
			ArrowBuf body = slab.handOver(RequestMemory.allocator(this.root), 6 * MB, lease);
			lease.close();
			assertThat(this.budget.inUse()).isEqualTo(6 * MB);
			body.close();
			assertThat(this.budget.inUse()).isZero();
		}
	}

	@Test
	void whatABodyPinsStaysCharged() {
		SlabPool slabs = new SlabPool(0, LONG);
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			// Room for a body of unknown length, of which little came.
			try (Lease lease = this.budget.acquire(2 * MB, LONG)) {
				Slab slab = slabs.acquire(MB);
				slab.window(0, 300).put(new byte[300]);
				ArrowBuf body = slab.handOver(RequestMemory.allocator(this.root), 300, lease);
				lease.close();
				assertThat(body.capacity()).isEqualTo(300);
				assertThat(this.budget.inUse()).isEqualTo(slabs.leasedBytes()).isEqualTo(MB);
				body.close();
			}
			assertThat(this.budget.inUse()).isZero();
			assertThat(slabs.leasedBytes()).isZero();
		}
	}

	@Test
	void outsideOfARequestTheLeaseKeepsItsShare() {
		SlabPool slabs = new SlabPool(0, LONG);
		try (Lease lease = this.budget.acquire(MB, LONG); Slab slab = slabs.acquire(MB)) {
			try (ArrowBuf body = slab.handOver(this.root, MB, lease)) {
				assertThat(this.budget.inUse()).isEqualTo(MB);
				assertThat(body.capacity()).isEqualTo(MB);
			}
			assertThat(this.budget.inUse()).isEqualTo(MB);
		}
	}

	@Test
	void whatOutlivesTheRequestStaysCharged() {
		RequestMemory request = this.budget.request("a", this.root);
		ArrowBuf kept;
		try (RequestMemory.Bound bound = request.bind()) {
			kept = RequestMemory.allocator(this.root).buffer(MB);
			RequestMemory.charge(RequestMemory.allocator(this.root), 100);
		}
		request.close();
		request.close();
		assertThat(this.budget.inUse()).isEqualTo(MB);
		kept.close();
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.root.getChildAllocators()).isEmpty();
	}

	@Test
	void heapIsChargedUntilItIsDischargedOrTheRequestEnds() {
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			RequestMemory.charge(allocator, 3 * MB);
			RequestMemory.discharge(allocator, MB);
			assertThat(this.budget.inUse()).isEqualTo(2 * MB);
			assertThatExceptionOfType(BudgetExhaustedException.class)
				.isThrownBy(() -> RequestMemory.charge(allocator, 6 * MB + 1));
			RequestMemory.charge(this.root, 100 * MB);
		}
	}

	@Test
	void whatIsChargedAfterTheEndOfTheRequestIsNotKept() {
		RequestMemory request = this.budget.request("a", this.root);
		try (RequestMemory.Bound bound = request.bind()) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			ArrowBuf kept = allocator.buffer(1024);
			request.close();
			RequestMemory.charge(allocator, MB);
			RequestMemory.charge(MB);
			assertThat(this.budget.inUse()).isEqualTo(1024);
			RequestMemory.discharge(allocator, MB);
			assertThat(this.budget.inUse()).isEqualTo(1024);
			kept.close();
		}
	}

	@Test
	void whatIsPaidAlreadyIsNotWaitedFor() throws Exception {
		SlabPool slabs = new SlabPool(0, LONG);
		Lease others = this.budget.acquire(15 * MB, LONG);
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			Lease lease = this.budget.acquire(1024, LONG);
			CompletableFuture<Void> waiter = CompletableFuture.runAsync(() -> {
				try (RequestMemory first = this.budget.request("b", this.root);
						RequestMemory.Bound there = first.bind()) {
					this.budget.acquire(2 * MB, LONG).close();
				}
			}, (task) -> new Thread(task).start());
			awaitWaiting(1);
			ArrowBuf body = slabs.acquire(1024).handOver(RequestMemory.allocator(this.root), 1024, lease);
			assertThat(this.budget.waiting()).isOne();
			body.close();
			lease.close();
			others.close();
			waiter.get(20, TimeUnit.SECONDS);
		}
	}

	@Test
	void aRequestThatHoldsSomethingNeverWaits() {
		try (RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind();
				ArrowBuf held = RequestMemory.allocator(this.root).buffer(MB);
				Lease others = others(() -> this.budget.acquire(14 * MB, LONG))) {
			assertThatExceptionOfType(BudgetExhaustedException.class)
				.isThrownBy(() -> this.budget.acquire(2 * MB, LONG))
				.withMessageContaining("vgi.external.memory.budget")
				.matches(BudgetExhaustedException::isPassing);
			try (Lease fitting = this.budget.acquire(MB, LONG)) {
				assertThat(fitting).isNotSameAs(others);
			}
			assertThat(held.capacity()).isEqualTo(MB);
		}
	}

	@Test
	void aRequestThatHoldsATrifleMayWait() throws Exception {
		Lease others = this.budget.acquire(15 * MB, LONG);
		CompletableFuture<Long> waiter = CompletableFuture.supplyAsync(() -> {
			try (RequestMemory request = this.budget.request("a", this.root);
					RequestMemory.Bound bound = request.bind();
					ArrowBuf pointer = RequestMemory.allocator(this.root).buffer(1024);
					Lease lease = this.budget.acquire(2 * MB, LONG)) {
				return this.budget.inUse() - pointer.capacity() + (lease.hashCode() & 0);
			}
		}, (task) -> new Thread(task).start());
		awaitWaiting(1);
		others.close();
		assertThat(waiter.get(20, TimeUnit.SECONDS)).isEqualTo(2 * MB);
	}

	@Test
	void oneCallerLeavesAQuarterToOthers() {
		List<RequestMemory> requests = new ArrayList<>();
		List<Lease> leases = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			leases.add(request(requests, "greedy", () -> this.budget.acquire(4 * MB, LONG)));
		}
		assertThat(request(requests, "greedy", () -> this.budget.tryAcquire(1))).isNull();
		leases.add(request(requests, "modest", () -> this.budget.acquire(4 * MB, Duration.ZERO)));
		leases.forEach(Lease::close);
		requests.forEach(RequestMemory::close);
	}

	@Test
	void whoseCallerHoldsLeastIsNext() throws Exception {
		List<String> order = Collections.synchronizedList(new ArrayList<>());
		List<RequestMemory> requests = new ArrayList<>();
		Lease holding = request(requests, "greedy", () -> this.budget.acquire(4 * MB, LONG));
		Lease rest = this.budget.acquire(12 * MB, LONG);
		List<CompletableFuture<Void>> waiters = new ArrayList<>();
		for (String caller : List.of("greedy", "greedy", "modest")) {
			waiters.add(CompletableFuture.runAsync(() -> {
				try (RequestMemory request = this.budget.request(caller, this.root);
						RequestMemory.Bound bound = request.bind();
						Lease lease = this.budget.acquire(4 * MB, LONG)) {
					order.add(caller);
					lease.shrink(0);
				}
			}, (task) -> new Thread(task).start()));
			awaitWaiting(waiters.size());
		}
		rest.shrink(4 * MB);
		CompletableFuture.allOf(waiters.toArray(CompletableFuture[]::new)).get(20, TimeUnit.SECONDS);
		assertThat(order.get(0)).isEqualTo("modest");
		rest.close();
		holding.close();
		requests.forEach(RequestMemory::close);
	}

	@Test
	void aFullQueueMakesPlaceForACallerWithFewerPlaces() throws Exception {
		TransferBudget small = new TransferBudget(16 * MB, 2);
		Lease all = small.acquire(16 * MB, LONG);
		List<CompletableFuture<String>> waiters = new ArrayList<>();
		for (int i = 0; i < 2; i++) {
			waiters.add(waiter(small, "greedy"));
			while (small.waiting() != i + 1) {
				Thread.onSpinWait();
			}
		}
		assertThat(waiter(small, "greedy").get(20, TimeUnit.SECONDS)).contains("max-waiters");
		CompletableFuture<String> modest = waiter(small, "modest");
		assertThat(waiters.get(1).get(20, TimeUnit.SECONDS)).contains("max-waiters");
		assertThat(small.waiting()).isEqualTo(2);
		all.close();
		assertThat(waiters.get(0).get(20, TimeUnit.SECONDS)).isEqualTo("served");
		assertThat(modest.get(20, TimeUnit.SECONDS)).isEqualTo("served");
		assertThat(small.inUse()).isZero();
	}

	@Test
	void anotherThreadMayServeTheRequest() throws Exception {
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			CompletableFuture<BufferAllocator> other = new CompletableFuture<>();
			Thread thread = new Thread(
					RequestMemory.inherited(() -> other.complete(RequestMemory.allocator(this.root))));
			thread.start();
			thread.join();
			assertThat(other.get()).isSameAs(allocator);
		}
		Runnable task = () -> {
		};
		assertThat(RequestMemory.inherited(task)).isSameAs(task);
	}

	private CompletableFuture<String> waiter(TransferBudget budget, String caller) {
		return CompletableFuture.supplyAsync(() -> {
			try (RequestMemory request = budget.request(caller, this.root);
					RequestMemory.Bound bound = request.bind();
					Lease lease = budget.acquire(MB, LONG)) {
				lease.shrink(0);
				return "served";
			}
			catch (BudgetExhaustedException ex) {
				return String.valueOf(ex.getMessage());
			}
		}, (task) -> new Thread(task).start());
	}

	private void awaitWaiting(int count) {
		while (this.budget.waiting() != count) {
			Thread.onSpinWait();
		}
	}

	private <T> T request(List<RequestMemory> requests, String caller, Supplier<T> action) {
		RequestMemory request = this.budget.request(caller, this.root);
		requests.add(request);
		try (RequestMemory.Bound bound = request.bind()) {
			return action.get();
		}
	}

	// The application's own, although the thread serves a request.
	private static Lease others(Supplier<Lease> action) {
		return CompletableFuture.supplyAsync(action, (task) -> {
			Thread thread = new Thread(task);
			thread.start();
		}).join();
	}

}
