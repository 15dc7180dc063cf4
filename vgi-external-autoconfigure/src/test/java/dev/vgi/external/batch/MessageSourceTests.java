package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

import com.google.flatbuffers.FlatBufferBuilder;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link MessageSource}, with bytes in memory and bytes that arrive.
 */
class MessageSourceTests {

	private static final byte[] END = { -1, -1, -1, -1, 0, 0, 0, 0 };

	private static final int LONG_HEAD = ReadLimits.defaults().maxMessageSize();

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void whatIsNoMessageIsRefusedWithItsPosition() {
		byte[] schema = schema();
		byte[] text = SampleBatches.utf8("text");
		assertRefused(text, "no message starts at 0");
		assertRefused(join(schema, END, text), "no message starts at " + (schema.length + 8));
		assertRefused(join(schema, END, new byte[3]), "no message starts at " + (schema.length + 8));
		assertRefused(ints(0x01000000), "no message starts at 0");
		assertRefused(ints(-2), "no message starts at 0");
		assertRefused(ints(LONG_HEAD + 1), "no message starts at 0");
		assertRefused(join(schema, ints(-1, -8)), "The message at " + schema.length + " declares -8 bytes");
		assertRefused(join(schema, new byte[] { -1, -1, -1, -1, 0, 0 }), "in the middle of a message");
		assertRefused(END, "does not start with a schema");
		assertRefused(ints(0), "does not start with a schema");
	}

	@Test
	void headLongerThanTheLimitsIsRefusedBeforeItIsRead() {
		for (byte[] bytes : List.of(ints(-1, LONG_HEAD + 1), join(schema(), ints(-1, LONG_HEAD + 1)))) {
			for (boolean inMemory : new boolean[] { true, false }) {
				assertThatExceptionOfType(LimitExceededException.class)
					.isThrownBy(() -> read(bytes, Long.MAX_VALUE, inMemory))
					.withMessageContaining("declares " + (LONG_HEAD + 1) + " bytes before its body");
			}
		}
		assertRefused(ints(-1, LONG_HEAD), "in the middle of a message");
		assertRefused(ints(LONG_HEAD), "in the middle of a message");
	}

	@Test
	void headIsNotReadBeyondTheEnd() {
		byte[] schema = schema();
		byte[] cut = Arrays.copyOf(schema, schema.length - 1);
		assertRefused(cut, "in the middle of a message");
		for (int cap = 8; cap < schema.length; cap++) {
			int most = cap;
			assertThatExceptionOfType(StreamTooLongException.class).isThrownBy(() -> read(schema, most, false));
		}
		assertThat(read(schema, schema.length, false)).isZero();
	}

	@ParameterizedTest
	@ValueSource(longs = { -8, Long.MIN_VALUE })
	void negativeBodyIsRefused(long length) {
		byte[] schema = schema();
		byte[] batch = batch(length);
		byte[] bytes = join(schema, batch, END);
		String problem = "The message before " + (schema.length + batch.length) + " declares a body of " + length
				+ " bytes";
		assertRefused(bytes, problem);
		try (IpcStreamReader reader = arriving(bytes, bytes.length)) {
			reader.nextStream();
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::endStream).withMessage(problem);
			assertThat(reader.skipBrokenStream()).as("nobody knows where it ends").isFalse();
		}
	}

	@Test
	void bodyIsNotReadBeyondTheEnd() {
		byte[] bytes = join(schema(), batch(16), new byte[15]);
		assertRefused(bytes, "in the middle of a message");
		for (long length : new long[] { 16, Long.MAX_VALUE }) {
			byte[] longer = join(schema(), batch(length), new byte[15]);
			for (boolean skip : new boolean[] { true, false }) {
				try (IpcStreamReader reader = arriving(longer, longer.length)) {
					reader.nextStream();
					assertThatExceptionOfType(StreamTooLongException.class)
						.isThrownBy(skip ? reader::endStream : reader::next);
				}
				try (ArrowBuf body = SampleBatches.offHeap(this.allocator, longer);
						IpcStreamReader reader = IpcStreamReader.of(body, longer.length, this.allocator)) {
					reader.nextStream();
					assertThatExceptionOfType(CorruptStreamException.class)
						.isThrownBy(skip ? reader::endStream : reader::next)
						.withMessageContaining("in the middle of a message");
				}
			}
		}
	}

	@Test
	void skippedBodyThatDoesNotArriveIsNoticed() {
		byte[] bytes = join(schema(), batch(200_000), new byte[199_999]);
		try (IpcStreamReader reader = arriving(bytes, Long.MAX_VALUE)) {
			reader.nextStream();
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::endStream)
				.withMessageContaining("in the middle of a message");
		}
		byte[] whole = join(bytes, new byte[1], END);
		try (IpcStreamReader reader = arriving(whole, Long.MAX_VALUE)) {
			reader.nextStream();
			reader.endStream();
			assertThat(reader.position()).isEqualTo(whole.length);
		}
	}

	@Test
	void bodyOfASchemaIsSkipped() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[0]);
		int schema = Schema.createSchema(builder, Endianness.Little, fields, 0, 0);
		byte[] message = Messages.message(builder, schema, MetadataVersion.V5, MessageHeader.Schema, 16);
		byte[] bytes = join(message, new byte[16], batch(0), END);
		for (boolean inMemory : new boolean[] { true, false }) {
			assertThat(read(bytes, bytes.length, inMemory)).isOne();
		}
	}

	@Test
	void schemaOfWhichNoVectorCanBeMadeIsRefusedWithoutABatch() {
		Field item = Field.nullable("item", SampleBatches.INT32);
		Field list = column(ArrowType.List.INSTANCE, item);
		assertNoVector(column(ArrowType.List.INSTANCE, item, item));
		assertNoVector(list, column(ArrowType.List.INSTANCE, item, item));
		assertNoVector(column(ArrowType.List.INSTANCE));
		assertNoVector(column(new ArrowType.FixedSizeList(-1), item));
		for (UnionMode mode : UnionMode.values()) {
			assertNoVector(column(new ArrowType.Union(mode, new int[] { 128 }), item));
			assertNoVector(column(new ArrowType.Union(mode, new int[] { -1 }), item));
		}
		byte[] message = new org.apache.arrow.vector.types.pojo.Schema(List.of(list, list)).serializeAsMessage();
		assertThat(read(message, message.length, true)).isZero();
	}

	private void assertNoVector(Field... fields) {
		assertRefused(new org.apache.arrow.vector.types.pojo.Schema(List.of(fields)).serializeAsMessage(),
				"contradicts itself");
	}

	private static Field column(ArrowType type, Field... children) {
		return new Field("c", FieldType.nullable(type), List.of(children));
	}

	@Test
	void endIsUnknownAfterAHeadThatCannotBeRead() {
		byte[] garbage = new byte[8];
		Arrays.fill(garbage, (byte) 0x7F);
		byte[] bytes = join(schema(), ints(-1, 8), garbage, END);
		for (boolean inMemory : new boolean[] { true, false }) {
			try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
					IpcStreamReader reader = inMemory ? IpcStreamReader.of(body, bytes.length, this.allocator)
							: arriving(bytes, bytes.length)) {
				reader.nextStream();
				assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::next);
				assertThat(reader.skipBrokenStream()).isFalse();
			}
		}
	}

	private void assertRefused(byte[] bytes, String problem) {
		for (boolean inMemory : new boolean[] { true, false }) {
			assertThatExceptionOfType(CorruptStreamException.class)
				.isThrownBy(() -> read(bytes, Long.MAX_VALUE, inMemory))
				.withMessageContaining(problem);
		}
	}

	private IpcStreamReader arriving(byte[] bytes, long maxBytes) {
		return IpcStreamReader.of(new ByteArrayInputStream(bytes), maxBytes, this.allocator);
	}

	private int read(byte[] bytes, long maxBytes, boolean inMemory) {
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
				IpcStreamReader reader = inMemory ? IpcStreamReader.of(body, bytes.length, this.allocator)
						: arriving(bytes, maxBytes)) {
			int batches = 0;
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					batch.close();
					batches++;
				}
			}
			return batches;
		}
	}

	private static byte[] schema() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[0]);
		int schema = Schema.createSchema(builder, Endianness.Little, fields, 0, 0);
		return Messages.message(builder, schema, MetadataVersion.V5);
	}

	private static byte[] batch(long bodyLength) {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		RecordBatch.startNodesVector(builder, 0);
		int nodes = builder.endVector();
		RecordBatch.startBuffersVector(builder, 0);
		int buffers = builder.endVector();
		int batch = RecordBatch.createRecordBatch(builder, 3, nodes, buffers, 0, 0);
		return Messages.message(builder, batch, MetadataVersion.V5, MessageHeader.RecordBatch, bodyLength);
	}

	private static byte[] ints(int... values) {
		ByteBuffer bytes = ByteBuffer.allocate(values.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
		Arrays.stream(values).forEach(bytes::putInt);
		return bytes.array();
	}

	private static byte[] join(byte[]... parts) {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		for (byte[] part : parts) {
			all.writeBytes(part);
		}
		return all.toByteArray();
	}

}
