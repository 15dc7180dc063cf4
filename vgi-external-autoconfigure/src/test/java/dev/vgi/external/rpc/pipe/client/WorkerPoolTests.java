package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.TransferCancelledException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Tests for {@link WorkerPool}, over connections that carry nothing.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkerPoolTests {

	private static final Duration CALL_TIMEOUT = Duration.ofMinutes(5);

	private final BufferAllocator allocator = new RootAllocator();

	private final FakePeer peer = new FakePeer(this.allocator);

	private final ManualTimer timer = new ManualTimer();

	private final Set<Thread> threads = ConcurrentHashMap.newKeySet();

	private @Nullable WorkerPool pool;

	@AfterEach
	void nothingIsLeft() {
		if (this.pool != null) {
			this.pool.close();
		}
		assertThat(this.peer.opened).allMatch((worker) -> worker.destroyed);
		assertThat(this.timer.alarms()).isZero();
		Awaitility.await().until(() -> this.threads.stream().noneMatch(Thread::isAlive));
		this.allocator.close();
	}

	@Test
	void connectionsAreOpenedWhenTheyAreNeededAndTheLastOneIsUsedAgain() {
		WorkerPool pool = pool(3, null);
		assertThat(this.peer.attempts()).isZero();
		PipeConnection first = pool.take();
		PipeConnection second = pool.take();
		assertThat(this.peer.opened).extracting((worker) -> worker.connection).containsExactly(first, second);
		pool.giveBack(first);
		pool.giveBack(second);
		assertThat(pool.take()).isSameAs(second);
		assertThat(pool.take()).isSameAs(first);
		assertThat(this.peer.attempts()).isEqualTo(2);
		giveBack(pool, first, second);
	}

	@Test
	void callsAreServedInOrder() throws Exception {
		WorkerPool pool = pool(new PoolSettings("", 1, CALL_TIMEOUT, null, 5));
		PipeConnection connection = pool.take();
		List<FutureTask<PipeConnection>> calls = new ArrayList<>();
		for (int i = 0; i < 5; i++) {
			calls.add(waitingCall(pool));
		}
		for (FutureTask<PipeConnection> call : calls) {
			assertThat(calls).filteredOn(FutureTask::isDone).hasSize(calls.indexOf(call));
			pool.giveBack(connection);
			assertThat(call.get()).isSameAs(connection);
		}
		giveBack(pool, connection);
	}

	@Test
	void tooManyWaitingCallsAreRefusedAndTheKeysAreNamed() throws Exception {
		WorkerPool pool = pool(1, null);
		PipeConnection connection = pool.take();
		FutureTask<PipeConnection> second = waitingCall(pool);
		FutureTask<PipeConnection> third = waitingCall(pool);
		assertThatExceptionOfType(ServiceUnavailableException.class).isThrownBy(pool::take)
			.withMessage("All connections to the worker 'model' are in use, and 2 calls wait for one."
					+ " Raise vgi.rpc.workers.model.size or vgi.rpc.workers.model.max-waiting");
		pool.giveBack(connection);
		pool.giveBack(second.get());
		pool.giveBack(third.get());
	}

	@Test
	void callsForWhichAConnectionIsBeingOpenedAreNotInTheWay() throws Exception {
		WorkerPool pool = pool(4, null);
		this.peer.gate = new CountDownLatch(1);
		List<FutureTask<PipeConnection>> calls = new ArrayList<>();
		for (int i = 0; i < 6; i++) {
			calls.add(waitingCall(pool));
		}
		assertThat(catchThrowable(pool::take)).hasMessageContaining("6 calls wait");
		this.peer.gate.countDown();
		for (FutureTask<PipeConnection> call : calls) {
			pool.giveBack(call.get());
		}
		assertThat(this.peer.attempts()).isEqualTo(4);
	}

	@Test
	void aCallWaitsNoLongerThanItMay() throws Exception {
		WorkerPool pool = pool(1, null);
		PipeConnection connection = pool.take();
		FutureTask<PipeConnection> call = waitingCall(pool);
		this.timer.advance(CALL_TIMEOUT.minusMillis(1));
		assertThat(call).isNotDone();
		this.timer.advance(Duration.ofMillis(1));
		assertThat(failure(call)).isInstanceOf(CallTimeoutException.class)
			.hasMessageContaining("worker 'model'")
			.hasMessageContaining("all are in use")
			.hasMessageContaining("vgi.rpc.workers.model.size")
			.hasMessageContaining("vgi.rpc.workers.model.call-timeout");
		pool.giveBack(connection);
		assertThat(pool.take()).isSameAs(connection);
		giveBack(pool, connection);
	}

	@Test
	void aConnectionThatDiedUnusedIsReplaced() {
		WorkerPool pool = pool(1, null);
		PipeConnection first = pool.take();
		pool.giveBack(first);
		this.peer.worker(first).alive = false;
		PipeConnection second = pool.take();
		assertThat(second).isNotSameAs(first);
		assertThat(this.peer.worker(first).destroyed).isTrue();
		giveBack(pool, second);
	}

	@Test
	void aConnectionThatHasServedIsReplacedAtOnce() throws Exception {
		WorkerPool pool = pool(1, null);
		PipeConnection first = pool.take();
		pool.giveBack(first);
		assertThat(pool.take()).isSameAs(first);
		first.served();
		FutureTask<PipeConnection> waiting = waitingCall(pool);
		this.peer.worker(first).alive = false;
		pool.giveBack(first);
		assertThat(waiting.get()).isSameAs(this.peer.opened.get(1).connection);
		giveBack(pool, waiting.get());
	}

	@Test
	void aConnectionThatIsGivenUpAfterAnAnswerIsReplacedAtOnce() {
		WorkerPool pool = pool(1, null);
		for (int i = 0; i < 20; i++) {
			PipeConnection connection = pool.take();
			connection.served();
			connection.destroy();
			pool.giveBack(connection);
		}
		assertThat(this.peer.attempts()).isEqualTo(20);
	}

	@Test
	void aPlaceIsFreeOnlyWhenItsConnectionHasEnded() throws Exception {
		WorkerPool pool = pool(1, null);
		PipeConnection first = pool.take();
		pool.giveBack(first);
		assertThat(pool.take()).isSameAs(first);
		first.served();
		this.peer.worker(first).alive = false;
		CountDownLatch gate = new CountDownLatch(1);
		this.peer.worker(first).gate = gate;
		pool.giveBack(first);
		FutureTask<PipeConnection> waiting = waitingCall(pool);
		assertThat(this.peer.attempts()).isEqualTo(1);
		gate.countDown();
		assertThat(waiting.get()).isNotSameAs(first);
		giveBack(pool, waiting.get());
	}

	@Test
	void aWorkerThatDiesWithEveryCallIsReplacedAfterGrowingPauses() throws Exception {
		WorkerPool pool = pool(1, null);
		Duration pause = Duration.ofMillis(100);
		PipeConnection connection = pool.take();
		for (int i = 1; i <= 12; i++) {
			this.peer.worker(connection).alive = false;
			pool.giveBack(connection);
			PipeConnection ended = connection;
			Awaitility.await().until(() -> this.peer.worker(ended).destroyed);
			FutureTask<PipeConnection> next = waitingCall(pool);
			this.timer.advance(pause.minusMillis(1));
			assertThat(this.peer.attempts()).isEqualTo(i);
			this.timer.advance(Duration.ofMillis(1));
			connection = next.get();
			pause = pause.multipliedBy(2);
			pause = (pause.getSeconds() < 30) ? pause : Duration.ofSeconds(30);
		}
		// One call that succeeds ends all that.
		pool.giveBack(connection);
		assertThat(pool.take()).isSameAs(connection);
		connection.served();
		this.peer.worker(connection).alive = false;
		pool.giveBack(connection);
		giveBack(pool, pool.take());
	}

	@Test
	void aFailedStartFailsAllThatWaitForIt() throws Exception {
		this.peer.broken = true;
		this.peer.gate = new CountDownLatch(1);
		WorkerPool pool = pool(1, null);
		List<FutureTask<PipeConnection>> calls = List.of(waitingCall(pool), waitingCall(pool), waitingCall(pool));
		this.peer.gate.countDown();
		for (FutureTask<PipeConnection> call : calls) {
			assertThat(failure(call)).isInstanceOf(WorkerFailedException.class)
				.hasMessage("start 1 failed")
				.extracting("exitCode")
				.isEqualTo(7);
		}
		assertThat(failure(calls.get(0))).isNotSameAs(failure(calls.get(1)));
	}

	@Test
	void aBrokenCommandIsTriedAfterGrowingPausesOnly() throws Exception {
		this.peer.broken = true;
		WorkerPool pool = pool(4, null);
		assertThat(catchThrowable(pool::take)).hasMessage("start 1 failed");
		FutureTask<PipeConnection> call = waitingCall(pool);
		int start = 1;
		for (long pause : new long[] { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000 }) {
			this.timer.advance(Duration.ofMillis(pause - 1));
			assertThat(this.peer.attempts()).isEqualTo(start);
			this.timer.advance(Duration.ofMillis(1));
			assertThat(failure(call)).hasMessage("start " + ++start + " failed");
			call = waitingCall(pool);
		}
		this.peer.broken = false;
		this.timer.advance(Duration.ofSeconds(30));
		giveBack(pool, call.get());
	}

	@Test
	void afterAFailureOneStartAtATimeIsTried() throws Exception {
		this.peer.broken = true;
		WorkerPool pool = pool(4, null);
		assertThat(catchThrowable(pool::take)).hasMessage("start 1 failed");
		List<FutureTask<PipeConnection>> calls = List.of(waitingCall(pool), waitingCall(pool));
		this.peer.gate = new CountDownLatch(1);
		this.timer.advance(Duration.ofMillis(100));
		Awaitility.await().until(() -> this.peer.attempts() == 2);
		this.peer.gate.countDown();
		for (FutureTask<PipeConnection> call : calls) {
			assertThat(failure(call)).hasMessage("start 2 failed");
		}
	}

	@Test
	void aCallThatSucceedsEndsThePauseForAllThatWait() throws Exception {
		WorkerPool pool = pool(2, null);
		PipeConnection first = pool.take();
		this.peer.broken = true;
		FutureTask<PipeConnection> second = waitingCall(pool);
		Awaitility.await().until(() -> this.timer.alarms() == 2);
		this.peer.broken = false;
		FutureTask<PipeConnection> third = waitingCall(pool);
		pool.giveBack(first);
		giveBack(pool, second.get(), third.get());
		assertThat(this.peer.attempts()).isEqualTo(3);
	}

	@Test
	void aCallWithoutTimeForThePauseGetsTheLastFailure() {
		this.peer.broken = true;
		WorkerPool pool = pool(new PoolSettings("", 1, Duration.ofMillis(50), null, 2));
		assertThat(catchThrowable(pool::take)).hasMessage("start 1 failed");
		assertThat(catchThrowable(pool::take)).hasMessage("start 1 failed");
		assertThat(this.peer.attempts()).isEqualTo(1);
	}

	@Test
	void anInterruptedCallLeavesTheStartToTheNextOne() throws Exception {
		this.peer.gate = new CountDownLatch(1);
		WorkerPool pool = pool(1, null);
		FutureTask<PipeConnection> call = new FutureTask<>(pool::take);
		Thread caller = new Thread(call);
		caller.start();
		Awaitility.await().until(() -> this.timer.alarms() == 1);
		caller.interrupt();
		assertThat(failure(call)).isInstanceOf(TransferCancelledException.class);
		this.peer.gate.countDown();
		giveBack(pool, pool.take());
		assertThat(this.peer.attempts()).isEqualTo(1);
	}

	@Test
	void unusedConnectionsAreEndedAfterAWhile() {
		WorkerPool pool = pool(2, Duration.ofMinutes(1));
		PipeConnection first = pool.take();
		PipeConnection second = pool.take();
		pool.giveBack(first);
		this.timer.advance(Duration.ofSeconds(30));
		pool.giveBack(second);
		this.timer.advance(Duration.ofSeconds(30));
		Awaitility.await().until(() -> this.peer.worker(first).destroyed);
		assertThat(this.peer.worker(second).destroyed).isFalse();
		assertThat(pool.take()).isSameAs(second);
		this.timer.advance(Duration.ofMinutes(5));
		assertThat(this.peer.worker(second).destroyed).isFalse();
		pool.giveBack(second);
		this.timer.advance(Duration.ofMinutes(1));
		Awaitility.await().until(() -> this.peer.worker(second).destroyed);
		giveBack(pool, pool.take());
	}

	@Test
	void allConnectionsAreOpenedAtOnceIfAsked() {
		WorkerPool pool = pool(3, null);
		pool.openAll();
		assertThat(this.peer.opened).hasSize(3);
		pool.openAll();
		assertThat(this.peer.opened).hasSize(3);
	}

	@Test
	void openingAllFailsWithTheFirstFailure() {
		this.peer.broken = true;
		WorkerPool pool = pool(3, null);
		assertThat(catchThrowable(pool::openAll)).isInstanceOf(WorkerFailedException.class);
	}

	@Test
	void closeFailsWhatWaitsAndEndsWhatRuns() throws Exception {
		WorkerPool pool = pool(2, null);
		PipeConnection running = pool.take();
		PipeConnection unused = pool.take();
		FutureTask<PipeConnection> waiting = waitingCall(pool);
		CountDownLatch gate = new CountDownLatch(1);
		this.peer.worker(running).gate = gate;
		this.peer.worker(unused).gate = gate;
		FutureTask<Void> close = new FutureTask<>(pool::close, null);
		new Thread(close).start();
		assertThat(failure(waiting)).isInstanceOf(ServiceUnavailableException.class)
			.hasMessageContaining("worker 'model' is closed");
		assertThat(close).isNotDone();
		gate.countDown();
		// The running call notices.
		Awaitility.await().until(() -> this.peer.worker(running).destroyed);
		pool.giveBack(running);
		pool.giveBack(unused);
		close.get();
		assertThat(this.peer.worker(unused).destroyed).isTrue();
		assertThat(catchThrowable(pool::take)).hasMessageContaining("is closed");
		assertThat(catchThrowable(pool::openAll)).hasMessageContaining("is closed");
	}

	@Test
	void closeInterruptsAStart() throws Exception {
		this.peer.gate = new CountDownLatch(1);
		WorkerPool pool = pool(1, null);
		FutureTask<PipeConnection> waiting = waitingCall(pool);
		Awaitility.await().until(() -> this.peer.attempts() == 1);
		pool.close();
		assertThat(failure(waiting)).hasMessageContaining("is closed");
	}

	@Test
	void manyThreadsUseAllConnectionsAndEachOneAlone() throws Exception {
		WorkerPool pool = pool(new PoolSettings("", 4, CALL_TIMEOUT, null, 64));
		Map<PipeConnection, Thread> users = new ConcurrentHashMap<>();
		AtomicInteger calls = new AtomicInteger();
		List<FutureTask<Void>> tasks = new ArrayList<>();
		for (int i = 0; i < 64; i++) {
			tasks.add(start(() -> {
				for (int call = 0; call < 200; call++) {
					PipeConnection connection = pool.take();
					assertThat(users.put(connection, Thread.currentThread())).isNull();
					Thread.yield();
					users.remove(connection);
					// Otherwise a pause begins, which never ends here.
					connection.served();
					if (calls.incrementAndGet() % 100 == 0) {
						this.peer.worker(connection).alive = false;
					}
					pool.giveBack(connection);
				}
				return null;
			}));
		}
		for (FutureTask<Void> task : tasks) {
			task.get();
		}
		assertThat(calls).hasValue(64 * 200);
		assertThat(this.peer.opened).filteredOn((worker) -> !worker.alive).hasSize(128);
	}

	private WorkerPool pool(int size, @Nullable Duration idleTimeout) {
		return pool(new PoolSettings("vgi.rpc.workers.model.", size, CALL_TIMEOUT, idleTimeout, 2));
	}

	private WorkerPool pool(PoolSettings settings) {
		WorkerPool pool = new WorkerPool(this.peer, settings, this.timer, (task) -> {
			Thread thread = TransferThreads.platform().named("worker").newThread(task);
			this.threads.add(thread);
			return thread;
		});
		this.pool = pool;
		return pool;
	}

	private FutureTask<PipeConnection> waitingCall(WorkerPool pool) {
		int alarms = this.timer.alarms();
		FutureTask<PipeConnection> call = start(pool::take);
		Awaitility.await()
			.pollInterval(Duration.ofMillis(1))
			.until(() -> this.timer.alarms() > alarms || call.isDone());
		return call;
	}

	private static <T> FutureTask<T> start(Callable<T> work) {
		FutureTask<T> task = new FutureTask<>(work);
		new Thread(task).start();
		return task;
	}

	private static Throwable failure(FutureTask<?> task) {
		return Objects.requireNonNull(catchThrowable(task::get).getCause());
	}

	private static void giveBack(WorkerPool pool, PipeConnection... connections) {
		for (PipeConnection connection : connections) {
			pool.giveBack(connection);
		}
	}

}
