package dev.vgi.external.memory;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget.Lease;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * What happens at the edges of a request: allocations that fail, memory that comes from
 * elsewhere, threads that serve one request inside another.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RequestLimitsTests {

	private static final Duration LONG = Duration.ofMinutes(1);

	private static final int MB = 1 << 20;

	private final RootAllocator root = new RootAllocator(4 * MB);

	private final TransferBudget budget = new TransferBudget(16 * MB, 8);

	@AfterEach
	void nothingIsLeft() throws Exception {
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.budget.accounts().usage().callers()).isZero();
		assertThat(this.root.getChildAllocators()).isEmpty();
		this.root.close();
	}

	@Test
	void anAllocationThatFailsIsNotCharged() {
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			assertThatExceptionOfType(OutOfMemoryException.class).isThrownBy(() -> allocator.buffer(5 * MB));
			assertThat(this.budget.inUse()).isZero();
			ArrowBuf fits = allocator.buffer(MB);
			assertThat(this.budget.inUse()).isEqualTo(MB);
			fits.close();
		}
	}

	@Test
	void aHandOverThatFailsGivesBackWhatWasPaid() {
		SlabPool slabs = new SlabPool(0, LONG);
		try (RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind();
				Slab slab = slabs.acquire(5 * MB);
				Lease lease = this.budget.acquire(6 * MB, LONG)) {
			assertThatExceptionOfType(OutOfMemoryException.class)
				.isThrownBy(() -> slab.handOver(RequestMemory.allocator(this.root), 5 * MB, lease));
			assertThat(lease.bytes()).isEqualTo(MB);
			assertThat(this.budget.inUse()).isEqualTo(MB);
		}
	}

	@Test
	void whatWasPaidForTooMuchIsGivenBackWhenTheRestIsRefused() {
		SlabPool slabs = new SlabPool(0, LONG);
		Lease others = this.budget.acquire(14 * MB, LONG);
		try (RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind();
				Slab slab = slabs.acquire(3 * MB);
				Lease lease = this.budget.acquire(MB, LONG)) {
			assertThatExceptionOfType(BudgetExhaustedException.class)
				.isThrownBy(() -> slab.handOver(RequestMemory.allocator(this.root), 3 * MB, lease));
			assertThat(lease.bytes()).isZero();
			assertThat(this.budget.inUse()).isEqualTo(14 * MB);
		}
		others.close();
	}

	@Test
	void whatWasPaidAndNotAllocatedEndsWithTheRequest() {
		Lease lease = this.budget.acquire(MB, LONG);
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			assertThat(RequestMemory.prepay(RequestMemory.allocator(this.root), lease, 2 * MB)).isEqualTo(MB);
			assertThat(lease.bytes()).isZero();
			assertThat(this.budget.inUse()).isEqualTo(MB);
		}
		lease.close();
	}

	@Test
	void aLeaseOfAnotherBudgetPaysNothing() {
		TransferBudget other = new TransferBudget(MB, 1);
		try (Lease lease = other.acquire(100, LONG);
				RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind()) {
			assertThat(RequestMemory.prepay(RequestMemory.allocator(this.root), lease, 100)).isZero();
			assertThat(lease.bytes()).isEqualTo(100);
			assertThat(RequestMemory.current(other)).isNull();
			assertThat(RequestMemory.current(this.budget)).isSameAs(request);
		}
	}

	@Test
	void memoryFromElsewhereIsNotCharged() {
		try (RequestMemory request = this.budget.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			ArrowBuf own = allocator.buffer(1024);
			ArrowBuf foreign = this.root.buffer(2048);
			ArrowBuf here = foreign.getReferenceManager().transferOwnership(foreign, allocator).getTransferredBuffer();
			foreign.close();
			assertThat(this.budget.inUse()).isEqualTo(1024);
			own.close();
			here.close();
			assertThat(this.budget.inUse()).isZero();
		}
	}

	@Test
	void whatIsInUseAtTheEndIsChargedOnce() {
		RequestMemory request = this.budget.request("a", this.root);
		ArrowBuf own;
		ArrowBuf here;
		try (RequestMemory.Bound bound = request.bind()) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			own = allocator.buffer(1024);
			ArrowBuf foreign = this.root.buffer(2048);
			here = foreign.getReferenceManager().transferOwnership(foreign, allocator).getTransferredBuffer();
			foreign.close();
			RequestMemory.charge(5);
		}
		request.close();
		assertThat(this.budget.inUse()).isEqualTo(1024);
		own.close();
		assertThat(this.root.getChildAllocators()).hasSize(1);
		here.close();
	}

	@Test
	void aThreadServesAgainWhatItServedBefore() {
		try (RequestMemory outer = this.budget.request("a", this.root);
				RequestMemory inner = this.budget.request("b", this.root);
				RequestMemory.Bound bound = outer.bind()) {
			try (RequestMemory.Bound there = inner.bind()) {
				assertThat(RequestMemory.current(this.budget)).isSameAs(inner);
			}
			assertThat(RequestMemory.current(this.budget)).isSameAs(outer);
		}
		assertThat(RequestMemory.current(this.budget)).isNull();
	}

	@Test
	void anotherAllocatorIsNobodys() {
		try (RequestMemory request = this.budget.request("a", this.root);
				RequestMemory.Bound bound = request.bind();
				BufferAllocator other = this.root.newChildAllocator("other", 0, MB)) {
			assertThat(RequestMemory.allocator(other)).isSameAs(other);
			RequestMemory.charge(other, 100);
			RequestMemory.discharge(other, 100);
			assertThat(this.budget.inUse()).isZero();
		}
		RequestMemory.charge(100);
	}

	@Test
	void heapIsChargedWithItsWeight() {
		// The budget is far larger than any heap.
		TransferBudget large = new TransferBudget(1L << 50, 1);
		assertThat(large.heapWeight()).isGreaterThan(1);
		try (RequestMemory request = large.request("a", this.root); RequestMemory.Bound bound = request.bind()) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			RequestMemory.charge(allocator, 100);
			assertThat(large.inUse()).isEqualTo(100 * large.heapWeight());
			RequestMemory.discharge(allocator, 60);
			assertThat(large.inUse()).isEqualTo(40 * large.heapWeight());
			RequestMemory.charge(7);
			assertThat(large.inUse()).isEqualTo(40 * large.heapWeight() + 7);
		}
		assertThat(large.inUse()).isZero();
	}

	@Test
	void noUseOfARequestKeepsItsLock() throws Exception {
		RequestMemory request = this.budget.request("a", this.root);
		try (RequestMemory.Bound bound = request.bind(); Lease lease = this.budget.acquire(100, LONG)) {
			BufferAllocator allocator = RequestMemory.allocator(this.root);
			inAnotherThread(request);
			RequestMemory.charge(1);
			inAnotherThread(request);
			RequestMemory.discharge(allocator, 1);
			inAnotherThread(request);
			RequestMemory.prepay(allocator, lease, 50);
			inAnotherThread(request);
			allocator.buffer(64).close();
			inAnotherThread(request);
		}
		request.close();
		inAnotherThread(request);
		request.close();
	}

	private void inAnotherThread(RequestMemory request) throws Exception {
		CompletableFuture.runAsync(() -> {
			try (RequestMemory.Bound bound = request.bind()) {
				RequestMemory.allocator(this.root).buffer(32).close();
			}
		}, (task) -> new Thread(task).start()).get(20, TimeUnit.SECONDS);
	}

}
