package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * What reading charges to a request for the heap: the largest head of a message until the
 * reader is closed or another account begins, and each batch until it is closed.
 */
class ReadingChargesTests {

	private static final int ROWS = 1000;

	private final RootAllocator allocator = new RootAllocator();

	private final TransferBudget budget = new TransferBudget(1 << 24, 0);

	private final RequestMemory request = this.budget.request("caller", this.allocator);

	private final BufferAllocator charged = allocator(this.request);

	@AfterEach
	void end() {
		this.request.close();
		assertThat(this.budget.inUse()).isZero();
		this.allocator.close();
	}

	@Test
	void headsAndBatchesAreCharged() {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			bytes = SampleBatches.stream(batch, new LogMessage("INFO", "x".repeat(5000), Map.of()));
		}
		List<Integer> heads = heads(bytes);
		assertThat(heads).hasSize(3);
		long schema = 5L * heads.get(0);
		assertThat(schema).as("less than the long message, more than the batch")
			.isBetween((long) heads.get(2), (long) heads.get(1));
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
				IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.charged)) {
			reader.nextStream();
			assertThat(this.budget.inUse()).isEqualTo(schema);
			long batch = BatchLoader.heap(reader.schema().getFields());
			AnnotatedBatch log = SampleBatches.next(reader);
			long ofLog = batch + 4L * heads.get(1);
			assertThat(heap()).isEqualTo(heads.get(1) + ofLog);
			AnnotatedBatch data = SampleBatches.next(reader);
			long ofData = batch + 4L * heads.get(2);
			assertThat(heap()).isEqualTo(heads.get(1) + ofLog + ofData);
			reader.newAccount();
			assertThat(heap()).isEqualTo(ofLog + ofData);
			log.close();
			assertThat(heap()).isEqualTo(ofData);
			data.close();
			assertThat(this.budget.inUse()).isZero();
			assertThat(reader.next()).isNull();
		}
	}

	@Test
	void vectorsThatContainOthersCostMore() {
		Field number = Field.nullable("n", SampleBatches.INT32);
		Field list = new Field("l", FieldType.nullable(ArrowType.List.INSTANCE), List.of(number));
		long none = BatchLoader.heap(List.of());
		long one = BatchLoader.heap(List.of(number)) - none;
		assertThat(none).isEqualTo(512);
		assertThat(one).isEqualTo(384);
		assertThat(BatchLoader.heap(List.of(number, number)) - none).isEqualTo(2 * one);
		assertThat(BatchLoader.heap(List.of(list)) - none).isEqualTo(640 + one);
	}

	@Test
	void chargeForTheHeadsEndsWithTheReader() {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			bytes = SampleBatches.stream(batch);
		}
		IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, this.charged);
		reader.nextStream();
		assertThat(this.budget.inUse()).isPositive();
		reader.close();
		assertThat(this.budget.inUse()).isZero();
	}

	static List<Arguments> rowsThatTakeNoBytes() {
		return List.of(Arguments.of("nulls", columns((allocator) -> new NullVector("c", ROWS)), ROWS),
				Arguments.of("structs of nothing", columns((allocator) -> filled(StructVector.empty("c", allocator))),
						ROWS),
				Arguments.of("lists of nothing", columns((allocator) -> lists(allocator, 0)), ROWS),
				Arguments.of("lists of something", columns((allocator) -> lists(allocator, 1)), 0),
				Arguments.of("no columns", columns(), ROWS), Arguments.of("runs", (Maker) SampleBatches::runs, 5),
				Arguments.of("numbers", (Maker) (allocator) -> SampleBatches.numbers(allocator, ROWS), 0));
	}

	@SafeVarargs
	private static Maker columns(Function<BufferAllocator, FieldVector>... columns) {
		return (allocator) -> {
			List<FieldVector> vectors = new ArrayList<>();
			Arrays.stream(columns).forEach((column) -> vectors.add(column.apply(allocator)));
			return SampleBatches.batch(ROWS, vectors, BatchMetadata.empty());
		};
	}

	private static FieldVector filled(FieldVector vector) {
		vector.allocateNew();
		vector.setValueCount(ROWS);
		return vector;
	}

	private static FieldVector lists(BufferAllocator allocator, int size) {
		FixedSizeListVector lists = FixedSizeListVector.empty("c", size, allocator);
		lists.addOrGetVector(FieldType.nullable(SampleBatches.INT32));
		return filled(lists);
	}

	@ParameterizedTest
	@MethodSource
	void rowsThatTakeNoBytes(String what, Maker maker, int expected) {
		byte[] bytes;
		try (AnnotatedBatch batch = maker.make(this.allocator)) {
			bytes = SampleBatches.stream(batch);
		}
		int head = heads(bytes).get(1);
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
				IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.charged)) {
			reader.nextStream();
			long before = Math.max(this.budget.inUse(), head);
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(batch.rowCount()).isEqualTo((expected == 5) ? 5 : ROWS);
				assertThat(heap() - before - BatchLoader.heap(reader.schema().getFields()) - 4L * head).as(what)
					.isEqualTo(expected);
			}
			assertThat(this.budget.inUse()).isEqualTo(before);
		}
	}

	@Test
	void longHeadsAreChargedAlsoWhenTheyAreSkipped() {
		BatchMetadata refused = BatchMetadata.of("key", "x".repeat(2000));
		// a text of the first length gives a head of 65,536 bytes
		for (int length : new int[] { 65_368, 65_376 }) {
			byte[] bytes;
			try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3);
					AnnotatedBatch first = batch.zeroRows(refused, this.allocator);
					AnnotatedBatch second = batch.zeroRows(BatchMetadata.of("k", "y".repeat(length)), this.allocator)) {
				bytes = SampleBatches.bytes(IpcStreamWriter.gather(batch.schema(), List.of(first, second)));
			}
			TransferBudget small = new TransferBudget(50_000, 50_000, 0, null);
			try (RequestMemory memory = small.request("caller", this.allocator);
					IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
							allocator(memory), ReadOptions.of(ReadLimits.defaults().withMetadataSize(1000)))) {
				reader.nextStream();
				assertThatExceptionOfType(LimitExceededException.class).isThrownBy(reader::next);
				int head = heads(bytes).get(2);
				assertThat(head).isBetween(65_536, 65_544);
				assertThat(reader.skipBrokenStream()).as("a head of %d bytes", head).isEqualTo(head == 65_536);
			}
		}
	}

	@Test
	void headThatHasNoRoomIsRefused() {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 3)) {
			bytes = SampleBatches.stream(batch);
		}
		int head = heads(bytes).get(0);
		for (long room : new long[] { 5L * head - 1, 5L * head }) {
			TransferBudget small = new TransferBudget(room, room, 0, null);
			try (RequestMemory memory = small.request("caller", this.allocator);
					IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
							allocator(memory))) {
				if (room < 5L * head) {
					assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(reader::nextStream);
				}
				else {
					assertThat(reader.nextStream()).isTrue();
				}
			}
		}
	}

	@Test
	void positionsAreChargedWhileAColumnIsDecoded() {
		// values that take no bytes
		try (VectorSchemaRoot decoded = nulls(ROWS, 1).decode(this.charged)) {
			assertThat(decoded.getRowCount()).isEqualTo(ROWS);
			assertThat(this.budget.peak()).as("one column at a time").isEqualTo(4 * ROWS);
			assertThat(this.budget.inUse()).isZero();
		}
		AnnotatedBatch broken = nulls(ROWS, 0);
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> broken.decode(this.charged));
		assertThat(this.budget.inUse()).isZero();
	}

	// three columns of the first of some nulls
	private AnnotatedBatch nulls(int rows, int values) {
		DictionaryEncoding encoding = new DictionaryEncoding(9, false, null);
		MapDictionaryProvider dictionaries = new MapDictionaryProvider();
		dictionaries.put(new Dictionary(new NullVector("nulls", values), encoding));
		List<FieldVector> columns = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			IntVector column = new IntVector("c" + i, new FieldType(true, SampleBatches.INT32, encoding),
					this.allocator);
			column.allocateNew(rows);
			for (int row = 0; row < rows; row++) {
				column.set(row, 0);
			}
			columns.add(column);
		}
		AnnotatedBatch batch = SampleBatches.batch(rows, columns, BatchMetadata.empty());
		return new AnnotatedBatch(batch.root(), dictionaries, batch.metadata());
	}

	private BufferAllocator allocator(RequestMemory memory) {
		try (RequestMemory.Bound bound = memory.bind()) {
			return RequestMemory.allocator(this.allocator);
		}
	}

	// what is charged for the heap
	private long heap() {
		return this.budget.inUse() - this.charged.getAllocatedMemory();
	}

	// lengths of the heads of all messages
	private static List<Integer> heads(byte[] stream) {
		List<Integer> heads = new ArrayList<>();
		ByteBuffer bytes = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
		int at = 0;
		for (int length = bytes.getInt(4); length != 0; length = bytes.getInt(at + 4)) {
			heads.add(length);
			ByteBuffer head = bytes.slice(at + 8, length).order(ByteOrder.LITTLE_ENDIAN);
			at += 8 + length + (int) org.apache.arrow.flatbuf.Message.getRootAsMessage(head).bodyLength();
		}
		return heads;
	}

	/**
	 * Makes a batch.
	 */
	@FunctionalInterface
	interface Maker {

		AnnotatedBatch make(BufferAllocator allocator);

	}

}
