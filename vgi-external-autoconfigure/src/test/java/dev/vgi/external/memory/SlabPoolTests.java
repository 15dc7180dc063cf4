package dev.vgi.external.memory;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget.Lease;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

class SlabPoolTests {

	private final AtomicLong now = new AtomicLong();

	private final List<Runnable> later = new ArrayList<>();

	private final SlabPool pool = new SlabPool(10 << 20, Duration.ofNanos(100), this.now::get, this.later::add);

	private final RootAllocator allocator = new RootAllocator();

	private final Lease lease = new TransferBudget(1 << 20, 1).acquire(100_000, Duration.ZERO);

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
		assertThat(this.pool.leasedSlabs()).isZero();
		assertThat(this.pool.leasedBytes()).isZero();
		this.pool.close();
		assertThat(this.pool.idleBytes()).isZero();
	}

	@Test
	void sizeClassesWasteLittle() {
		assertThat(SlabPool.sizeClass(1)).isEqualTo(512);
		assertThat(SlabPool.sizeClass(65536)).isEqualTo(65536);
		assertThat(SlabPool.sizeClass(1 << 20)).isEqualTo(1 << 20);
		for (long bytes = 513; bytes < (1L << 40); bytes = bytes * 5 / 3) {
			assertThat(SlabPool.sizeClass(bytes)).isBetween(bytes, bytes + bytes / 16 + 1);
		}
	}

	@Test
	void memoryIsUsedAgain() {
		Slab first = this.pool.acquire(1_000_000);
		first.window(0, 8).putLong(42);
		assertThat(this.pool.leasedBytes()).isEqualTo(first.capacity());
		first.close();
		first.close();
		assertThat(this.pool.idleBytes()).isEqualTo(first.capacity());
		Slab second = this.pool.acquire(900_000);
		assertThat(second.window(0, 8).getLong()).isEqualTo(42);
		assertThat(this.pool.idleBytes()).isZero();
		second.close();
		// A small object does not pin a large slab.
		try (Slab small = this.pool.acquire(100)) {
			assertThat(small.capacity()).isEqualTo(512);
		}
	}

	@Test
	void idleBytesAreCappedOldestFirst() {
		Slab large = this.pool.acquire(6 << 20);
		Slab other = this.pool.acquire(5 << 20);
		Slab huge = this.pool.acquire(11 << 20);
		large.close();
		this.now.set(1);
		other.close();
		huge.close();
		assertThat(this.pool.idleBytes()).isEqualTo(5 << 20);
	}

	@Test
	void idleMemoryIsReleasedAfterItsTime() {
		this.pool.acquire(100).close();
		assertThat(this.later).hasSize(1);
		this.now.set(50);
		this.pool.acquire(1 << 20).close();
		assertThat(this.later).hasSize(1);
		this.now.set(100);
		this.later.remove(0).run();
		assertThat(this.pool.idleBytes()).isEqualTo(1 << 20);
		this.now.set(200);
		this.later.remove(0).run();
		assertThat(this.pool.idleBytes()).isZero();
		assertThat(this.later).isEmpty();
	}

	@Test
	void arrowBufferOwnsTheSlab() {
		Slab slab = this.pool.acquire(100_000);
		slab.window(0, 8).putLong(7);
		ArrowBuf buffer = slab.handOver(this.allocator, 80_000, this.lease);
		slab.close();
		assertThat(buffer.capacity()).isEqualTo(80_000);
		assertThat(this.allocator.getAllocatedMemory()).isEqualTo(80_000);
		assertThat(this.pool.leasedSlabs()).isEqualTo(1);
		ArrowBuf slice = buffer.slice(0, 8);
		slice.getReferenceManager().retain();
		buffer.close();
		assertThat(this.pool.leasedSlabs()).isEqualTo(1);
		assertThat(slice.nioBuffer(0, 8).order(java.nio.ByteOrder.BIG_ENDIAN).getLong()).isEqualTo(7);
		slice.close();
		assertThat(this.pool.leasedSlabs()).isZero();
		assertThatIllegalStateException().isThrownBy(() -> slab.window(0, 1));
	}

	@Test
	void arrowBufferOwnsTheWholeSlabBeforeItIsWritten() {
		Slab slab = this.pool.acquire(100_000);
		ArrowBuf buffer = slab.handOver(this.allocator);
		slab.close();
		assertThat(buffer.capacity()).isEqualTo(slab.capacity());
		assertThat(this.allocator.getAllocatedMemory()).isEqualTo(slab.capacity());
		assertThat(this.pool.leasedSlabs()).isOne();
		buffer.close();
		assertThat(this.pool.leasedSlabs()).isZero();
	}

	@Test
	void whenTheAllocatorRefusesTheCallerStillOwnsTheSlab() {
		try (BufferAllocator small = this.allocator.newChildAllocator("small", 0, 1000);
				Slab slab = this.pool.acquire(2000)) {
			assertThatExceptionOfType(OutOfMemoryException.class)
				.isThrownBy(() -> slab.handOver(small, 2000, this.lease));
			assertThatExceptionOfType(OutOfMemoryException.class).isThrownBy(() -> slab.handOver(small));
			assertThat(this.pool.leasedSlabs()).isEqualTo(1);
			slab.window(0, 1).put((byte) 1);
		}
	}

	@Test
	void windowsStayInside() {
		try (Slab slab = this.pool.acquire(100)) {
			assertThat(slab.window(511, 1).capacity()).isEqualTo(1);
			assertThatIllegalArgumentException().isThrownBy(() -> slab.window(511, 2));
			assertThatIllegalArgumentException().isThrownBy(() -> slab.window(-1, 1));
			assertThatIllegalArgumentException().isThrownBy(() -> slab.window(Long.MAX_VALUE, 1));
		}
	}

	@Test
	void closedPoolKeepsNothing() {
		Slab slab = this.pool.acquire(100);
		this.pool.close();
		slab.close();
		assertThat(this.pool.idleBytes()).isZero();
		assertThatIllegalStateException().isThrownBy(() -> this.pool.acquire(1));
	}

}
