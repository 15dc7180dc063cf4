package dev.vgi.external.upload;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdInputStream;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.RecordedTransfers;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.upload.Payload.Part;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Tests for {@link StreamedPayload}.
 */
@Timeout(30)
class StreamedPayloadTests {

	private static final Compression LEVEL_1 = new Compression(1, 0);

	private static final int PART = 64 << 10;

	private final SlabPool slabs = new SlabPool(0, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(16 << 20, 0);

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.slabs.leasedSlabs()).isZero();
		assertThat(this.budget.inUse()).isZero();
		this.slabs.close();
		assertThat(Thread.getAllStackTraces().keySet()).noneMatch(
				(thread) -> thread.getName().startsWith("vgi-external-upload") || thread.getName().equals("streamed"));
	}

	@ParameterizedTest
	@CsvSource({ "1, 65536", "65535, 65536", "65536, 65536", "65537, 65536", "196608, 65536", "196609, 65536",
			"500000, 65536", "5000, 1", "500000, 1048576" })
	void partsAreEqualAndMakeTheWholeStream(int length, int size) throws Exception {
		byte[] bytes = bytes(length);
		try (StreamedPayload payload = payload(null)) {
			List<byte[]> parts = new ArrayList<>();
			StreamedUpload.run(payload, (stream) -> takeAll(stream, size, parts), StreamedUpload.of(bytes));
			assertThat(joined(parts)).isEqualTo(bytes);
			assertThat(parts).hasSize(Math.max(1, (bytes.length - 1) / size + 1));
			assertThat(parts.subList(0, parts.size() - 1)).allMatch((part) -> part.length == size);
			assertThat(payload.contentCoding()).isNull();
			assertThat(payload.maxLength()).isEqualTo(Payload.UNKNOWN_LENGTH);
			assertThat(payload.writtenLength()).isEqualTo(bytes.length);
			assertThat(payload.takenLength()).isEqualTo(bytes.length);
			assertThat(payload.isOpen()).isFalse();
		}
	}

	@Test
	void compressionIsReported() throws Exception {
		RecordedTransfers transfers = new RecordedTransfers();
		try (StreamedPayload payload = new StreamedPayload(LEVEL_1, this.slabs, this.budget, Duration.ZERO,
				transfers.upload())) {
			StreamedUpload.run(payload, (stream) -> takeAll(stream, PART, new ArrayList<>()),
					StreamedUpload.of(bytes(3 * PART)));
		}
		List<String> coding = transfers.lines("coding");
		assertThat(coding).startsWith("coding begins", "coding over");
		assertThat(transfers.lines().indexOf("coding begins")).isLessThan(transfers.lines().indexOf("upload begins"));
	}

	@ParameterizedTest
	@CsvSource({ "0, 65536", "1, 65536", "300000, 65536", "3000000, 65536", "30000, 7", "3000000, 16777216" })
	void compressedStreamIsOneFrameInEqualParts(int length, int size) throws Exception {
		byte[] bytes = bytes(length);
		for (int i = 0; i < bytes.length; i++) {
			bytes[i] &= 3;
		}
		try (StreamedPayload payload = payload(LEVEL_1)) {
			List<byte[]> parts = new ArrayList<>();
			StreamedUpload.run(payload, (stream) -> takeAll(stream, size, parts), StreamedUpload.of(bytes));
			byte[] coded = joined(parts);
			assertThat(payload.contentCoding()).isEqualTo("zstd");
			assertThat(payload.writtenLength()).isEqualTo(bytes.length);
			assertThat(payload.takenLength()).isEqualTo(coded.length);
			assertThat(parts.subList(0, parts.size() - 1)).allMatch((part) -> part.length == size);
			assertThat(parts).allMatch((part) -> part.length > 0);
			assertThat(Zstd.findFrameCompressedSize(coded)).isEqualTo(coded.length);
			assertThat(new ZstdInputStream(new ByteArrayInputStream(coded)).readAllBytes()).isEqualTo(bytes);
		}
	}

	@Test
	void streamOfNothingIsOneEmptyPart() throws Exception {
		try (StreamedPayload payload = payload(null)) {
			List<byte[]> parts = new ArrayList<>();
			StreamedUpload.run(payload, (stream) -> takeAll(stream, PART, parts), (stream) -> {
			});
			assertThat(parts).hasSize(1);
			assertThat(parts.get(0)).isEmpty();
		}
	}

	@Test
	void storageThatNeedsNoPartsGetsAllBytes() throws Exception {
		byte[] bytes = bytes(5 << 20);
		ByteArrayOutputStream stored = new ByteArrayOutputStream();
		try (StreamedPayload payload = payload(null)) {
			StreamedUpload.run(payload, (stream) -> {
				try {
					stream.writeTo(Channels.newChannel(stored));
					return 0;
				}
				catch (IOException ex) {
					throw new UncheckedIOException(ex);
				}
			}, StreamedUpload.of(bytes));
		}
		assertThat(stored.toByteArray()).isEqualTo(bytes);
		assertThat(this.budget.peak()).isEqualTo(1 << 20);
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2, 4 })
	void memoryStaysAtThePartsUnderWay(int parallel) throws Exception {
		byte[] bytes = bytes(50 * PART);
		AtomicInteger mostSlabs = new AtomicInteger();
		CyclicBarrier together = new CyclicBarrier(parallel);
		Map<Integer, byte[]> sent = new ConcurrentHashMap<>();
		try (StreamedPayload payload = payload(null)) {
			StreamedUpload.run(payload, (stream) -> send(stream, window(parallel), (part, failures, deadline) -> {
				if (part.number() <= 48) {
					await(together);
				}
				mostSlabs.accumulateAndGet(this.slabs.leasedSlabs(), Math::max);
				sent.put(part.number(), bytes(part));
				return "";
			}), StreamedUpload.of(bytes));
		}
		assertThat(joined(new TreeMap<>(sent).values())).isEqualTo(bytes);
		assertThat(sent).hasSize(50);
		assertThat(this.budget.peak()).isEqualTo((long) parallel * PART);
		assertThat(mostSlabs).hasValue(parallel);
	}

	@ParameterizedTest
	@CsvSource({ "1, 0", "1, 1", "2, 1", "3, 1", "1, 65536", "2, 65536", "3, 65536" })
	void failureOfTheProducerNeverLooksLikeTheEnd(int part, int written) {
		for (Compression compression : new Compression[] { null, LEVEL_1 }) {
			for (PartWindow window : List.of(window(3), inOrder())) {
				Map<Integer, byte[]> sent = new ConcurrentHashMap<>();
				List<Boolean> last = new ArrayList<>();
				try (StreamedPayload payload = payload(compression)) {
					assertThatIllegalStateException().isThrownBy(() -> StreamedUpload.run(payload,
							(stream) -> send(stream, window, (numbered, failures, deadline) -> {
								sent.put(numbered.number(), bytes(numbered));
								last.add(numbered.isLast());
								return "";
							}), (stream) -> {
								stream.write(ByteBuffer.wrap(bytes((part - 1) * PART + written)));
								throw new IllegalStateException("planted failure of the reader");
							}))
						.withMessage("planted failure of the reader");
					assertThatIllegalStateException().isThrownBy(() -> payload.next(PART));
				}
				assertThat(last).doesNotContain(true);
				assertThat(sent).hasSizeLessThan(Math.max(1, part));
			}
		}
	}

	@Test
	void checkedFailureOfTheProducerIsTyped() {
		try (StreamedPayload payload = payload(null)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> StreamedUpload.run(payload,
					(stream) -> takeAll(stream, PART, new ArrayList<>()), (stream) -> {
						throw new IOException("planted");
					}))
				.withCauseInstanceOf(IOException.class);
		}
	}

	@Test
	void streamThatIsClosedBeforeItsEndHasFailed() throws Exception {
		AtomicReference<Throwable> failure = new AtomicReference<>();
		StreamedPayload payload = payload(null);
		Thread storage = started(() -> failure.set(catchThrowable(() -> payload.next(PART))));
		payload.write(ByteBuffer.allocate(10));
		payload.fail(new TransferCancelledException("planted"));
		storage.join();
		payload.close();
		assertThat(failure.get()).hasMessage("planted");
		StreamedPayload closed = payload(null);
		closed.close();
		assertThat(closed.isOpen()).isFalse();
		assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(() -> closed.next(PART));
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> closed.write(ByteBuffer.allocate(1)));
		closed.close();
	}

	@Test
	void nothingIsWrittenAfterTheEnd() throws Exception {
		try (StreamedPayload payload = payload(null)) {
			StreamedUpload.run(payload, (stream) -> takeAll(stream, PART, new ArrayList<>()),
					StreamedUpload.of(bytes(10)));
			assertThatExceptionOfType(ClosedChannelException.class)
				.isThrownBy(() -> payload.write(ByteBuffer.allocate(1)));
		}
	}

	@Test
	void permanentFailureOfTheSecondPartEndsTheProducer() {
		for (PartWindow window : List.of(window(1), window(3), inOrder())) {
			AtomicReference<Throwable> seen = new AtomicReference<>();
			try (StreamedPayload payload = payload(null)) {
				assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> StreamedUpload
					.run(payload, (stream) -> send(stream, window, (part, failures, deadline) -> {
						if (part.number() == 2) {
							throw new StorageUnavailableException("planted failure of part 2", 500, null);
						}
						return "";
					}), (stream) -> seen.set(catchThrowable(() -> endless(stream)))))
					.withMessage("planted failure of part 2");
			}
			assertThat(seen.get()).isInstanceOf(TransferCancelledException.class)
				.hasMessageContaining("ended before the stream");
		}
	}

	@Test
	void failedPartIsNoticedWhileTheProducerIsSilent() {
		AtomicReference<Thread> caller = new AtomicReference<>();
		CyclicBarrier both = new CyclicBarrier(2);
		CountDownLatch sent = new CountDownLatch(1);
		CountDownLatch ended = new CountDownLatch(1);
		try (StreamedPayload payload = payload(null)) {
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> StreamedUpload.run(payload, (stream) -> {
					caller.set(Thread.currentThread());
					try {
						return send(stream, window(2), (part, failures, deadline) -> {
							await(both);
							if (Thread.currentThread() == caller.get()) {
								sent.countDown();
								return "";
							}
							await(sent);
							// Nobody interrupts the caller, which waits for the next
							// part.
							await(caller.get(), Thread.State.WAITING);
							throw new StorageUnavailableException("planted failure", 500, null);
						});
					}
					finally {
						ended.countDown();
					}
				}, (stream) -> {
					stream.write(ByteBuffer.wrap(bytes(PART * 2 + 1)));
					await(ended);
				}))
				.withMessage("planted failure");
		}
	}

	@Test
	void storageThatNeverTakesAPartEndsTheProducer() {
		try (StreamedPayload payload = payload(null)) {
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> StreamedUpload.run(payload, (stream) -> {
					throw new StorageUnavailableException("planted", 500, null);
				}, StreamedPayloadTests::endless))
				.withMessage("planted");
		}
	}

	@Test
	void interruptedProducerEndsTheUpload() {
		for (PartWindow window : List.of(window(3), inOrder())) {
			Thread producer = Thread.currentThread();
			try (StreamedPayload payload = payload(null)) {
				assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(() -> StreamedUpload.run(payload,
						(stream) -> send(stream, window, (part, failures, deadline) -> {
							if (part.number() == 2) {
								producer.interrupt();
							}
							return "";
						}), StreamedPayloadTests::endless));
			}
			assertThat(Thread.interrupted()).isTrue();
		}
	}

	@Test
	void interruptedStorageEndsTheProducer() {
		for (PartWindow window : List.of(window(3), inOrder())) {
			AtomicReference<Throwable> seen = new AtomicReference<>();
			AtomicReference<Thread> storage = new AtomicReference<>();
			try (StreamedPayload payload = payload(null)) {
				assertThatExceptionOfType(TransferCancelledException.class)
					.isThrownBy(() -> StreamedUpload.run(payload, (stream) -> {
						storage.set(Thread.currentThread());
						return send(stream, window, (part, failures, deadline) -> "");
					}, (stream) -> {
						stream.write(ByteBuffer.wrap(bytes(PART * 2)));
						storage.get().interrupt();
						seen.set(catchThrowable(() -> endless(stream)));
					}));
			}
			assertThat(seen.get()).isInstanceOf(TransferCancelledException.class);
		}
	}

	@Test
	void withoutRoomForASecondPartSendsOneAfterTheOther() throws Exception {
		TransferBudget small = new TransferBudget(PART + PART / 2, 0);
		byte[] bytes = bytes(PART * 7 + 5);
		Map<Integer, byte[]> sent = new ConcurrentHashMap<>();
		try (StreamedPayload payload = new StreamedPayload(null, this.slabs, small, Duration.ofSeconds(30),
				TransferTrace.none())) {
			StreamedUpload.run(payload, (stream) -> send(stream, window(4), (part, failures, deadline) -> {
				sent.put(part.number(), bytes(part));
				return "";
			}), StreamedUpload.of(bytes));
		}
		assertThat(joined(new TreeMap<>(sent).values())).isEqualTo(bytes);
		assertThat(small.peak()).isEqualTo(PART);
		assertThat(small.inUse()).isZero();
	}

	@Test
	void failureOfTheProducerIsNoticedWhileAPartWaitsForMemory() throws Exception {
		TransferBudget small = new TransferBudget(PART, 0);
		CountDownLatch taken = new CountDownLatch(1);
		AtomicReference<Thread> storage = new AtomicReference<>();
		try (StreamedPayload payload = new StreamedPayload(null, this.slabs, small, Duration.ofDays(1),
				TransferTrace.none())) {
			Thread failing = started(() -> {
				await(taken);
				await(storage.get(), Thread.State.TIMED_WAITING);
				payload.fail(new IllegalStateException("planted"));
			});
			assertThatIllegalStateException().isThrownBy(() -> StreamedUpload.run(payload, (stream) -> {
				try (Part first = stream.next(PART)) {
					assertThat(first).isNotNull();
					storage.set(Thread.currentThread());
					taken.countDown();
					stream.next(PART);
					return 0;
				}
			}, StreamedPayloadTests::endless)).withMessage("planted");
			failing.join();
		}
		assertThat(small.inUse()).isZero();
	}

	@Test
	void withoutAnyRoomFails() {
		try (TransferBudget.Lease all = this.budget.acquire(16 << 20, Duration.ZERO);
				StreamedPayload payload = payload(LEVEL_1)) {
			assertThat(all).isNotNull();
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> StreamedUpload.run(payload,
					(stream) -> takeAll(stream, PART, new ArrayList<>()), StreamedPayloadTests::endless));
		}
	}

	@Test
	void partThatCanNeverBeHeldNamesTheKey() {
		try (StreamedPayload payload = payload(null)) {
			assertThatExceptionOfType(BudgetExhaustedException.class)
				.isThrownBy(() -> StreamedUpload.run(payload, (stream) -> takeAll(stream, 32 << 20, new ArrayList<>()),
						StreamedPayloadTests::endless))
				.withMessageContaining("vgi.external.memory.");
		}
	}

	private StreamedPayload payload(@Nullable Compression compression) {
		return new StreamedPayload(compression, this.slabs, this.budget, Duration.ZERO, TransferTrace.none());
	}

	private static PartWindow window(int parallel) {
		return PartWindow.parallel(parallel, new RecordedPauses().policy(0), TransferThreads.platform());
	}

	private static PartWindow inOrder() {
		return PartWindow.inOrder(new RecordedPauses().policy(0), TransferThreads.platform());
	}

	private static List<String> send(StreamedPayload payload, PartWindow window, PartWindow.Sender<String> sender) {
		try (Part first = payload.next(PART)) {
			assertThat(first).isNotNull();
			return window.send(first, payload, PART, () -> Deadline.in(Duration.ofSeconds(30)), sender);
		}
	}

	private static int takeAll(StreamedPayload payload, int size, List<byte[]> parts) {
		boolean last = false;
		while (!last) {
			try (Part part = payload.next(size)) {
				assertThat(part).isNotNull();
				parts.add(bytes(part));
				last = part.isLast();
			}
		}
		assertThat(payload.next(size)).isNull();
		return parts.size();
	}

	private static void endless(StreamedPayload stream) throws IOException {
		while (true) {
			stream.write(ByteBuffer.allocate(1000));
		}
	}

	private static byte[] bytes(int length) {
		byte[] bytes = new byte[length];
		new Random(length).nextBytes(bytes);
		return bytes;
	}

	private static byte[] bytes(RequestBody part) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try {
			part.writeTo(Channels.newChannel(bytes));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		assertThat(bytes.size()).isEqualTo((int) part.length());
		return bytes.toByteArray();
	}

	private static byte[] joined(Iterable<byte[]> parts) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		parts.forEach(bytes::writeBytes);
		return bytes.toByteArray();
	}

	private static Thread started(Runnable task) {
		Thread thread = new Thread(task, "streamed");
		thread.start();
		return thread;
	}

	private static void await(CountDownLatch latch) {
		try {
			assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static void await(Thread thread, Thread.State state) {
		while (thread.getState() != state) {
			Thread.onSpinWait();
		}
	}

	private static void await(CyclicBarrier barrier) {
		try {
			barrier.await(10, TimeUnit.SECONDS);
		}
		catch (Exception ex) {
			throw new IllegalStateException("not parallel", ex);
		}
	}

}
