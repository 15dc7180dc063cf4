package dev.vgi.external.storage.s3;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.Payload;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageUnavailableException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of {@link PartUploads} without HTTP.
 */
@Timeout(30)
class PartUploadsTests {

	private static final int PART = 1000;

	private final Map<Integer, byte[]> sent = new ConcurrentHashMap<>();

	@AfterEach
	void noHelperIsLeft() {
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().startsWith("vgi-upload"));
	}

	@ParameterizedTest
	@CsvSource({ "8388608,0,8388608", "8388608,83886080000,8388608", "8388608,83886080001,8388609",
			"8388608,5497558138880,549755814", "1073741824,5497558138880,1073741824",
			"8388608,9223372036854775807,1073741824", "5368709120,1,1073741824" })
	void partSizeGrowsSoThatThereAreNeverMoreThan10000Parts(long configured, long maxLength, int expected) {
		int size = PartUploads.partSize(configured, maxLength);
		assertThat(size).isEqualTo(expected);
	}

	@ParameterizedTest
	@ValueSource(longs = { 1, 83_886_079_999L, 83_886_080_001L, 1L << 40, 5L << 40 })
	void whatFitsIntoABucketFitsIntoTheParts(long maxLength) {
		int size = PartUploads.partSize(8 << 20, maxLength);
		assertThat((maxLength + size - 1) / size).isLessThanOrEqualTo(10_000);
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2, 3, 50 })
	void codedPayloadEndsWhereItEndsAndNotAtItsBound(int parallel) {
		CodedPayload payload = new CodedPayload(PART * 7 + 123, 100L * PART, Integer.MAX_VALUE);
		assertThat(uploads(payload).run(parallel, this::send)).containsExactly("tag-1", "tag-2", "tag-3", "tag-4",
				"tag-5", "tag-6", "tag-7", "tag-8");
		assertThat(joined()).isEqualTo(payload.bytes());
		assertThat(payload.open).isZero();
	}

	@Test
	void lastPartMayBeFull() {
		CodedPayload payload = new CodedPayload(PART * 3, PART * 3, Integer.MAX_VALUE);
		assertThat(uploads(payload).run(4, this::send)).hasSize(3);
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void noMorePartsAreOpenThanAreSent() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, Integer.MAX_VALUE);
		CyclicBarrier three = new CyclicBarrier(3);
		uploads(payload).run(3, (number, body, cancelled) -> {
			await(three);
			return send(number, body, cancelled);
		});
		assertThat(payload.mostOpen).isEqualTo(3);
		assertThat(payload.open).isZero();
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void whenMemoryIsShortPartsWaitForOneAnother() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, 2);
		uploads(payload).run(6, this::send);
		assertThat(payload.mostOpen).isLessThanOrEqualTo(2);
		assertThat(joined()).isEqualTo(payload.bytes());
	}

	@Test
	void whenAPartCannotBeTakenTheUploadFailsWithThatError() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, Integer.MAX_VALUE);
		payload.failAt = PART * 5;
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> uploads(payload).run(3, this::send))
			.withMessage("planted failure");
		assertThat(payload.open).isZero();
		assertThat(this.sent).hasSizeLessThanOrEqualTo(5);
		assertThat(Thread.interrupted()).isFalse();
	}

	@Test
	void whenAPartFailsWhileOthersWaitForMemoryNobodyIsLeftWaiting() {
		CodedPayload payload = new CodedPayload(PART * 12, PART * 20, 1);
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> uploads(payload).run(4, (number, body, cancelled) -> {
				if (number == 3) {
					throw new StorageUnavailableException("part 3", 500, null);
				}
				return send(number, body, cancelled);
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
			.isThrownBy(() -> uploads(payload).run(3, (number, body, cancelled) -> {
				if (number == 1) {
					await(others);
					throw new StorageUnavailableException("part 1", 500, null);
				}
				others.countDown();
				while (!cancelled.getAsBoolean()) {
					Thread.onSpinWait();
				}
				try {
					body.writeTo(Channels.newChannel(new ByteArrayOutputStream()));
				}
				catch (IOException ex) {
					synchronized (stopped) {
						stopped.add(ex);
					}
					throw new StorageUnavailableException("cancelled", 0, null);
				}
				return "";
			}))
			.withMessage("part 1");
		assertThat(stopped).hasSize(2);
		assertThat(payload.openParts()).isZero();
	}

	private static PartUploads uploads(Payload payload) {
		Payload.Part first = payload.next(PART);
		assertThat(first).isNotNull();
		return new PartUploads(first, payload, PART);
	}

	private String send(int number, RequestBody body, Object cancelled) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try {
			body.writeTo(Channels.newChannel(bytes));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		assertThat(bytes.size()).isEqualTo(body.length());
		this.sent.put(number, bytes.toByteArray());
		return "tag-" + number;
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
			this.open++;
			this.mostOpen = Math.max(this.mostOpen, this.open);
			return new CountedPart(part);
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
