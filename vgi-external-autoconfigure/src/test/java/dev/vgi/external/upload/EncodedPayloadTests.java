package dev.vgi.external.upload;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.upload.Payload.Part;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link EncodedPayload}, {@link Compressibility} among them.
 */
class EncodedPayloadTests {

	private static final Duration NO_WAIT = Duration.ZERO;

	private static final Compression LEVEL_1 = new Compression(1, 0);

	private static final int PART = 64 << 10;

	private final BufferAllocator allocator = new RootAllocator();

	private final SlabPool slabs = new SlabPool(0, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(16 << 20, 0);

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.slabs.leasedSlabs()).isZero();
		assertThat(this.budget.inUse()).isZero();
		this.slabs.close();
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(ints = { 1000, PART, PART + 1, 1 << 20, 1 << 30 })
	void partsMakeTheWholeStream(int size) throws Exception {
		try (GatheredStream stream = stream(200_000, 1000)) {
			byte[] raw = bytes(stream);
			byte[] plain = take(payload(stream, null), size);
			assertThat(plain).isEqualTo(raw);
			byte[] coded = take(payload(stream, LEVEL_1), size);
			assertThat(coded.length).isLessThan(raw.length);
			assertThat(Zstd.getFrameContentSize(coded)).isEqualTo(raw.length);
			assertThat(Zstd.decompress(coded, raw.length)).isEqualTo(raw);
			assertThat(Zstd.findFrameCompressedSize(coded)).isEqualTo(coded.length);
		}
	}

	@Test
	void identicalBatchesGiveIdenticalBytes() throws Exception {
		try (GatheredStream first = stream(100_000, 1000); GatheredStream second = stream(100_000, 1000)) {
			assertThat(take(payload(first, LEVEL_1), PART)).isEqualTo(take(payload(second, LEVEL_1), PART));
		}
	}

	@Test
	void partCanBeWrittenAgainWhileOthersAreTaken() throws Exception {
		try (GatheredStream stream = stream(200_000, 1 << 30); EncodedPayload payload = payload(stream, LEVEL_1)) {
			try (Part first = payload.next(PART); Part second = payload.next(PART)) {
				assertThat(first).isNotNull();
				byte[] once = bytes(first);
				assertThat(bytes(first)).isEqualTo(once).hasSize(PART);
				assertThat(second).isNotNull();
				assertThat(bytes(second)).isNotEqualTo(once);
			}
		}
	}

	@Test
	void closedPartServesTheNext() throws Exception {
		try (GatheredStream stream = stream(500_000, 1 << 30)) {
			take(payload(stream, LEVEL_1), PART);
			assertThat(this.budget.peak()).isEqualTo(PART);
		}
	}

	@Test
	void withoutRoomForAnotherPartWaitsForOneOfItsOwn() throws Exception {
		TransferBudget small = new TransferBudget(PART + PART / 2, 0);
		ExecutorService other = Executors.newSingleThreadExecutor();
		try (GatheredStream stream = stream(200_000, 1 << 30);
				EncodedPayload payload = EncodedPayload.of(stream, LEVEL_1, this.slabs, small, Duration.ofSeconds(30),
						TransferTrace.none())) {
			Part first = payload.next(PART);
			assertThat(first).isNotNull();
			Future<?> second = other.submit(() -> {
				try (Part part = payload.next(PART)) {
					assertThat(part).isNotNull();
				}
			});
			first.close();
			second.get();
			assertThat(small.peak()).isEqualTo(PART);
		}
		finally {
			other.shutdown();
		}
		assertThat(small.inUse()).isZero();
	}

	@Test
	void withoutAnyRoomFails() throws Exception {
		try (TransferBudget.Lease all = this.budget.acquire(16 << 20, NO_WAIT);
				GatheredStream stream = stream(200_000, 1000);
				EncodedPayload payload = payload(stream, LEVEL_1)) {
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> payload.next(PART));
			assertThat(all).isNotNull();
		}
	}

	@Test
	void neverWaitsForPartsThatNobodyCloses() throws Exception {
		TransferBudget small = new TransferBudget(PART, 0);
		try (GatheredStream stream = stream(200_000, 1 << 30);
				EncodedPayload payload = EncodedPayload.of(stream, LEVEL_1, this.slabs, small, NO_WAIT,
						TransferTrace.none());
				Part first = payload.next(PART)) {
			assertThat(first).isNotNull();
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> payload.next(PART));
		}
		assertThat(small.inUse()).isZero();
	}

	@Test
	void partThatAStorageKeepsIsFreedWithItself() {
		try (GatheredStream stream = stream(200_000, 1 << 30)) {
			EncodedPayload payload = payload(stream, LEVEL_1);
			Part kept = payload.next(PART);
			assertThat(kept).isNotNull();
			assertThatIllegalStateException().isThrownBy(payload::close).withMessageContaining("still open");
			assertThat(this.budget.inUse()).isZero();
			assertThat(this.slabs.leasedSlabs()).isOne();
			kept.close();
			payload.close();
		}
	}

	@Test
	void randomDataIsNotCompressed() throws Exception {
		try (GatheredStream stream = stream(500_000, Long.MAX_VALUE);
				EncodedPayload payload = payload(stream, LEVEL_1)) {
			assertThat(payload.contentCoding()).isNull();
			assertThat(take(payload, PART)).isEqualTo(bytes(stream));
		}
	}

	@Test
	void oneCompressibleColumnAmongRandomOnesIsWorthIt() {
		try (GatheredStream stream = stream(500_000, Long.MAX_VALUE, 10, Long.MAX_VALUE);
				EncodedPayload payload = payload(stream, LEVEL_1)) {
			assertThat(payload.contentCoding()).isEqualTo("zstd");
		}
	}

	@Test
	void smallStreamIsJudgedByAllItsBytes() {
		try (GatheredStream stream = stream(3, 10); EncodedPayload payload = payload(stream, LEVEL_1)) {
			assertThat(payload.contentCoding()).isEqualTo("zstd");
		}
	}

	private EncodedPayload payload(GatheredStream stream, @Nullable Compression compression) {
		return EncodedPayload.of(stream, compression, this.slabs, this.budget, NO_WAIT, TransferTrace.none());
	}

	private static byte[] take(EncodedPayload payload, int size) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (payload) {
			boolean last = false;
			while (!last) {
				try (Part part = payload.next(size)) {
					assertThat(part).isNotNull();
					byte[] taken = bytes(part);
					assertThat(taken).hasSize((int) part.length());
					assertThat(part.isLast() || taken.length == size).isTrue();
					last = part.isLast();
					bytes.writeBytes(taken);
				}
			}
			assertThat(payload.next(size)).isNull();
			assertThat(payload.takenLength()).isEqualTo(bytes.size()).isLessThanOrEqualTo(payload.maxLength());
		}
		return bytes.toByteArray();
	}

	private static byte[] bytes(Part part) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		part.writeTo(Channels.newChannel(bytes));
		return bytes.toByteArray();
	}

	private static byte[] bytes(GatheredStream stream) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		stream.writeTo(Channels.newChannel(bytes));
		return bytes.toByteArray();
	}

	private GatheredStream stream(int rows, long... bounds) {
		List<FieldVector> vectors = new ArrayList<>();
		for (long bound : bounds) {
			Random random = new Random(1);
			BigIntVector vector = new BigIntVector("n" + vectors.size(), this.allocator);
			vector.allocateNew(rows);
			for (int row = 0; row < rows; row++) {
				vector.set(row, (bound == Long.MAX_VALUE) ? random.nextLong() : random.nextLong(bound));
			}
			vector.setValueCount(rows);
			vectors.add(vector);
		}
		try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(vectors))) {
			return IpcStreamWriter.gather(OutputCycle.of(batch));
		}
	}

}
