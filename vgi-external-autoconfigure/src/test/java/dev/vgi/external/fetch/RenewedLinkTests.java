package dev.vgi.external.fetch;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FaultServer.Handler;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.transport.TransportClosedException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Links that expire, by the clock of a storage that the tests move: 16 ranges of 64 KiB,
 * 8 at once.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RenewedLinkTests {

	private static final int CHUNK = 64 * 1024;

	private static final int CHUNKS = 16;

	private static final byte[] CONTENT = ExternalFetcherTests.bytes(CHUNKS * CHUNK - 7);

	private static final Instant START = Instant.parse("2030-01-01T00:00:00Z");

	private static final Instant EXPIRY = START.plusSeconds(60);

	private static final DateTimeFormatter DATE = DateTimeFormatter.RFC_1123_DATE_TIME.withZone(ZoneOffset.UTC);

	private final RootAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(
			new TransportSettings(Duration.ofSeconds(10), Duration.ofMinutes(5), 64, null, null, null, null), null,
			this.timer);

	private final SlabPool slabs = new SlabPool(64 << 20, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(64 << 20, 8);

	private final AtomicInteger renewals = new AtomicInteger();

	private int maxRenewals = 2;

	private String tag = "ETag: \"v1\"";

	private FetchConfig.Probe probe = FetchConfig.Probe.RANGE;

	private double multiplier;

	/** The clock of the storage. */
	private volatile Instant storageTime = START;

	/** The clock of this machine. */
	private volatile Instant now = START;

	private Handler faults = (request, reply) -> {
	};

	private final FaultServer server = new FaultServer((request, reply) -> {
		this.faults.handle(request, reply);
		if (!request.isAnswered()) {
			answer(request, reply, CONTENT, this.tag);
		}
	});

	@AfterEach
	void nothingIsLeft() throws Exception {
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		this.server.close();
		assertThat(this.budget.inUse()).isZero();
		this.allocator.close();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		for (Thread thread : Thread.getAllStackTraces().keySet()) {
			assertThat(thread.getName()).isNotEqualTo("vgi-external-range");
			if (thread.getName().equals("vgi-external-renewal")) {
				// It was interrupted and ends, but nobody waits for that.
				thread.join(20_000);
				assertThat(thread.isAlive()).isFalse();
			}
		}
	}

	private void answer(FaultServer.Request request, FaultServer.Reply reply, byte[] content, String tag)
			throws Exception {
		String date = "Date: " + DATE.format(this.storageTime);
		if (!this.storageTime.isBefore(expiryOf(request))) {
			reply.empty(403, date);
		}
		else {
			reply.object(content, date, tag);
		}
	}

	private static Instant expiryOf(FaultServer.Request request) {
		String target = request.target();
		return target.contains("Expires=")
				? Instant.ofEpochSecond(Long.parseLong(target.replaceAll(".*Expires=([0-9]+).*", "$1"))) : Instant.MAX;
	}

	private URI link(String path, Instant expiry) {
		return this.server.url(path + "?Expires=" + expiry.getEpochSecond() + "&Signature=secret");
	}

	private URI fresh(int number) {
		return link("/new" + number, EXPIRY.plusSeconds(60L * number));
	}

	private static boolean isOld(FaultServer.Request request) {
		return request.target().startsWith("/old");
	}

	private List<String> paths() {
		return this.server.requests().stream().map((request) -> request.target().replaceAll("\\?.*", "")).toList();
	}

	private ObjectLink renewing() {
		return renewing(() -> fresh(this.renewals.get()));
	}

	private ObjectLink renewing(Supplier<URI> renewal) {
		return renewing(link("/old", EXPIRY), renewal);
	}

	private ObjectLink renewing(URI old, Supplier<URI> renewal) {
		return ObjectLink.renewable(old, this.maxRenewals, () -> {
			this.renewals.incrementAndGet();
			return renewal.get();
		}, TransferThreads.platform().named("renewal"));
	}

	private void fetch(ObjectLink link) {
		fetch(fetcher(), link);
	}

	private ExternalFetcher fetcher() {
		FetchConfig config = new FetchConfig(this.probe, 4 * CHUNK, CHUNK, 8, Duration.ofSeconds(60), 8 << 20, 32 << 20,
				5, this.multiplier, 4, 0);
		return new ExternalFetcher(config, UrlValidator.acceptAll(), null, new TransferResources(this.transport,
				this.budget, this.slabs, TransferThreads.platform(), TransferListener.none()))
			.withWallClock(() -> this.now);
	}

	private void fetch(ExternalFetcher fetcher, ObjectLink link) {
		try (FetchedBody body = fetcher.fetch(link, ExternalFetcherTests.sha256(CONTENT), this.allocator,
				fetcher.newDeadline(), null, TransferTrace.none())) {
			byte[] bytes = new byte[(int) body.length()];
			body.buffer().getBytes(0, bytes);
			assertThat(bytes).isEqualTo(CONTENT);
		}
	}

	private FutureTask<Void> start(ObjectLink link) {
		FutureTask<Void> task = new FutureTask<>(() -> {
			fetch(link);
			return null;
		});
		return task;
	}

	private Thread run(FutureTask<?> task) {
		Thread thread = new Thread(task, "caller");
		thread.start();
		return thread;
	}

	private static void until(BooleanSupplier condition) {
		while (!condition.getAsBoolean() && !Thread.currentThread().isInterrupted()) {
			Thread.onSpinWait();
		}
	}

	private static void get(Future<?> task) throws Exception {
		task.get(30, TimeUnit.SECONDS);
	}

	/** All workers are refused at the same time. */
	private void expireUnderEightRequests() {
		CountDownLatch sent = new CountDownLatch(8);
		this.faults = (request, reply) -> {
			if (isOld(request) && request.rangeStart() > 0) {
				sent.countDown();
				reply.await(sent);
				this.storageTime = EXPIRY;
			}
		};
	}

	@Test
	void rangesThatFindTheLinkExpiredAtTheSameTimeRenewItOnce() {
		expireUnderEightRequests();
		fetch(renewing());
		assertThat(this.renewals).hasValue(1);
		assertThat(paths()).filteredOn("/old"::equals).hasSize(9);
		assertThat(paths()).filteredOn("/new1"::equals).hasSize(CHUNKS - 1);
	}

	@Test
	void linkThatIsBeingRenewedIsNotUsed() throws Exception {
		CountDownLatch asked = new CountDownLatch(1);
		CountDownLatch gate = new CountDownLatch(1);
		CountDownLatch others = new CountDownLatch(7);
		this.faults = (request, reply) -> {
			if (isOld(request) && request.rangeStart() == CHUNK) {
				reply.await(others);
				reply.empty(403, "Date: " + DATE.format(EXPIRY));
			}
			else if (isOld(request) && request.rangeStart() > CHUNK) {
				// These end, and the places of their requests are free.
				others.countDown();
				reply.await(asked);
			}
		};
		FutureTask<Void> call = start(renewing(() -> {
			asked.countDown();
			try {
				gate.await();
			}
			catch (InterruptedException ex) {
				throw new TransferCancelledException("interrupted");
			}
			return fresh(1);
		}));
		run(call);
		asked.await();
		until(() -> this.transport.leasedConnections() == 0);
		gate.countDown();
		get(call);
		assertThat(this.server.requests()).filteredOn(RenewedLinkTests::isOld).hasSize(9);
		assertThat(this.renewals).hasValue(1);
	}

	@Test
	void waitForANewLinkDoesNotMakeARangeLate() throws Exception {
		this.multiplier = 2;
		this.faults = (request, reply) -> {
			if (isOld(request) && request.range(CONTENT.length)[1] == CONTENT.length) {
				// A request that is not sent yet would wait for the new link, too.
				until(() -> this.server.requests().size() == CHUNKS);
				reply.empty(403, "Date: " + DATE.format(EXPIRY));
			}
		};
		CountDownLatch asked = new CountDownLatch(1);
		CountDownLatch gate = new CountDownLatch(1);
		FutureTask<Void> call = start(renewing(() -> {
			asked.countDown();
			try {
				gate.await();
			}
			catch (InterruptedException ex) {
				throw new TransferCancelledException("interrupted");
			}
			return fresh(1);
		}));
		run(call);
		asked.await();
		until(() -> this.transport.leasedConnections() == 0);
		// The alarm of the request that was refused, and perhaps one of a hedge.
		while (this.timer.advanceToAlarmWithin(Duration.ofSeconds(1))) {
			Thread.onSpinWait();
		}
		gate.countDown();
		get(call);
		assertThat(paths()).filteredOn("/new1"::equals).hasSize(1);
	}

	@Test
	void rangesThatHaveArrivedAreKept() {
		Set<Long> arrived = ConcurrentHashMap.newKeySet();
		this.faults = (request, reply) -> {
			if (isOld(request) && request.index() > 6) {
				reply.empty(403, "Date: " + DATE.format(EXPIRY));
			}
			else if (isOld(request)) {
				arrived.add(request.rangeStart());
				reply.object(CONTENT, this.tag);
			}
		};
		fetch(renewing());
		assertThat(this.renewals).hasValue(1);
		assertThat(arrived).hasSizeGreaterThan(3);
		assertThat(this.server.requests()).filteredOn((request) -> !isOld(request))
			.isNotEmpty()
			.noneMatch((request) -> arrived.contains(request.rangeStart()))
			.allMatch((request) -> "\"v1\"".equals(request.header("If-Match")));
	}

	@Test
	void bodyThatBrokeOffGoesOnWithTheNewLink() throws Exception {
		byte[] content = CONTENT;
		this.faults = (request, reply) -> {
			if (request.index() == 0) {
				reply.head(200, "Content-Length: " + content.length, this.tag);
				reply.raw(content, 0, 10_000);
				this.storageTime = EXPIRY;
				reply.hangUp();
			}
		};
		FutureTask<Void> call = start(renewing());
		run(call);
		this.timer.awaitAlarmIn(Duration.ofMillis(500));
		this.timer.advance(Duration.ofMillis(500));
		get(call);
		assertThat(paths()).containsExactly("/old", "/old", "/new1");
		assertThat(this.server.requests().get(2).rangeStart()).isEqualTo(10_000);
	}

	@Test
	void anotherVersionIsNeverMixedWithTheFirstOne() {
		expireUnderEightRequests();
		Handler expiring = this.faults;
		this.faults = (request, reply) -> {
			expiring.handle(request, reply);
			if (!isOld(request)) {
				// Ignores the condition, too.
				reply.object(new byte[CONTENT.length], "ETag: \"v2\"");
			}
		};
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fetch(renewing()))
			.withMessageContaining("renewed link")
			.withMessageNotContaining("secret")
			.matches(ExternalFetcher::isRetryable);
		assertThat(this.renewals).hasValue(1);
	}

	@Test
	void anotherSizeIsCorrupt() {
		expireUnderEightRequests();
		Handler expiring = this.faults;
		this.faults = (request, reply) -> {
			expiring.handle(request, reply);
			if (!isOld(request)) {
				reply.object(new byte[CONTENT.length + 1], this.tag);
			}
		};
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fetch(renewing()));
	}

	@Test
	void anotherObjectFromTheStartDoesNotHaveTheDigest() {
		this.now = EXPIRY;
		this.faults = (request, reply) -> reply.object(new byte[CONTENT.length], "ETag: \"v2\"");
		assertThatExceptionOfType(ChecksumMismatchException.class).isThrownBy(() -> fetch(renewing()));
	}

	@Test
	void withoutAStrongTagTheFetchStartsOver() {
		this.tag = "ETag: W/\"v1\"";
		expireUnderEightRequests();
		ObjectLink link = renewing();
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fetch(link))
			.matches(ExternalFetcher::isRetryable);
		fetch(link);
		assertThat(this.renewals).hasValue(1);
	}

	@Test
	void failedRenewalFailsAllRangesOnce() {
		expireUnderEightRequests();
		VgiExternalException refusal = new ErrorBatchException("Gone", "see https://s/o?Signature=secret", null, null,
				null);
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> fetch(renewing(() -> {
			throw refusal;
		})))
			.withMessageContaining("/old expired at " + EXPIRY + ": storage answered 403")
			.withMessageContaining("could not be renewed (remote-error): Gone")
			.withMessageNotContaining("secret")
			.withCause(refusal)
			.matches((ex) -> !ExternalFetcher.isRetryable(ex));
		assertThat(this.renewals).hasValue(1);
	}

	@Test
	void foreignFailureIsNamedAndNotQuoted() {
		this.storageTime = EXPIRY;
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> fetch(renewing(() -> {
			throw new IllegalStateException("secret");
		})))
			.withMessageContaining("could not be renewed: IllegalStateException")
			.withMessageNotContaining("secret")
			.withNoCause();
	}

	@Test
	void renewalsAreCounted() {
		this.storageTime = EXPIRY.plusSeconds(3600);
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> fetch(renewing()))
			.withMessageContaining("renewed 2 times")
			.withMessageContaining("vgi.external.max-retries");
		assertThat(this.renewals).hasValue(2);
		assertThat(paths()).containsExactly("/old", "/new1", "/new2");
		this.maxRenewals = 0;
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> fetch(renewing()))
			.withMessageContaining("renewed 0 times");
		assertThat(this.renewals).hasValue(2);
	}

	@Test
	void sameLinkAgainIsNoEndlessLoop() {
		this.storageTime = EXPIRY;
		assertThatExceptionOfType(LinkExpiredException.class)
			.isThrownBy(() -> fetch(renewing(() -> link("/old", EXPIRY))));
		assertThat(this.renewals).hasValue(2);
	}

	@Test
	void whatWouldRenewItIsTold() {
		this.storageTime = EXPIRY;
		assertThatExceptionOfType(LinkExpiredException.class)
			.isThrownBy(() -> fetch(ObjectLink.fixed(link("/old", EXPIRY), "; ask somebody else")))
			.withMessageEndingWith("; ask somebody else");
	}

	private static URI hang() {
		try {
			new CountDownLatch(1).await();
			throw new IllegalStateException();
		}
		catch (InterruptedException ex) {
			throw new TransferCancelledException("interrupted");
		}
	}

	private enum End {

		DEADLINE(TransferTimeoutException.class), INTERRUPT(TransferCancelledException.class),
		SHUTDOWN(TransportClosedException.class);

		private final Class<? extends Exception> failure;

		End(Class<? extends Exception> failure) {
			this.failure = failure;
		}

	}

	@ParameterizedTest
	@EnumSource(End.class)
	void waitForANewLinkCanBeEnded(End end) throws Exception {
		expireUnderEightRequests();
		CountDownLatch asked = new CountDownLatch(1);
		FutureTask<Void> call = start(renewing(() -> {
			asked.countDown();
			return hang();
		}));
		Thread caller = run(call);
		asked.await();
		switch (end) {
			case DEADLINE -> this.timer.advance(Duration.ofSeconds(61));
			case INTERRUPT -> caller.interrupt();
			case SHUTDOWN -> this.transport.close();
		}
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> get(call))
			.withCauseInstanceOf(end.failure)
			.withMessageNotContaining("secret");
		assertThat(this.renewals).hasValue(1);
	}

	@Test
	void laterAttemptWaitsForARenewalThatIgnoresItsEnd() throws Exception {
		this.storageTime = EXPIRY;
		CountDownLatch asked = new CountDownLatch(1);
		CountDownLatch gate = new CountDownLatch(1);
		ObjectLink link = renewing(() -> {
			asked.countDown();
			while (true) {
				try {
					gate.await();
					return fresh(1);
				}
				catch (InterruptedException ex) {
					// as some HTTP clients do
				}
			}
		});
		FutureTask<Void> first = start(link);
		run(first);
		asked.await();
		this.timer.advance(Duration.ofSeconds(61));
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> get(first));
		FutureTask<Void> second = start(link);
		Thread waiting = run(second);
		until(() -> waiting.getState() == Thread.State.TIMED_WAITING);
		gate.countDown();
		get(second);
		assertThat(this.renewals).hasValue(1);
		assertThat(paths()).filteredOn("/old"::equals).hasSize(1);
	}

	@ParameterizedTest
	@ValueSource(longs = { 56, 60, 3600 })
	void linkThatIsAboutToExpireIsNotUsed(long seconds) {
		this.now = START.plusSeconds(seconds);
		fetch(renewing());
		// Also if the new one looks expired: then the clock is wrong.
		assertThat(this.renewals).hasValue(1);
		assertThat(paths()).doesNotContain("/old");
	}

	@Test
	void linkThatIsNotAboutToExpireIsUsed() {
		this.now = START.plusSeconds(54);
		fetch(renewing());
		assertThat(this.renewals).hasValue(0);
	}

	@Test
	void linkThatCouldNotBeRenewedAheadIsUsedAndOnceMoreRenewed() {
		this.now = EXPIRY;
		Supplier<URI> failing = () -> {
			if (this.renewals.get() == 1) {
				throw new CorruptStreamException("not yet");
			}
			return fresh(1);
		};
		fetch(renewing(failing));
		assertThat(this.renewals).hasValue(1);
		this.renewals.set(0);
		this.storageTime = EXPIRY;
		fetch(renewing(failing));
		assertThat(this.renewals).hasValue(2);
	}

	@Test
	void renewalAheadThatFailedIsNotCalledASuccess() {
		this.maxRenewals = 1;
		this.now = EXPIRY;
		this.storageTime = EXPIRY;
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> fetch(renewing(() -> {
			throw new CorruptStreamException("not yet");
		}))).withMessageContaining("it could not be renewed (corrupt-stream): not yet");
		assertThat(this.renewals).hasValue(1);
	}

	@Test
	void linkIsUsedIfItsRenewalAheadTakesTooLong() throws Exception {
		this.now = EXPIRY;
		CountDownLatch asked = new CountDownLatch(1);
		FutureTask<Void> call = start(renewing(() -> {
			asked.countDown();
			return hang();
		}));
		run(call);
		asked.await();
		this.timer.advance(Duration.ofSeconds(30));
		get(call);
		assertThat(paths()).contains("/old").doesNotContain("/new1");
	}

	@ParameterizedTest
	@ValueSource(ints = { 400, 403 })
	void linkExpiresWithTheCredentialsThatSignedIt(int status) {
		byte[] document = "<Error><Code>ExpiredToken</Code></Error>".getBytes();
		this.faults = (request, reply) -> {
			if (isOld(request)) {
				reply.head(status, "Content-Length: " + document.length);
				reply.raw(document);
			}
		};
		fetch(renewing());
		assertThat(this.renewals).hasValue(1);
		assertThatExceptionOfType(LinkExpiredException.class).isThrownBy(() -> fetch(renewing(() -> {
			throw new CorruptStreamException("no");
		}))).withMessageContaining("(corrupt-stream): no");
	}

	@Test
	void dateOfAStorageMayBeASecondOld() {
		this.faults = (request, reply) -> {
			if (isOld(request)) {
				reply.empty(403, "Date: " + DATE.format(EXPIRY.minusSeconds(1)));
			}
		};
		fetch(renewing());
		assertThat(this.renewals).hasValue(1);
	}

	@Test
	void refusalThatIsNotAboutTheTimeIsNoReasonToRenew() {
		this.faults = (request, reply) -> reply.empty(403, "Date: " + DATE.format(START));
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fetch(renewing()))
			.matches((ex) -> ex.kind() == Kind.STORAGE_UNAVAILABLE && ex.status() == 403);
		assertThat(this.renewals).hasValue(0);
	}

	@Test
	void refusedLinkThatDoesNotSayWhenItExpiresIsRenewedOnce() {
		this.faults = (request, reply) -> {
			if (isOld(request)) {
				reply.empty(403);
			}
		};
		fetch(renewing(this.server.url("/old"), () -> this.server.url("/new")));
		assertThat(this.renewals).hasValue(1);
		this.faults = (request, reply) -> reply.empty(403);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> fetch(renewing(this.server.url("/old"), () -> this.server.url("/new"))));
		assertThat(this.renewals).hasValue(2);
	}

	@Test
	void refusedLinkThatDoesNotSayWhenItExpiresIsRenewedOnceForAllRanges() {
		CountDownLatch sent = new CountDownLatch(8);
		this.faults = (request, reply) -> {
			if (isOld(request) && request.rangeStart() > 0) {
				sent.countDown();
				reply.await(sent);
				reply.empty(403);
			}
		};
		fetch(renewing(this.server.url("/old"), () -> this.server.url("/new")));
		assertThat(this.renewals).hasValue(1);
		assertThat(paths()).filteredOn("/old"::equals).hasSize(9);
	}

	@Test
	void probeRenewsToo() {
		this.probe = FetchConfig.Probe.HEAD;
		this.storageTime = EXPIRY;
		fetch(renewing());
		assertThat(this.renewals).hasValue(1);
		assertThat(this.server.requests().get(1)).extracting(FaultServer.Request::method).isEqualTo("HEAD");
	}

	@Test
	void copyOfTheFirstRequestWaitsNoLongerThanItIsWanted() throws Exception {
		this.multiplier = 2;
		ExternalFetcher fetcher = fetcher();
		fetch(fetcher, ObjectLink.fixed(link("/earlier", EXPIRY), ""));
		CountDownLatch asked = new CountDownLatch(1);
		AtomicInteger copies = new AtomicInteger();
		this.faults = (request, reply) -> {
			if (isOld(request) && request.rangeStart() == 0) {
				if (copies.incrementAndGet() == 1) {
					reply.await(asked);
					reply.head(200, "Content-Length: " + CONTENT.length, this.tag);
					reply.raw(CONTENT);
				}
				else {
					reply.empty(403, "Date: " + DATE.format(EXPIRY));
				}
			}
		};
		ObjectLink link = renewing(() -> {
			asked.countDown();
			return hang();
		});
		FutureTask<?> call = new FutureTask<>(() -> fetch(fetcher, link), null);
		run(call);
		until(() -> {
			this.timer.advanceToAlarmWithin(Duration.ofSeconds(1));
			return call.isDone() || asked.getCount() == 0;
		});
		get(call);
		assertThat(this.renewals).hasValue(1);
	}

}
