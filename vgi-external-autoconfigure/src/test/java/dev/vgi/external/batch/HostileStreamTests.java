package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;

import com.google.flatbuffers.FlatBufferBuilder;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Struct_;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Broken and hostile streams: {@link IpcStreamReader} says so or returns batches whose
 * every value can be read; nothing else escapes and nothing leaks.
 */
class HostileStreamTests {

	private static final long[] INTERESTING = { 0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF,
			Integer.MAX_VALUE, Integer.MIN_VALUE, 0xFFFF_FFFFL, Integer.MAX_VALUE - 7L, Long.MAX_VALUE, Long.MIN_VALUE,
			Long.MAX_VALUE - 7, 1L << 40 };

	private static final int[] MASKS = { 0x01, 0x80, 0xFF, 0x10 };

	// a limit shows allocations that nothing in the stream pays for
	private final RootAllocator allocator = new RootAllocator(1 << 26);

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	static Stream<Function<BufferAllocator, AnnotatedBatch>> seeds() {
		return Stream.of((allocator) -> SampleBatches.numbers(allocator, 5),
				(allocator) -> SampleBatches.flat(allocator, 11), (allocator) -> SampleBatches.flat(allocator, 0),
				(allocator) -> SampleBatches.nested(allocator, 9), SampleBatches::runs, SampleBatches::times,
				(allocator) -> SampleBatches.dictionaries(allocator, 7), SampleBatches::nestedDictionaries);
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void survivesEveryTruncation(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes = stream(seed);
		for (int length = 0; length < bytes.length; length++) {
			read(Arrays.copyOf(bytes, length), length);
		}
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void survivesEveryFlippedByte(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes = stream(seed);
		for (int i = 0; i < bytes.length; i++) {
			byte[] broken = bytes.clone();
			broken[i] ^= (byte) MASKS[i / 3 % MASKS.length];
			read(broken, i);
		}
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void survivesEveryOverwrittenInt(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes = stream(seed);
		for (int i = 0; i + 8 <= bytes.length; i += 4) {
			for (int n = 0; n < 4; n++) {
				// other values at every place, all of them at similar places
				long value = INTERESTING[(i / 4 * 5 + n * 4) % INTERESTING.length];
				byte[] broken = bytes.clone();
				ByteBuffer buffer = ByteBuffer.wrap(broken).order(ByteOrder.LITTLE_ENDIAN);
				if (value == (int) value) {
					buffer.putInt(i, (int) value);
				}
				else {
					buffer.putLong(i, value);
				}
				read(broken, i);
			}
		}
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void survivesRandomDamage(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] bytes = stream(seed);
		for (int i = 0; i < 500; i++) {
			Random random = new Random(i);
			byte[] broken = bytes.clone();
			for (int n = random.nextInt(6); n >= 0; n--) {
				int at = random.nextInt(broken.length - 8);
				switch (random.nextInt(4)) {
					case 0 -> Arrays.fill(broken, at, at + 1, (byte) random.nextInt());
					case 1 -> ByteBuffer.wrap(broken)
						.order(ByteOrder.LITTLE_ENDIAN)
						.putInt(at & ~3, (int) INTERESTING[random.nextInt(INTERESTING.length)]);
					case 2 -> ByteBuffer.wrap(broken)
						.order(ByteOrder.LITTLE_ENDIAN)
						.putLong(at & ~7, INTERESTING[random.nextInt(INTERESTING.length)]);
					default -> System.arraycopy(bytes, random.nextInt(bytes.length - 8), broken, at, 8);
				}
			}
			read(broken, i);
		}
	}

	@Test
	void survivesNoise() {
		for (int i = 0; i < 2_000; i++) {
			Random random = new Random(i);
			byte[] noise = new byte[random.nextInt(400)];
			random.nextBytes(noise);
			if (noise.length > 12 && i % 2 == 0) {
				ByteBuffer.wrap(noise).order(ByteOrder.LITTLE_ENDIAN).putInt(0, -1).putInt(4, noise.length - 8 & ~7);
			}
			read(noise, i);
		}
	}

	@Test
	void hugeBodyOfAShortStreamIsNotAllocated() {
		byte[] bytes = stream((allocator) -> SampleBatches.numbers(allocator, 5));
		int found = 0;
		for (int i = 0; i + 8 <= bytes.length; i += 4) {
			byte[] broken = bytes.clone();
			ByteBuffer buffer = ByteBuffer.wrap(broken).order(ByteOrder.LITTLE_ENDIAN);
			if (buffer.getLong(i) == 40) {
				buffer.putLong(i, 1L << 35);
				found++;
				read(broken, i);
			}
		}
		assertThat(found).isPositive();
		assertThat(this.allocator.getPeakMemoryAllocation()).isLessThan(1 << 22);
	}

	@Test
	void textIsNoStream() {
		byte[] bytes = SampleBatches.utf8("this is not arrow");
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), 100, this.allocator)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::nextStream)
				.withMessageContaining("no Arrow IPC stream");
			assertThatExceptionOfType(CorruptStreamException.class).as("broken for good")
				.isThrownBy(reader::nextStream);
		}
	}

	@Test
	void lastOfEqualKeysWins() {
		byte[] bytes;
		Map<String, String> entries = new LinkedHashMap<>();
		entries.put("keyA", "first");
		entries.put("keyB", "second");
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 2).withMetadata(BatchMetadata.of(entries))) {
			bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
		}
		replace(bytes, "keyB", SampleBatches.utf8("keyA"));
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
				this.allocator)) {
			reader.nextStream();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(batch.metadata().asMap()).containsExactly(Map.entry("keyA", "second"));
			}
		}
	}

	private static void replace(byte[] bytes, String text, byte[] replacement) {
		byte[] wanted = SampleBatches.utf8(text);
		for (int i = 0; i + wanted.length <= bytes.length; i++) {
			if (Arrays.equals(bytes, i, i + wanted.length, wanted, 0, wanted.length)) {
				System.arraycopy(replacement, 0, bytes, i, replacement.length);
				return;
			}
		}
		throw new IllegalArgumentException(text);
	}

	@Test
	void bigEndianStreamIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[0]);
		int schema = Schema.createSchema(builder, Endianness.Big, fields, 0, 0);
		assertRefused(message(builder, schema, MetadataVersion.V5), "big-endian");
	}

	@Test
	void oldMetadataVersionIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[0]);
		int schema = Schema.createSchema(builder, Endianness.Little, fields, 0, 0);
		assertRefused(message(builder, schema, MetadataVersion.V3), "version");
	}

	@Test
	void schemaWhosePartsAreSharedAMillionTimesIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int field = field(builder, new int[0]);
		for (int depth = 0; depth < 40; depth++) {
			field = field(builder, new int[] { field, field });
		}
		int schema = Schema.createSchema(builder, Endianness.Little,
				Schema.createFieldsVector(builder, new int[] { field }), 0, 0);
		assertRefused(message(builder, schema, MetadataVersion.V5), "overlap");
	}

	@Test
	void deeplyNestedSchemaIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int field = field(builder, new int[0]);
		for (int depth = 0; depth < 5_000; depth++) {
			field = field(builder, new int[] { field });
		}
		int schema = Schema.createSchema(builder, Endianness.Little,
				Schema.createFieldsVector(builder, new int[] { field }), 0, 0);
		assertRefused(message(builder, schema, MetadataVersion.V5), "nests");
	}

	@Test
	void fieldWithoutANameIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int none = Field.createChildrenVector(builder, new int[0]);
		Struct_.startStruct_(builder);
		int nameless = Field.createField(builder, 0, true, Type.Struct_, Struct_.endStruct_(builder), 0, none, 0);
		int schema = Schema.createSchema(builder, Endianness.Little,
				Schema.createFieldsVector(builder, new int[] { field(builder, new int[] { nameless }) }), 0, 0);
		assertRefused(message(builder, schema, MetadataVersion.V5), "without a name");
	}

	@Test
	void fieldWithoutATypeIsRefused() {
		for (byte type : new byte[] { Type.NONE, Type.Int, Type.Timestamp }) {
			FlatBufferBuilder typeless = new FlatBufferBuilder();
			int none = Field.createChildrenVector(typeless, new int[0]);
			int name = typeless.createString("f");
			int field = Field.createField(typeless, name, true, type, 0, 0, none, 0);
			int schema = Schema.createSchema(typeless, Endianness.Little,
					Schema.createFieldsVector(typeless, new int[] { field }), 0, 0);
			assertRefused(message(typeless, schema, MetadataVersion.V5), "contradicts itself");
		}
	}

	@Test
	void schemaInsideAValueIsReadAsCarefully() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int field = field(builder, new int[0]);
		for (int depth = 0; depth < 40; depth++) {
			field = field(builder, new int[] { field, field });
		}
		int schema = Schema.createSchema(builder, Endianness.Little,
				Schema.createFieldsVector(builder, new int[] { field }), 0, 0);
		byte[] bytes = message(builder, schema, MetadataVersion.V5);
		assertThatExceptionOfType(CorruptStreamException.class)
			.isThrownBy(() -> IpcStreamReader.readSchema(bytes, this.allocator))
			.withMessageContaining("overlap");
		for (int length = 0; length < bytes.length; length++) {
			byte[] cut = Arrays.copyOf(bytes, length);
			assertThatExceptionOfType(CorruptStreamException.class)
				.isThrownBy(() -> IpcStreamReader.readSchema(cut, this.allocator));
		}
	}

	@Test
	void rowsThatNothingPaysForAreRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int[] columns = new int[50];
		Arrays.setAll(columns, (i) -> field(builder, new int[0]));
		int schema = Schema.createSchema(builder, Endianness.Little, Schema.createFieldsVector(builder, columns), 0, 0);
		byte[] start = message(builder, schema, MetadataVersion.V5);
		FlatBufferBuilder batchBuilder = new FlatBufferBuilder();
		RecordBatch.startNodesVector(batchBuilder, columns.length);
		for (int i = 0; i < columns.length; i++) {
			FieldNode.createFieldNode(batchBuilder, Integer.MAX_VALUE, 0);
		}
		int nodes = batchBuilder.endVector();
		RecordBatch.startBuffersVector(batchBuilder, columns.length);
		for (int i = 0; i < columns.length; i++) {
			Buffer.createBuffer(batchBuilder, 0, 0);
		}
		int buffers = batchBuilder.endVector();
		int batch = RecordBatch.createRecordBatch(batchBuilder, Integer.MAX_VALUE, nodes, buffers, 0, 0);
		byte[] rest = message(batchBuilder, batch, MetadataVersion.V5, MessageHeader.RecordBatch);
		byte[] all = Arrays.copyOf(start, start.length + rest.length);
		System.arraycopy(rest, 0, all, start.length, rest.length);
		assertRefused(all, "more values than its body");
	}

	@Test
	void rowsThatNothingPaysForAreNotMadeInEveryMessageAnew() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[] { field(builder, new int[0]) });
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		bytes.writeBytes(
				message(builder, Schema.createSchema(builder, Endianness.Little, fields, 0, 0), MetadataVersion.V5));
		// without validity, so that 4 MB of it are made
		for (int i = 0; i < 5; i++) {
			bytes.writeBytes(rows(1 << 25, 1, new long[] { 0 }));
		}
		assertRefused(bytes.toByteArray(), "more work than its bytes");
	}

	@Test
	void buffersThatShareBytesAreRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int[] columns = { field(builder, new int[0]), field(builder, new int[0]) };
		int fields = Schema.createFieldsVector(builder, columns);
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		bytes.writeBytes(
				message(builder, Schema.createSchema(builder, Endianness.Little, fields, 0, 0), MetadataVersion.V5));
		bytes.writeBytes(rows(64, 2, new long[] { 8, 8 }));
		bytes.writeBytes(new byte[8]);
		assertRefused(bytes.toByteArray(), "overlap");
	}

	private static byte[] rows(int rows, int columns, long[] validity) {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		RecordBatch.startNodesVector(builder, columns);
		for (int i = 0; i < columns; i++) {
			FieldNode.createFieldNode(builder, rows, 0);
		}
		int nodes = builder.endVector();
		RecordBatch.startBuffersVector(builder, columns);
		for (int i = 0; i < columns; i++) {
			Buffer.createBuffer(builder, 0, validity[i]);
		}
		int buffers = builder.endVector();
		int batch = RecordBatch.createRecordBatch(builder, rows, nodes, buffers, 0, 0);
		return message(builder, batch, MetadataVersion.V5, MessageHeader.RecordBatch, validity[0]);
	}

	private void assertRefused(byte[] bytes, String reason) {
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
				this.allocator)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> {
				reader.nextStream();
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					batch.close();
				}
			}).withMessageContaining(reason);
		}
	}

	private static int field(FlatBufferBuilder builder, int[] children) {
		int offset = Field.createChildrenVector(builder, children);
		Struct_.startStruct_(builder);
		int type = Struct_.endStruct_(builder);
		return Field.createField(builder, builder.createString("f"), true, Type.Struct_, type, 0, offset, 0);
	}

	private static byte[] message(FlatBufferBuilder builder, int header, short version) {
		return message(builder, header, version, MessageHeader.Schema);
	}

	private static byte[] message(FlatBufferBuilder builder, int header, short version, byte type) {
		return message(builder, header, version, type, 0);
	}

	private static byte[] message(FlatBufferBuilder builder, int header, short version, byte type, long bodyLength) {
		return message(builder, header, version, type, bodyLength, 0);
	}

	static byte[] message(FlatBufferBuilder builder, int header, short version, byte type, long bodyLength,
			int entries) {
		builder.finish(Message.createMessage(builder, version, type, header, bodyLength, entries));
		byte[] metadata = builder.sizedByteArray();
		int padded = (metadata.length + 7) / 8 * 8;
		return ByteBuffer.allocate(8 + padded)
			.order(ByteOrder.LITTLE_ENDIAN)
			.putInt(-1)
			.putInt(padded)
			.put(metadata)
			.array();
	}

	private byte[] stream(Function<BufferAllocator, AnnotatedBatch> seed) {
		try (AnnotatedBatch batch = seed.apply(this.allocator).withMetadata(BatchMetadata.of("key", "value"))) {
			return SampleBatches
				.bytes(IpcStreamWriter.gather(new OutputCycle(List.of(new LogMessage("INFO", "m", Map.of())), batch)));
		}
	}

	private void read(byte[] bytes, int number) {
		if (number % 3 != 0) {
			try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
					IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator)) {
				readAll(reader, number);
			}
		}
		else {
			InputStream in = new ByteArrayInputStream(bytes);
			try (IpcStreamReader reader = IpcStreamReader.of(in, bytes.length, this.allocator)) {
				readAll(reader, number);
			}
		}
		assertThat(this.allocator.getAllocatedMemory()).as("memory after %d", number).isZero();
	}

	private void readAll(IpcStreamReader reader, int number) {
		try {
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					try (AnnotatedBatch owned = batch) {
						assertThat(SampleBatches.values(owned)).isNotNull();
						assertThat(owned.bufferSize()).isNotNegative();
					}
				}
			}
		}
		catch (CorruptStreamException | LimitExceededException ex) {
			assertThat(ex.getMessage()).isNotBlank();
		}
		catch (Throwable ex) {
			throw new AssertionError("Damage " + number + " was not noticed: " + ex, ex);
		}
	}

}
