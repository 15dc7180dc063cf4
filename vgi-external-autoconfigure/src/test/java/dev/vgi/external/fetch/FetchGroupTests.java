package dev.vgi.external.fetch;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.TransferCancelledException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link FetchGroup}: four connections, 1000 KB ahead (1125 KB at most), 10 MB
 * of memory.
 */
class FetchGroupTests {

	private static final long KB = 1024;

	private final TransferBudget budget = new TransferBudget(10_000 * KB, 4);

	private final AtomicInteger changes = new AtomicInteger();

	private final FetchConfig config = FetchConfig.defaults()
		.withMaxParallelRequests(4)
		.withPrefetchSize(1000 * KB)
		.withParallelThreshold(800 * KB);

	private final FetchGroup group = new FetchGroup(this.config, this.budget, this.changes::incrementAndGet);

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.budget.inUse()).isZero();
	}

	private FetchMember started(long size) {
		FetchMember member = this.group.add(0);
		assertThat(member.start()).isTrue();
		member.open();
		sized(member, size);
		return member;
	}

	private void sized(FetchMember member, long size) {
		Lease lease = member.takeReserved();
		member.sized(size, TransferTrace.none());
		if (lease == null) {
			lease = this.budget.tryAcquire(size);
		}
		assertThat(lease).isNotNull();
		lease.close();
		member.reserved(size);
	}

	@Test
	void membersAreNumberedForListeners() {
		assertThat(this.group.add(0).segment()).isOne();
		FetchMember second = this.group.add(0);
		assertThat(second.segment()).isEqualTo(2);
		second.remove();
		assertThat(this.group.add(0).segment()).isEqualTo(3);
		assertThat(FetchShare.ALONE.segment()).isZero();
	}

	@Test
	void secondOneWaitsUntilTheSizeOfTheFirstIsKnown() {
		FetchMember first = this.group.add(0);
		FetchMember second = this.group.add(0);
		assertThat(second.start()).isFalse();
		assertThat(first.start()).isTrue();
		assertThat(second.start()).isFalse();
		first.sized(100 * KB, TransferTrace.none());
		assertThat(second.start()).isFalse();
		first.reserved(100 * KB);
		assertThat(this.changes).hasPositiveValue();
		assertThat(second.start()).isTrue();
		assertThat(this.budget.inUse()).isEqualTo(100 * KB);
		second.remove();
		first.remove();
	}

	@Test
	void bytesAheadAndConnectionsBoundHowManyStart() {
		FetchMember first = started(300 * KB);
		FetchMember second = this.group.add(0);
		FetchMember third = this.group.add(0);
		FetchMember fourth = this.group.add(0);
		assertThat(second.start()).isTrue();
		assertThat(third.start()).isTrue();
		assertThat(fourth.start()).isFalse();
		first.remove();
		assertThat(fourth.start()).isTrue();
		assertThat(this.group.peak()).isEqualTo(900 * KB);
		second.remove();
		third.remove();
		fourth.remove();
	}

	@Test
	void nobodyIsOvertaken() {
		FetchMember first = started(600 * KB);
		FetchMember large = this.group.add(0);
		FetchMember small = this.group.add(0);
		assertThat(large.start()).isFalse();
		first.sized(100 * KB, TransferTrace.none());
		assertThat(large.start()).isTrue();
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> large.sized(1050 * KB, TransferTrace.none()));
		assertThat(large.givesWay()).isTrue();
		large.restart();
		assertThat(small.start()).isFalse();
		first.remove();
		assertThat(large.start()).isTrue();
		large.remove();
		small.remove();
	}

	@Test
	void youngestGiveWayToTheOldestOnly() throws Exception {
		FetchMember first = started(100 * KB);
		FetchMember second = this.group.add(0);
		FetchMember third = this.group.add(0);
		assertThat(second.start()).isTrue();
		assertThat(third.start()).isTrue();
		int before = this.changes.get();
		CompletableFuture<Void> sized = CompletableFuture.runAsync(() -> first.sized(950 * KB, TransferTrace.none()));
		while (this.changes.get() == before) {
			Thread.onSpinWait();
		}
		assertThat(second.isEvicted()).isFalse();
		assertThat(third.isEvicted()).isTrue();
		assertThat(sized).isNotDone();
		FetchMember fourth = this.group.add(0);
		fourth.size = 10 * KB;
		assertThat(fourth.start()).isFalse();
		third.restart();
		sized.get(20, TimeUnit.SECONDS);
		assertThat(this.group.peak()).isEqualTo(1050 * KB);
		assertThat(fourth.start()).isFalse();
		fourth.remove();
		first.remove();
		second.remove();
		third.remove();
	}

	@Test
	void lackOfMemoryIsFinalOnlyIfNoOtherHoldsAny() {
		FetchMember first = started(100 * KB);
		FetchMember second = this.group.add(0);
		assertThat(second.start()).isTrue();
		assertThat(second.giveWay()).isTrue();
		second.restart();
		assertThat(second.start()).isFalse();
		FetchMember third = this.group.add(0);
		assertThat(third.start()).isFalse();
		assertThat(first.giveWay()).isFalse();
		first.remove();
		assertThat(second.start()).isTrue();
		assertThat(second.giveWay()).isFalse();
		second.remove();
		third.remove();
	}

	@Test
	void connectionGoesToTheOldestThatWaitsForOne() {
		FetchMember first = started(100 * KB);
		FetchMember second = started(100 * KB);
		AtomicInteger told = new AtomicInteger();
		assertThat(first.tryConnect(told::incrementAndGet)).isTrue();
		assertThat(second.tryConnect(told::incrementAndGet)).isTrue();
		assertThat(first.tryConnect(told::incrementAndGet)).isFalse();
		second.disconnect();
		assertThat(told).hasValue(1);
		assertThat(second.tryConnect(told::incrementAndGet)).isFalse();
		assertThat(first.tryConnect(told::incrementAndGet)).isTrue();
		first.disconnect();
		assertThat(second.tryConnect(told::incrementAndGet)).isTrue();
		second.remove();
		first.remove();
	}

	@Test
	void lastConnectionIsKeptForTheNextRequest() {
		FetchMember first = started(100 * KB);
		first.disconnect();
		FetchMember second = started(100 * KB);
		while (second.tryConnect(() -> {
		})) {
			continue;
		}
		assertThat(first.tryConnect(() -> {
		})).isTrue();
		first.remove();
		second.remove();
	}

	@Test
	void connectionsAreDividedAmongThoseThatFitIfTogetherTheyAreLarge() {
		FetchMember first = started(300 * KB);
		assertThat(first.connectionsFor(300 * KB, this.config)).isZero();
		FetchMember second = this.group.add(0);
		FetchMember third = this.group.add(0);
		assertThat(first.connectionsFor(300 * KB, this.config)).isEqualTo(2);
		second.remove();
		assertThat(first.connectionsFor(300 * KB, this.config)).isZero();
		assertThat(first.connectionsFor(800 * KB, this.config)).isEqualTo(2);
		third.remove();
		assertThat(first.connectionsFor(800 * KB, this.config)).isEqualTo(4);
		first.remove();
		FetchMember small = started(100 * KB);
		for (int i = 0; i < 10; i++) {
			this.group.add(0);
		}
		assertThat(small.connectionsFor(100 * KB, this.config)).isZero();
		small.remove();
	}

	@Test
	void unknownSizesBoundHowMuchIsRead() {
		for (int i = 0; i < 4; i++) {
			assertThat(this.group.hasRoom()).isTrue();
			this.group.add(0);
		}
		assertThat(this.group.hasRoom()).isFalse();
	}

	@Test
	void heapBoundsHowMuchIsRead() {
		for (int i = 0; i < 10; i++) {
			assertThat(this.group.hasRoom()).isTrue();
			this.group.addPresent(0, 100 * KB);
		}
		assertThat(this.group.hasRoom()).isFalse();
	}

	@Test
	void numberBoundsHowManyEmptyOnesAreRead() {
		for (int i = 0; i < 1000; i++) {
			assertThat(this.group.hasRoom()).isTrue();
			this.group.addPresent(0, 0);
		}
		assertThat(this.group.hasRoom()).isFalse();
	}

	@Test
	void resultCountsWithWhatItsBuffersWereDecodedTo() {
		FetchMember small = started(100 * KB);
		FetchMember second = this.group.add(0);
		small.fetched(this.budget.acquire(1, Duration.ZERO));
		small.complete(1100 * KB);
		assertThat(second.start()).isFalse();
		small.remove();
		assertThat(second.start()).isTrue();
		second.remove();
		assertThat(this.group.hasRoom()).isTrue();
	}

}
