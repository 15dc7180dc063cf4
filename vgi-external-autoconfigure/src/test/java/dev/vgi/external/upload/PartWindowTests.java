package dev.vgi.external.upload;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferRequest;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of {@link PartWindow} without HTTP.
 */
@Timeout(30)
class PartWindowTests {

	private static final int PART = 1000;

	private final Map<Integer, byte[]> sent = new ConcurrentHashMap<>();

	@AfterEach
	void noHelperIsLeft() {
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().startsWith("vgi-external-upload"));
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2, 3, 50 })
	void codedPayloadEndsWhereItEndsAndNotAtItsBound(int parallel) {
		CodedPayload payload = new CodedPayload(PART * 7 + 123, 100L * PART, Integer.MAX_VALUE);
		assertThat(sendAll(payload, parallel)).containsExactly("tag-1", "tag-2", "tag-3", "tag-4", "tag-5", "tag-6",
				"tag-7", "tag-8");
		assertThat(joined()).isEqualTo(payload.bytes());
		assertThat(payload.open).isZero();
	}

	@Test
	void lastPartMayBeFull() {
		CodedPayload payload = new CodedPayload(PART * 3, PART * 3, Integer.MAX_VALUE);
		assertThat(sendAll(payload, 4)).hasSize(3);
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void noMorePartsAreOpenThanAreSent() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, Integer.MAX_VALUE);
		CyclicBarrier three = new CyclicBarrier(3);
		send(payload, window(3), (part, failures, deadline) -> {
			await(three);
			return send(part, failures, deadline);
		});
		assertThat(payload.mostOpen).isEqualTo(3);
		assertThat(payload.open).isZero();
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void whenMemoryIsShortPartsWaitForOneAnother() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, 2);
		sendAll(payload, 6);
		assertThat(payload.mostOpen).isLessThanOrEqualTo(2);
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void whenAPartCannotBeTakenTheUploadFailsWithThatError() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, Integer.MAX_VALUE);
		payload.failAt = PART * 5;
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> sendAll(payload, 3))
			.withMessage("planted failure");
		assertThat(payload.open).isZero();
		assertThat(this.sent).hasSizeLessThanOrEqualTo(5);
		assertThat(Thread.interrupted()).isFalse();
	}

	@Test
	void whenAPartFailsWhileOthersWaitForMemoryNobodyIsLeftWaiting() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, 1);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> send(payload, window(4), (part, failures, deadline) -> {
				if (part.number() == 3) {
					throw new StorageUnavailableException("part 3", 500, null);
				}
				return send(part, failures, deadline);
			}))
			.withMessage("part 3");
		assertThat(payload.open).isZero();
		assertThat(this.sent).containsKeys(1, 2).doesNotContainKey(3).hasSizeLessThan(11);
	}

	@Test
	void firstFailureStopsThePartsUnderWay() {
		BytesPayload payload = BytesPayload.random(PART * 12, 3);
		CountDownLatch others = new CountDownLatch(2);
		List<Throwable> stopped = new ArrayList<>();
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> send(payload, window(3), (part, failures, deadline) -> {
				if (part.number() == 1) {
					await(others);
					throw new StorageUnavailableException("part 1", 500, null);
				}
				others.countDown();
				try {
					while (true) {
						part.writeTo(Channels.newChannel(OutputStream.nullOutputStream()));
					}
				}
				catch (IOException ex) {
					synchronized (stopped) {
						stopped.add(ex);
					}
					throw new StorageUnavailableException("cancelled", 0, null);
				}
			}))
			.withMessage("part 1");
		assertThat(stopped).hasSize(2);
		assertThat(payload.openParts()).isZero();
	}

	@Test
	void inOrderTheNextPartIsTakenWhileOneIsSent() {
		CodedPayload payload = new CodedPayload(PART * 7 + 1, Long.MAX_VALUE, Integer.MAX_VALUE);
		AtomicInteger sending = new AtomicInteger();
		List<Integer> order = new ArrayList<>();
		send(payload, PartWindow.inOrder(new RecordedPauses().policy(0), TransferThreads.platform()),
				(part, failures, deadline) -> {
					assertThat(sending.incrementAndGet()).isOne();
					order.add(part.number());
					payload.awaitTaken(part.number() + 1);
					String tag = send(part, failures, deadline);
					sending.decrementAndGet();
					return tag;
				});
		assertThat(order).containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
		assertThat(payload.mostOpen).isEqualTo(2);
		assertThat(payload.open).isZero();
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void helpersAreThreadsOfTheFactory() {
		List<Thread> created = new ArrayList<>();
		TransferThreads threads = new TransferThreads((task) -> {
			Thread thread = new Thread(task);
			created.add(thread);
			return thread;
		});
		Set<Thread> senders = ConcurrentHashMap.newKeySet();
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, Integer.MAX_VALUE);
		CyclicBarrier three = new CyclicBarrier(3);
		send(payload, PartWindow.parallel(3, new RecordedPauses().policy(0), threads), (part, failures, deadline) -> {
			senders.add(Thread.currentThread());
			await(three);
			return send(part, failures, deadline);
		});
		assertThat(created).hasSize(2).allMatch(Thread::isDaemon).noneMatch(Thread::isAlive);
		assertThat(senders).hasSize(3).containsAll(created).contains(Thread.currentThread());
	}

	@Test
	@EnabledForJreRange(min = JRE.JAVA_21, disabledReason = "Virtual threads need JDK 21")
	void helpersMayBeVirtual() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, 4);
		Thread caller = Thread.currentThread();
		List<Thread> helpers = new CopyOnWriteArrayList<>();
		CountDownLatch helping = new CountDownLatch(1);
		send(payload, PartWindow.parallel(4, new RecordedPauses().policy(0), TransferThreads.virtual()),
				(part, failures, deadline) -> {
					if (Thread.currentThread() != caller) {
						helpers.add(Thread.currentThread());
						helping.countDown();
					}
					await(helping);
					return send(part, failures, deadline);
				});
		assertThat(helpers).isNotEmpty()
			.allMatch((thread) -> thread.getClass().getSimpleName().equals("VirtualThread"));
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void eachPartHasItsOwnAttempts() {
		CodedPayload payload = new CodedPayload(PART * 5, PART * 20, Integer.MAX_VALUE);
		RecordedPauses pauses = new RecordedPauses();
		send(payload, PartWindow.parallel(2, pauses.policy(2), TransferThreads.platform()),
				(part, failures, deadline) -> {
					if (failures < 2) {
						throw new StorageUnavailableException("attempt " + failures, 500, null);
					}
					return send(part, failures, deadline);
				});
		assertThat(pauses.pauses()).hasSize(10);
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void interruptedCallerLeavesNoPartOpen() {
		for (PartWindow window : List.of(window(3),
				PartWindow.inOrder(new RecordedPauses().policy(0), TransferThreads.platform()))) {
			CodedPayload payload = new CodedPayload(PART * 12, PART * 20, Integer.MAX_VALUE);
			Thread caller = Thread.currentThread();
			assertThatExceptionOfType(TransferCancelledException.class)
				.isThrownBy(() -> send(payload, window, (part, failures, deadline) -> {
					if (part.number() < 3) {
						return send(part, failures, deadline);
					}
					caller.interrupt();
					// As an exchange of the transport ends.
					while (!Thread.interrupted()) {
						Thread.onSpinWait();
					}
					Thread.currentThread().interrupt();
					throw new TransferCancelledException("interrupted");
				}));
			assertThat(Thread.interrupted()).isTrue();
			assertThat(payload.open).isZero();
		}
	}

	@Test
	void whenAnotherPartFailsTheRequestOfTheCallerEndsWithoutAnInterrupt() {
		BytesPayload payload = BytesPayload.random(PART * 12, 3);
		Thread caller = Thread.currentThread();
		CountDownLatch waiting = new CountDownLatch(1);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> send(payload, window(2), (part, failures, deadline) -> {
				if (Thread.currentThread() != caller) {
					await(waiting);
					throw new StorageUnavailableException("refused", 500, null);
				}
				TransferRequest request = new TransferRequest(PacedTransfer.own(), false);
				part.carriedBy(request);
				waiting.countDown();
				// Everything is written, and no answer comes.
				while (!request.isCancelled()) {
					Thread.onSpinWait();
				}
				throw new StorageUnavailableException("cancelled", 0, null);
			}))
			.withMessage("refused");
		assertThat(Thread.interrupted()).isFalse();
		assertThat(payload.openParts()).isZero();
	}

	@Test
	void requestThatBeginsAfterTheEndIsCancelledAtOnce() {
		AtomicReference<NumberedPart> first = new AtomicReference<>();
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> send(BytesPayload.random(PART * 2, 3), window(1), (part, failures, deadline) -> {
				first.set(part);
				throw new StorageUnavailableException("refused", 500, null);
			}));
		TransferRequest late = new TransferRequest(PacedTransfer.own(), false);
		first.get().carriedBy(late);
		assertThat(late.isCancelled()).isTrue();
	}

	@Test
	void payloadWithoutALastPartIsAnError() {
		BytesPayload bytes = BytesPayload.random(PART * 3, 3);
		Payload endless = new Payload() {

			@Override
			public long maxLength() {
				return Long.MAX_VALUE;
			}

			@Override
			public @Nullable Part next(int size) {
				Part part = bytes.next(size);
				return (part != null && part.isLast()) ? null : part;
			}

		};
		assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> sendAll(endless, 2))
			.withMessageContaining("without a last part");
	}

	private List<String> sendAll(Payload payload, int parallel) {
		return send(payload, window(parallel), this::send);
	}

	private static PartWindow window(int parallel) {
		return PartWindow.parallel(parallel, new RecordedPauses().policy(0), TransferThreads.platform());
	}

	private static List<String> send(Payload payload, PartWindow window, PartWindow.Sender<String> sender) {
		Payload.Part first = payload.next(PART);
		assertThat(first).isNotNull();
		return window.send(first, payload, PART, () -> Deadline.in(Duration.ofSeconds(30)), sender);
	}

	private String send(NumberedPart part, int failures, Deadline deadline) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try {
			part.writeTo(Channels.newChannel(bytes));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		assertThat(bytes.size()).isEqualTo(part.length());
		assertThat(part.offset()).isEqualTo((part.number() - 1L) * PART);
		this.sent.put(part.number(), bytes.toByteArray());
		return "tag-" + part.number();
	}

	private byte[] joined() {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		new TreeMap<>(this.sent).values().forEach(all::writeBytes);
		return all.toByteArray();
	}

	private static void await(CyclicBarrier barrier) {
		try {
			barrier.await(10, TimeUnit.SECONDS);
		}
		catch (Exception ex) {
			throw new IllegalStateException("not parallel", ex);
		}
	}

	private static void await(CountDownLatch latch) {
		try {
			assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Behaves like a payload that is compressed while it is taken: a bound far above its
	 * length, and no more open parts than there is memory for.
	 */
	private static final class CodedPayload implements Payload {

		private final BytesPayload bytes;

		private final long maxLength;

		private final int memory;

		private int failAt = -1;

		private int taken;

		private int open;

		private int mostOpen;

		CodedPayload(int length, long maxLength, int memory) {
			this.bytes = BytesPayload.random(length, 7);
			this.maxLength = maxLength;
			this.memory = memory;
		}

		byte[] bytes() {
			return this.bytes.bytes();
		}

		@Override
		public long maxLength() {
			return this.maxLength;
		}

		@Override
		public synchronized @Nullable Part next(int size) {
			while (this.open >= this.memory) {
				try {
					wait();
				}
				catch (InterruptedException ex) {
					Thread.currentThread().interrupt();
					throw new StorageUnavailableException("interrupted", 0, null);
				}
			}
			if (this.failAt >= 0 && this.taken >= this.failAt) {
				throw new StorageUnavailableException("planted failure", 0, null);
			}
			Part part = this.bytes.next(size);
			if (part == null) {
				return null;
			}
			this.taken += size;
			notifyAll();
			this.open++;
			this.mostOpen = Math.max(this.mostOpen, this.open);
			return new CountedPart(part);
		}

		/**
		 * Wait until a part was taken, or the last one.
		 * @param number number of the part
		 */
		synchronized void awaitTaken(int number) {
			while (this.taken < Math.min((long) number * PART, bytes().length)) {
				try {
					wait();
				}
				catch (InterruptedException ex) {
					throw new IllegalStateException(ex);
				}
			}
		}

		private synchronized void closed() {
			this.open--;
			notifyAll();
		}

		private final class CountedPart implements Part {

			private final Part part;

			private boolean closed;

			CountedPart(Part part) {
				this.part = part;
			}

			@Override
			public boolean isLast() {
				return this.part.isLast();
			}

			@Override
			public long length() {
				return this.part.length();
			}

			@Override
			public void writeTo(WritableByteChannel channel) throws IOException {
				assertThat(this.closed).isFalse();
				this.part.writeTo(channel);
			}

			@Override
			public void close() {
				if (!this.closed) {
					this.closed = true;
					this.part.close();
					closed();
				}
			}

		}

	}

}
