package dev.vgi.external.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.memory.SlabPool.Slab;
import dev.vgi.external.memory.TransferBudget.Lease;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * The limits of slabs and of their pool, each with its neighbours.
 */
class SlabTests {

	private static final long GB = 1L << 30;

	private final AtomicLong now = new AtomicLong();

	private final List<Runnable> later = new ArrayList<>();

	private SlabPool pool(long maxIdleBytes) {
		return new SlabPool(maxIdleBytes, Duration.ofNanos(100), this.now::get, this.later::add);
	}

	@Test
	void sizeClassesAreASixteenthApartAndLargeOnesASixtyFourth() {
		assertThat(SlabPool.sizeClass(511)).isEqualTo(512);
		assertThat(SlabPool.sizeClass(512)).isEqualTo(512);
		assertThat(SlabPool.sizeClass(513)).isEqualTo(512 + 32);
		assertThat(SlabPool.sizeClass(1023)).isEqualTo(1024);
		assertThat(SlabPool.sizeClass(1025)).isEqualTo(1024 + 64);
		assertThat(SlabPool.sizeClass((1 << 23) + 1)).isEqualTo((1 << 23) + (1 << 19));
		assertThat(SlabPool.sizeClass(1 << 24)).isEqualTo(1 << 24);
		assertThat(SlabPool.sizeClass((1 << 24) + 1)).isEqualTo((1 << 24) + (1 << 18));
	}

	@Test
	void aPoolNeedsItsLimits() {
		assertThatNoException().isThrownBy(() -> pool(0));
		assertThatIllegalArgumentException().isThrownBy(() -> pool(-1)).withMessageContaining("maxIdleBytes");
		for (Duration time : new Duration[] { Duration.ZERO, Duration.ofNanos(-1) }) {
			assertThatIllegalArgumentException().isThrownBy(() -> new SlabPool(1, time))
				.withMessageContaining("maxIdleTime");
		}
		assertThatIllegalArgumentException().isThrownBy(() -> pool(0).acquire(0)).withMessageContaining("positive");
	}

	@Test
	void aSlabUpToAQuarterLargerIsUsedAgain() {
		SlabPool pool = pool(1 << 20);
		pool.acquire(1280).close();
		try (Slab fits = pool.acquire(1024)) {
			assertThat(fits.capacity()).isEqualTo(1280);
			assertThat(pool.leasedBytes()).isEqualTo(1280);
			assertThat(pool.leasedSlabs()).isOne();
			assertThat(pool.idleBytes()).isZero();
		}
		pool.acquire(1344).close();
		try (Slab first = pool.acquire(1280); Slab second = pool.acquire(1024)) {
			assertThat(first.capacity()).isEqualTo(1280);
			assertThat(second.capacity()).isEqualTo(1024);
			assertThat(pool.idleBytes()).isEqualTo(1344);
			assertThat(pool.leasedBytes()).isEqualTo(1280 + 1024);
		}
		pool.close();
	}

	@Test
	void whatWasUsedLastIsUsedNext() {
		SlabPool pool = pool(1 << 20);
		Slab first = pool.acquire(1024);
		Slab second = pool.acquire(1024);
		first.window(0, 8).putLong(1);
		second.window(0, 8).putLong(2);
		first.close();
		second.close();
		try (Slab last = pool.acquire(1024); Slab other = pool.acquire(1024)) {
			assertThat(last.window(0, 8).getLong()).isEqualTo(2);
			assertThat(other.window(0, 8).getLong()).isOne();
		}
		pool.close();
	}

	@Test
	void asMuchAsThePoolMayKeepIsKept() {
		SlabPool pool = pool(1024);
		Slab whole = pool.acquire(1024);
		Slab half = pool.acquire(512);
		whole.close();
		assertThat(pool.idleBytes()).isEqualTo(1024);
		half.close();
		assertThat(pool.idleBytes()).isEqualTo(512);
		try (Slab other = pool.acquire(512)) {
			pool.acquire(512).close();
			other.close();
			assertThat(pool.idleBytes()).isEqualTo(1024);
		}
		pool.close();
	}

	@Test
	void theOldestGivesWayWhateverItsSize() {
		for (int oldest : new int[] { 0, 1, 2 }) {
			SlabPool pool = pool(512 + 1024 + 2048);
			List<Slab> slabs = List.of(pool.acquire(512), pool.acquire(1024), pool.acquire(2048));
			// The clock runs over in between.
			this.now.set(Long.MAX_VALUE);
			slabs.get(oldest).close();
			this.now.set(Long.MIN_VALUE + 5);
			slabs.forEach(Slab::close);
			pool.acquire(600).close();
			assertThat(pool.idleBytes()).as("without %d", slabs.get(oldest).capacity())
				.isEqualTo(512 + 1024 + 2048 + SlabPool.sizeClass(600) - slabs.get(oldest).capacity()
						- ((oldest == 0) ? 1024 : 0));
			pool.close();
		}
	}

	@Test
	void windowsMayBeEmptyButNotNegative() {
		SlabPool pool = pool(0);
		try (Slab slab = pool.acquire(512)) {
			slab.window(0, 512).put(7, (byte) 9);
			assertThat(slab.window(7, 1).get(0)).isEqualTo((byte) 9);
			assertThat(slab.window(0, 0).capacity()).isZero();
			assertThat(slab.window(512, 0).capacity()).isZero();
			assertThatIllegalArgumentException().isThrownBy(() -> slab.window(0, -1));
			assertThatIllegalArgumentException().isThrownBy(() -> slab.window(0, 513));
		}
	}

	@Test
	void aSlabIsCopiedUpToTheSmallerOne() {
		SlabPool pool = pool(0);
		try (Slab source = pool.acquire(512); Slab target = pool.acquire(1024)) {
			source.window(0, 16).putLong(11).putLong(22);
			target.window(0, 16).putLong(33).putLong(44);
			target.copyFrom(source, 8);
			assertThat(target.window(0, 8).getLong()).isEqualTo(11);
			assertThat(target.window(8, 8).getLong()).isEqualTo(44);
			target.copyFrom(source, 512);
			assertThat(target.window(8, 8).getLong()).isEqualTo(22);
			assertThatIllegalArgumentException().isThrownBy(() -> target.copyFrom(source, 513));
			assertThatIllegalArgumentException().isThrownBy(() -> source.copyFrom(target, 513));
		}
	}

	@Test
	void aSlabIsHandedOverOnceAndNotWhenClosed() {
		SlabPool pool = pool(0);
		try (RootAllocator allocator = new RootAllocator();
				Lease lease = new TransferBudget(1 << 20, 1).acquire(1024, Duration.ZERO)) {
			Slab slab = pool.acquire(512);
			assertThatIllegalArgumentException().isThrownBy(() -> slab.handOver(allocator, 513, lease));
			try (ArrowBuf buffer = slab.handOver(allocator, 512, lease)) {
				assertThat(buffer.capacity()).isEqualTo(512);
				assertThatIllegalStateException().isThrownBy(() -> slab.handOver(allocator, 1, lease));
				assertThatIllegalStateException().isThrownBy(() -> slab.handOver(allocator));
				assertThatIllegalStateException().isThrownBy(() -> slab.window(0, 1));
			}
			Slab closed = pool.acquire(512);
			closed.close();
			assertThatIllegalStateException().isThrownBy(() -> closed.handOver(allocator));
			assertThatIllegalStateException().isThrownBy(() -> closed.handOver(allocator, 1, lease));
			assertThatIllegalStateException().isThrownBy(() -> closed.window(0, 1));
		}
		assertThat(pool.leasedSlabs()).isZero();
	}

	/** The first number is that of the pages of the process, whether touched or not. */
	private static long addressSpace() throws IOException {
		return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[0]) * 4096;
	}

	@Test
	@EnabledOnOs(OS.LINUX)
	void memoryGoesBackToTheSystem() throws IOException {
		long before = addressSpace();
		for (int i = 0; i < 4; i++) {
			pool(0).acquire(GB).close();
			SlabPool closed = pool(2 * GB);
			closed.acquire(GB).close();
			closed.close();
			closed.close();
			SlabPool trimmed = pool(2 * GB);
			trimmed.acquire(GB).close();
			this.now.addAndGet(100);
			this.later.forEach(Runnable::run);
			this.later.clear();
			assertThat(trimmed.idleBytes()).isZero();
		}
		assertThat(addressSpace()).isLessThan(before + 2 * GB);
	}

}
