package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for streams that follow each other on one connection: the end of one that cannot
 * be read, accounts between turns, and streams that are written part by part.
 */
@NullUnmarked
class BrokenStreamTests {

	private static final ReadOptions OPTIONS = ReadOptions.of(ReadLimits.defaults().withMetadataSize(1000));

	private final BufferAllocator allocator = new RootAllocator();

	@AfterEach
	void nothingIsKept() {
		this.allocator.close();
	}

	@Test
	void theEndOfARefusedStreamIsFound() throws Exception {
		byte[] good = stream(1, BatchMetadata.empty());
		// The second batch has more metadata than may be read; others follow.
		byte[] refused = stream(5, BatchMetadata.of("key", "x".repeat(2000)));
		InputStream in = new ByteArrayInputStream(concat(refused, good));
		try (IpcStreamReader reader = IpcStreamReader.of(in, Long.MAX_VALUE, this.allocator, OPTIONS)) {
			reader.nextStream();
			reader.next().close();
			assertThatExceptionOfType(LimitExceededException.class).isThrownBy(reader::next);
			assertThat(reader.skipBrokenStream()).isTrue();
			assertThatExceptionOfType(LimitExceededException.class).isThrownBy(reader::next);
		}
		assertReads(in, 1);
	}

	@Test
	void theEndIsFoundWhereverMemoryEnds() throws Exception {
		byte[] good = stream(1, BatchMetadata.empty());
		byte[] refused = stream(3, BatchMetadata.empty());
		int refusals = 0;
		for (long limit = 0; limit < 200_000; limit += 500) {
			refusals += readsWith(concat(refused, good), limit) ? 0 : 1;
		}
		assertThat(refusals).isBetween(10, 399);
	}

	private boolean readsWith(byte[] bytes, long limit) {
		boolean reads = true;
		InputStream in = new ByteArrayInputStream(bytes);
		TransferBudget budget = new TransferBudget(limit + 1, limit + 1, 0, null);
		try (RequestMemory memory = budget.request("caller", this.allocator);
				RequestMemory.Bound bound = memory.bind();
				IpcStreamReader reader = IpcStreamReader.of(in, Long.MAX_VALUE, RequestMemory.allocator(this.allocator),
						OPTIONS)) {
			try {
				reader.nextStream();
				AnnotatedBatch batch;
				while ((batch = reader.next()) != null) {
					batch.close();
				}
			}
			catch (VgiExternalException ex) {
				assertThat(reader.skipBrokenStream()).as("with %s bytes: %s", limit, ex).isTrue();
				reads = false;
			}
		}
		assertThat(budget.inUse()).isZero();
		assertReads(in, 1);
		return reads;
	}

	@Test
	void aStreamWithoutKnownEndIsGivenUp() throws Exception {
		byte[] refused = stream(3, BatchMetadata.of("key", "x".repeat(2000)));
		for (int length = 1; length < refused.length; length++) {
			InputStream in = new ByteArrayInputStream(Arrays.copyOf(refused, length));
			try (IpcStreamReader reader = IpcStreamReader.of(in, Long.MAX_VALUE, this.allocator, OPTIONS)) {
				try {
					reader.nextStream();
					AnnotatedBatch batch;
					while ((batch = reader.next()) != null) {
						batch.close();
					}
				}
				catch (VgiExternalException ex) {
					assertThat(reader.skipBrokenStream()).as("after %s bytes", length).isFalse();
				}
			}
		}
	}

	@Test
	void metadataIsKnownOfABatchThatIsTooLarge() throws Exception {
		TransferBudget budget = new TransferBudget(3000, 3000, 0, null);
		try (RequestMemory memory = budget.request("caller", this.allocator);
				RequestMemory.Bound bound = memory.bind();
				IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(large()), Long.MAX_VALUE,
						RequestMemory.allocator(this.allocator), OPTIONS)) {
			reader.nextStream();
			assertThat(reader.latestMetadata()).isNull();
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(reader::next);
			assertThat(reader.latestMetadata().get("key")).isEqualTo("value");
			assertThat(reader.skipBrokenStream()).isTrue();
		}
	}

	private byte[] large() throws IOException {
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 10_000)
			.withMetadata(BatchMetadata.of("key", "value"))) {
			return gathered(batch.schema(), List.of(batch));
		}
	}

	@Test
	void eachTurnHasAnAccountOfItsOwn() throws Exception {
		byte[] bytes = stream(20, BatchMetadata.empty());
		TransferBudget budget = new TransferBudget(1 << 20, 1 << 20, 0, null);
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), Long.MAX_VALUE,
				this.allocator, OPTIONS)) {
			boolean more = true;
			for (int turn = 0; more; turn++) {
				try (RequestMemory memory = budget.request("caller", this.allocator);
						RequestMemory.Bound bound = memory.bind()) {
					reader.newAccount(RequestMemory.allocator(this.allocator));
					if (turn == 0) {
						reader.nextStream();
					}
					try (AnnotatedBatch batch = reader.next()) {
						more = batch != null;
						assertThat(!more || batch.rowCount() > 0).isTrue();
					}
					finally {
						reader.endAccount();
					}
				}
			}
		}
		assertThat(budget.inUse()).isZero();
		assertThat(budget.peak()).isPositive();
	}

	@Test
	void partsAreTheSameStreamAsAWhole() throws Exception {
		List<AnnotatedBatch> batches = batches(4, BatchMetadata.of("key", "value"));
		ByteArrayOutputStream parts = new ByteArrayOutputStream();
		try (AnnotatedBatch shape = batches.get(0).zeroRows(BatchMetadata.empty(), this.allocator);
				StreamParts stream = new StreamParts(shape, this.allocator)) {
			write(stream.next(List.of(), null, false), parts);
			for (AnnotatedBatch batch : batches) {
				write(stream.next(List.of(), batch, false), parts);
			}
			write(stream.next(List.of(), null, true), parts);
		}
		assertThat(parts.toByteArray()).isEqualTo(gathered(batches.get(0).schema(), batches));
		batches.forEach(AnnotatedBatch::close);
	}

	private static void write(GatheredStream part, ByteArrayOutputStream target) throws IOException {
		try (part) {
			part.writeTo(Channels.newChannel(target));
		}
	}

	private void assertReads(InputStream in, int expected) {
		try (IpcStreamReader reader = IpcStreamReader.of(in, Long.MAX_VALUE, this.allocator, OPTIONS)) {
			assertThat(reader.nextStream()).isTrue();
			int count = 0;
			AnnotatedBatch batch;
			while ((batch = reader.next()) != null) {
				batch.close();
				count++;
			}
			assertThat(count).isEqualTo(expected);
			assertThat(reader.nextStream()).isFalse();
		}
	}

	// Batches with dictionaries, all but the first with the metadata.
	private List<AnnotatedBatch> batches(int count, BatchMetadata metadata) {
		List<AnnotatedBatch> batches = new ArrayList<>();
		for (int i = 0; i < count; i++) {
			AnnotatedBatch batch = SampleBatches.dictionaries(this.allocator, 3 + i);
			batches.add((i > 0 || count == 1) ? batch.withMetadata(metadata) : batch);
		}
		return batches;
	}

	private byte[] stream(int count, BatchMetadata metadata) throws IOException {
		List<AnnotatedBatch> batches = batches(count, metadata);
		byte[] bytes = gathered(batches.get(0).schema(), batches);
		batches.forEach(AnnotatedBatch::close);
		return bytes;
	}

	private static byte[] gathered(Schema schema, List<AnnotatedBatch> batches) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (GatheredStream stream = IpcStreamWriter.gather(schema, batches)) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		return bytes.toByteArray();
	}

	private static byte[] concat(byte[] first, byte[] second) {
		byte[] both = Arrays.copyOf(first, first.length + second.length);
		System.arraycopy(second, 0, both, first.length, second.length);
		return both;
	}

}
