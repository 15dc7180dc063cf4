package dev.vgi.external.memory;

import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.memory.WaitingLine.Caller;
import dev.vgi.external.memory.WaitingLine.Waiter;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class WaitingLineTests {

	private final RootAllocator root = new RootAllocator();

	private final TransferBudget budget = new TransferBudget(1000, 10);

	private final ReentrantLock lock = new ReentrantLock();

	private final WaitingLine line = new WaitingLine(100);

	@AfterEach
	void nothingIsLeft() {
		this.root.close();
	}

	private Caller caller(String name) {
		return this.line.caller(this.budget.request(name, this.root));
	}

	private Waiter join(Caller caller, long bytes) {
		// As the accounts do, and never given back: nobody else is here.
		this.lock.lock();
		return this.line.join(caller, bytes, this.lock.newCondition());
	}

	@Test
	void requestsOfOneCallerCountTogether() {
		assertThat(caller("a")).isSameAs(caller("a")).isNotSameAs(caller("b"));
		assertThat(this.line.caller(null)).isSameAs(this.line.caller(null)).isNotSameAs(caller("a"));
		assertThat(this.line.callers()).isEqualTo(3);
	}

	@Test
	void aCallerHasALimitAndNobodyHasNone() {
		Caller caller = caller("a");
		assertThat(caller.mayHold(100)).isTrue();
		assertThat(caller.mayHold(101)).isFalse();
		caller.hold(40);
		assertThat(caller.mayHold(60)).isTrue();
		assertThat(caller.mayHold(61)).isFalse();
		assertThat(this.line.caller(null).mayHold(Long.MAX_VALUE)).isTrue();
	}

	@Test
	void aCallerIsForgottenWhenItNeitherHoldsNorWaits() {
		Caller caller = caller("a");
		caller.hold(1);
		this.line.forget(caller);
		assertThat(caller("a")).isSameAs(caller);
		caller.hold(-1);
		Waiter waiter = join(caller, 5);
		this.line.forget(caller);
		assertThat(caller("a")).isSameAs(caller);
		this.line.leave(waiter);
		assertThat(this.line.callers()).isZero();
		assertThat(this.line.length()).isZero();
	}

	@Test
	void whoCameFirstIsNextWhateverTheName() {
		for (List<String> names : List.of(List.of("a", "b", "c"), List.of("c", "b", "a"))) {
			List<Waiter> waiters = names.stream().map((name) -> join(caller(name), 1)).toList();
			for (Waiter waiter : waiters) {
				assertThat(this.line.next()).isSameAs(waiter);
				assertThat(waiter.isWaiting()).isTrue();
				this.line.admit(waiter);
				assertThat(waiter.isAdmitted()).isTrue();
				assertThat(waiter.isWaiting()).isFalse();
				this.line.leave(waiter);
			}
			assertThat(this.line.next()).isNull();
			assertThat(this.line.length()).isZero();
		}
	}

	@Test
	void whoHoldsLeastIsNext() {
		for (List<String> names : List.of(List.of("a", "b"), List.of("b", "a"))) {
			Caller rich = caller(names.get(0));
			rich.hold(2);
			Caller poor = caller(names.get(1));
			poor.hold(1);
			Waiter first = join(rich, 10);
			Waiter second = join(poor, 10);
			assertThat(this.line.next()).isSameAs(second);
			assertThat(second.bytes()).isEqualTo(10);
			assertThat(second.caller()).isSameAs(poor);
			rich.hold(-2);
			poor.hold(-1);
			this.line.leave(first);
			this.line.leave(second);
		}
	}

	@Test
	void aCallerAtItsLimitIsPassedBy() {
		Caller full = caller("a");
		full.hold(95);
		join(full, 6);
		assertThat(this.line.next()).isNull();
		Caller other = caller("b");
		other.hold(99);
		Waiter waiter = join(other, 1);
		assertThat(this.line.next()).isSameAs(waiter);
	}

	@Test
	void theLastOfTheLongestGivesWayToACallerWithFewer() {
		Waiter first = join(caller("a"), 1);
		Waiter last = join(caller("a"), 1);
		Waiter other = join(caller("b"), 1);
		assertThat(this.line.displaceFor(other)).isTrue();
		assertThat(last.isWaiting()).isFalse();
		assertThat(last.isAdmitted()).isFalse();
		assertThat(first.isWaiting()).isTrue();
		assertThat(this.line.length()).isEqualTo(2);
		// It has left already.
		this.line.leave(last);
		assertThat(this.line.length()).isEqualTo(2);
		assertThat(this.line.displaceFor(other)).isFalse();
		assertThat(this.line.displaceFor(first)).isFalse();
	}

}
