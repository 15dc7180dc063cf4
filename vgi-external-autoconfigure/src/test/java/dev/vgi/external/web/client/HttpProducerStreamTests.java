package dev.vgi.external.web.client;

import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.ProducerCall;
import dev.vgi.external.call.ServiceUnavailableException;
import dev.vgi.external.location.SchemaMismatchException;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.web.client.ScriptedService.Reply;
import org.apache.arrow.memory.ArrowBuf;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

import org.springframework.http.client.HttpComponentsClientHttpRequestFactory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ProducerCall} over HTTP.
 */
class HttpProducerStreamTests extends AbstractClientTests {

	private static final String INIT = "/produce/init";

	private static final String TURN = "/produce/exchange";

	private static final Reply CANCELLED = Reply.arrow(ArrowBodies.stream());

	@Test
	void followsTheTokensToTheEnd() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(2), ArrowBodies.token("b"))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(3))));
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(stream.takeHeader()).isNull();
			assertThat(drain(stream)).containsExactly(1L, 2L, 3L);
			assertThat(stream.next()).isNull();
		}
		assertThat(cursors(TURN)).containsExactly("a", "b");
		assertThat(this.service.requests().subList(1, 3)).allSatisfy((turn) -> {
			assertThat(turn.metadata().get(MetadataKeys.CALL_STATE)).isEqualTo("call");
			assertThat(turn.metadata().contains(MetadataKeys.METHOD)).isFalse();
			assertThat(turn.rows()).isZero();
			assertThat(turn.headers().getFirst("Content-Type")).isEqualTo(ScriptedService.ARROW);
		});
		assertThat(this.context.inlineBytesSent()).isPositive();
		assertThat(this.context.inlineBytesReceived()).isPositive();
		assertThat(this.context.externalBytesReceived()).isZero();
	}

	@Test
	void everyTurnGoesByTheIdentifierOfTheOpening() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(2))));
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, "produce").with(MetadataKeys.REQUEST_ID, "id-1");
		try (AnnotatedBatch request = ArrowBodies.values(this.allocator, metadata, 1);
				ProducerCall stream = client().build().openProducer(request, false, this.context)) {
			drain(stream);
		}
		assertThat(this.service.requests()).hasSize(2)
			.allSatisfy((sent) -> assertThat(sent.headers().getFirst("X-Request-ID")).isEqualTo("id-1"));
	}

	@Test
	void whenStreamIsEmptyThereIsNothingToCancel() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream()));
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(stream.next()).isNull();
		}
		assertThat(this.service.paths()).containsExactly(INIT);
	}

	@Test
	void whenOneResponseHasSeveralBatchesAllAreTaken() {
		this.service.on(INIT, Reply
			.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.data(2), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(3), ArrowBodies.data(4))));
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(drain(stream)).containsExactly(1L, 2L, 3L, 4L);
		}
	}

	@Test
	void whenTurnHasNoBatchTheNextIsMade() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.log("waiting"), ArrowBodies.token("b"))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1))));
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(drain(stream)).containsExactly(1L);
		}
		assertThat(messages()).containsExactly("waiting");
	}

	@Test
	void whenServiceNeverGivesABatchItIsNotFollowedForEver() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.tokens("a", "call"))));
		Reply nothing = Reply.arrow(ArrowBodies.stream(ArrowBodies.token("a")));
		this.service.on(TURN, Collections.nCopies(1000, nothing).toArray(Reply[]::new));
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(stream::next)
				.withMessageContaining("1000 times");
			assertThat(stream.next()).isNull();
		}
	}

	@Test
	void logsComeWithTheBatchTheyStandBefore() {
		this.service.on(INIT, Reply
			.arrow(ArrowBodies.stream(ArrowBodies.log("one"), ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.log("two"), ArrowBodies.data(2))));
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			assertThat(messages()).containsExactly("one");
			assertThat(values(stream.next())).containsExactly(2L);
			assertThat(messages()).containsExactly("one", "two");
		}
	}

	@Test
	void whenServiceFailsMidStreamEarlierBatchesAreReturned() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply
			.arrow(ArrowBodies.stream(ArrowBodies.data(2), ArrowBodies.error("RuntimeError", "broken", "some_kind"))));
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			assertThat(values(stream.next())).containsExactly(2L);
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(stream::next).satisfies((error) -> {
				assertThat(error.errorType()).isEqualTo("RuntimeError");
				assertThat(error.errorMessage()).isEqualTo("broken");
				assertThat(error.errorKind()).isEqualTo("some_kind");
				assertThat(error.remoteTraceback()).isEqualTo("remote trace");
			});
			assertThat(stream.next()).isNull();
		}
		assertThat(cursors(TURN)).containsExactly("a");
	}

	@Test
	void whenOpeningFailsItIsThatError() {
		Reply failed = Reply
			.flagged(ArrowBodies.stream(ArrowBodies.NOTHING, ArrowBodies.error("ValueError", "not today", "none")));
		this.service.on(INIT, failed, failed);
		VgiClient client = client().build();
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> produce(client, false))
			.withMessage("ValueError: not today");
		// Where a header was due, the error stands in its place.
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> produce(client, true))
			.withMessage("ValueError: not today");
	}

	@Test
	void whenFirstTurnFailsBehindAHeaderItIsThatError() {
		Reply failed = Reply.flagged(ArrowBodies.concat(ArrowBodies.stream(ArrowBodies.data(42)),
				ArrowBodies.stream(ArrowBodies.error("RuntimeError", "storage is full", "none"))));
		this.service.on(INIT, failed);
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> produce(client().build(), true))
			.withMessage("RuntimeError: storage is full");
	}

	@Test
	void headerComesFirst() {
		Reply opening = Reply.arrow(ArrowBodies.stream(ArrowBodies.log("header log"), ArrowBodies.data(42)),
				ArrowBodies.stream(ArrowBodies.data(1)));
		this.service.on(INIT, opening, opening);
		try (ProducerCall stream = produce(client().build(), true)) {
			assertThat(values(stream.takeHeader())).containsExactly(42L);
			assertThat(stream.takeHeader()).isNull();
			assertThat(drain(stream)).containsExactly(1L);
			assertThat(messages()).containsExactly("header log");
		}
		// Nobody has to take it.
		produce(client().build(), true).close();
	}

	@Test
	void headerMayBeAPointer() {
		String url = this.service.store("header.arrow", ArrowBodies.stream(ArrowBodies.data(42)));
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.pointer(url)), ArrowBodies.stream()));
		try (ProducerCall stream = produce(client().build(), true)) {
			assertThat(values(stream.takeHeader())).containsExactly(42L);
		}
	}

	@Test
	void whenHeaderCannotBeFetchedTheServiceIsToldToCancel() {
		String url = this.service.store("header.arrow",
				ArrowBodies.stream(ArrowBodies.NOTHING, ArrowBodies.empty("other", "schema")));
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.pointer(url)),
				ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, CANCELLED);
		assertThatExceptionOfType(SchemaMismatchException.class).isThrownBy(() -> produce(client().build(), true));
		assertThat(cursors(TURN)).containsExactly("[a]");
	}

	@Test
	void whenHeaderIsMissingItIsAnError() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(), ArrowBodies.stream()),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1))));
		VgiClient client = client().build();
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> produce(client, true))
			.withMessageContaining("without data");
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> produce(client, true))
			.withMessageContaining("too few");
	}

	@Test
	void whenHeaderIsNotExpectedItIsNotTakenForData() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(42)),
				ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		assertThatExceptionOfType(UnexpectedResponseException.class).isThrownBy(() -> produce(client().build(), false))
			.withMessageContaining("header");
	}

	@Test
	void pointersOfEitherShapeAreResolved() {
		String turn = this.service.store("turn.arrow", ArrowBodies.stream(ArrowBodies.log("stored"),
				ArrowBodies.data(BatchMetadata.of(MetadataKeys.STREAM_STATE, "stale").with("own", "kept"), 1, 2)));
		String data = this.service.store("data.arrow", ArrowBodies.stream(ArrowBodies.data(3)));
		this.service.on(INIT,
				Reply.arrow(ArrowBodies.stream(ArrowBodies.pointer(turn), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.log("inline"), ArrowBodies.pointer(data))));
		try (ProducerCall stream = produce(client().build(), false)) {
			AnnotatedBatch first = stream.next();
			assertThat(first).isNotNull();
			assertThat(first.metadata().get("own")).isEqualTo("kept");
			assertThat(first.metadata().contains(MetadataKeys.STREAM_STATE)).isFalse();
			assertThat(values(first)).containsExactly(1L, 2L);
			assertThat(values(stream.next())).containsExactly(3L);
			assertThat(stream.next()).isNull();
		}
		assertThat(messages()).containsExactly("stored", "inline");
		assertThat(cursors(TURN)).containsExactly("a");
		assertThat(this.context.externalBytesReceived()).isPositive();
	}

	@Test
	void whenAFetchFailsTheServiceIsToldToCancel() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		String wrong = this.service.store("wrong.arrow", ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.data(2)));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.pointer(wrong), ArrowBodies.token("b"))),
				CANCELLED);
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(stream::next);
			assertThat(stream.next()).isNull();
		}
		assertThat(cursors(TURN)).containsExactly("a", "[b]");
	}

	@Test
	void closingCancelsOnce() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, CANCELLED);
		ProducerCall stream = produce(client().prefetch(false).build(), false);
		assertThat(values(stream.next())).containsExactly(1L);
		stream.close();
		stream.close();
		assertThat(cursors(TURN)).containsExactly("[a]");
		assertThat(this.service.requests().get(1).metadata().get(MetadataKeys.CALL_STATE)).isEqualTo("call");
		assertThatIllegalStateException().isThrownBy(stream::next);
	}

	@Test
	void whenNothingIsTakenNothingIsKept() {
		this.service.on(INIT, Reply
			.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.data(2), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, CANCELLED);
		produce(client().build(), false).close();
		assertThat(cursors(TURN)).containsExactly("[a]");
	}

	@Test
	void whenAReplyIsNotTakenItsHeaderIsFreed() {
		AnnotatedBatch header = ArrowBodies.values(this.allocator, BatchMetadata.empty(), 1);
		new TurnReply().withHeader(header).close();
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void whenServiceCannotBeToldItIsNoError() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.text(500, "out of order"), Reply.hangUp());
		VgiClient client = client().build();
		produce(client, false).close();
		produce(client, false).close();
		assertThat(cursors(TURN)).containsExactly("[a]", "[a]");
	}

	@Test
	void whenThreadIsInterruptedTheServiceIsToldNevertheless() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, CANCELLED);
		ProducerCall stream = produce(client().build(), false);
		Thread.currentThread().interrupt();
		stream.close();
		assertThat(Thread.interrupted()).isTrue();
		assertThat(cursors(TURN)).containsExactly("[a]");
	}

	@Test
	void fetchesOneTurnAheadAndNoMore() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		Reply second = Reply
			.arrow(ArrowBodies.stream(ArrowBodies.log("early"), ArrowBodies.data(2), ArrowBodies.token("b")));
		this.service.on(TURN, (exchange) -> {
			asked.countDown();
			second.send(exchange);
		}, CANCELLED);
		ProducerCall stream = produce(client().build(), false);
		assertThat(this.service.paths()).containsExactly(INIT);
		assertThat(values(stream.next())).containsExactly(1L);
		asked.await();
		Awaitility.await().until(() -> prefetchThreads().stream().anyMatch(HttpProducerStreamTests::isIdle));
		// Whatever came ahead is freed, and its log never delivered.
		stream.close();
		assertThat(messages()).isEmpty();
		assertThat(cursors(TURN)).containsExactly("a", "[b]");
	}

	private static boolean isIdle(Thread thread) {
		return Arrays.stream(thread.getStackTrace()).anyMatch((frame) -> frame.getMethodName().equals("awaitRoom"));
	}

	@Test
	void oneThreadFetchesAWholeStreamAheadAndEndsWithIt() {
		Set<Thread> threads = new HashSet<>();
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(2), ArrowBodies.token("b"))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(3), ArrowBodies.token("c"))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(4))));
		VgiClient client = client().threads(new TransferThreads((task) -> {
			Thread thread = new Thread(task);
			threads.add(thread);
			return thread;
		})).build();
		try (ProducerCall stream = produce(client, false)) {
			assertThat(drain(stream)).containsExactly(1L, 2L, 3L, 4L);
			assertThat(threads).hasSize(1);
		}
		assertThat(threads).noneMatch(Thread::isAlive);
	}

	@Test
	void whenThereIsNoRoomAheadTheBatchIsFetchedWhenItIsWanted() {
		String url = this.service.store("second.arrow", ArrowBodies.stream(ArrowBodies.data(2)));
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN,
				Reply.arrow(
						ArrowBodies.stream(ArrowBodies.log("two"), ArrowBodies.pointer(url), ArrowBodies.token("b"))),
				Reply.arrow(ArrowBodies.stream(ArrowBodies.data(3))));
		TransferBudget budget = this.plain.budget();
		TransferBudget.Lease others = budget.acquire(budget.maxBytes() - (2 << 20), Duration.ZERO);
		AtomicInteger ended = new AtomicInteger();
		VgiClient client = client().threads(new TransferThreads((task) -> new Thread(() -> {
			task.run();
			ended.incrementAndGet();
		}))).build();
		// A request that holds something does not wait.
		try (RequestMemory request = budget.request("caller", this.allocator);
				RequestMemory.Bound bound = request.bind();
				ArrowBuf held = RequestMemory.allocator(this.allocator).buffer(2 << 20);
				ProducerCall stream = produce(client, false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			Awaitility.await().until(() -> ended.get() == 1);
			others.close();
			assertThat(values(stream.next())).containsExactly(2L);
			assertThat(messages()).containsExactly("two");
			assertThat(drain(stream)).containsExactly(3L);
			assertThat(held.capacity()).isEqualTo(2 << 20);
		}
		assertThat(budget.inUse()).isZero();
	}

	@Test
	void whenThereIsNoRoomAtAllNothingIsKept() {
		String url = this.service.store("second.arrow", ArrowBodies.stream(ArrowBodies.data(2)));
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.pointer(url), ArrowBodies.token("b"))),
				CANCELLED);
		TransferBudget budget = this.plain.budget();
		try (TransferBudget.Lease others = budget.acquire(budget.maxBytes() - (2 << 20), Duration.ZERO);
				RequestMemory request = budget.request("caller", this.allocator);
				RequestMemory.Bound bound = request.bind();
				ArrowBuf held = RequestMemory.allocator(this.allocator).buffer(2 << 20);
				ProducerCall stream = produce(client().build(), false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(stream::next);
			assertThat(held).isNotSameAs(others);
		}
	}

	@Test
	void whenPrefetchIsOffNothingIsAskedAhead() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(2))));
		try (ProducerCall stream = produce(client().prefetch(false).build(), false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			assertThat(this.service.paths()).containsExactly(INIT);
			assertThat(drain(stream)).containsExactly(2L);
		}
	}

	@Test
	void closingStopsTheTurnUnderWay() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		CountDownLatch never = new CountDownLatch(1);
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, (exchange) -> {
			asked.countDown();
			await(never);
		}, CANCELLED);
		ProducerCall stream = produce(client().build(), false);
		assertThat(values(stream.next())).containsExactly(1L);
		asked.await();
		stream.close();
		assertThat(prefetchThreads()).isEmpty();
		assertThat(cursors(TURN)).containsExactly("a", "[a]");
	}

	@Test
	void whenHttpClientCannotBeInterruptedClosingWaitsForTheTurn() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		Reply second = Reply.arrow(ArrowBodies.stream(ArrowBodies.data(2), ArrowBodies.token("b")));
		Thread closing = Thread.currentThread();
		this.service.on(TURN, (exchange) -> {
			asked.countDown();
			// Not before the close waits.
			while (closing.getState() != Thread.State.WAITING) {
				Thread.onSpinWait();
			}
			second.send(exchange);
		}, CANCELLED);
		ProducerCall stream = produce(client(new HttpComponentsClientHttpRequestFactory()).build(), false);
		assertThat(values(stream.next())).containsExactly(1L);
		asked.await();
		stream.close();
		assertThat(prefetchThreads()).isEmpty();
		assertThat(cursors(TURN)).hasSize(2).startsWith("a");
	}

	@Test
	void whenWaitingThreadIsInterruptedTheTurnIsGivenUp() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		CountDownLatch never = new CountDownLatch(1);
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, (exchange) -> {
			asked.countDown();
			await(never);
		}, CANCELLED);
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			asked.await();
			Thread.currentThread().interrupt();
			assertThatExceptionOfType(ServiceUnavailableException.class).isThrownBy(stream::next);
			assertThat(Thread.interrupted()).isTrue();
		}
	}

	@Test
	void whenATurnBreaksOffItIsNoEnd() {
		byte[] whole = ArrowBodies.stream(ArrowBodies.data(2), ArrowBodies.token("b"));
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.cutOff(Arrays.copyOf(whole, whole.length - 20)), CANCELLED);
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			assertThatExceptionOfType(ServiceUnavailableException.class).isThrownBy(stream::next)
				.withMessageContaining("broke off");
		}
		assertThat(cursors(TURN)).containsExactly("a", "[a]");
	}

	@Test
	void whenConnectionIsLostTheTurnIsNotMadeAgain() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1), ArrowBodies.tokens("a", "call"))));
		this.service.on(TURN, Reply.hangUp(), CANCELLED);
		try (ProducerCall stream = produce(client().build(), false)) {
			assertThat(values(stream.next())).containsExactly(1L);
			assertThatExceptionOfType(ServiceUnavailableException.class).isThrownBy(stream::next)
				.withMessageContaining("cannot be reached");
		}
		assertThat(cursors(TURN)).containsExactly("a", "[a]");
	}

	@Test
	void whenSinkFailsNothingIsKept() {
		this.service.on(INIT, Reply.arrow(ArrowBodies.stream(ArrowBodies.log("one"), ArrowBodies.data(1))));
		CallContext failing = CallContext.of((message) -> {
			throw new IllegalArgumentException("sink");
		});
		// The logs of the opening reach the sink while it is read.
		try (AnnotatedBatch request = request("produce")) {
			assertThatExceptionOfType(IllegalArgumentException.class)
				.isThrownBy(() -> client().build().openProducer(request, false, failing));
		}
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

}
