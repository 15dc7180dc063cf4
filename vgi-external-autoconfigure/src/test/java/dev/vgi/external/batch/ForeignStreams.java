package dev.vgi.external.batch;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.ToIntFunction;

import com.google.flatbuffers.FlatBufferBuilder;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Decimal;
import org.apache.arrow.flatbuf.DictionaryEncoding;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.FixedSizeBinary;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.List;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Struct_;
import org.apache.arrow.flatbuf.Timestamp;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;

/**
 * Streams as other Arrow libraries write them and ours cannot: all of them sound.
 */
public final class ForeignStreams {

	private static final byte[] END = { -1, -1, -1, -1, 0, 0, 0, 0 };

	private static final byte[] NO_TEXT = { 'a', (byte) 0xFF, 'b' };

	private static final byte[] NOT_COMPRESSED = {};

	private ForeignStreams() {
	}

	/**
	 * Write a stream of one column {@code x}, without batches.
	 * @param what what is special about it
	 * @return the stream
	 */
	public static byte[] of(String what) {
		return stream(schema((builder) -> switch (what) {
			case "decimal32" -> field(builder, "x", Type.Decimal, Decimal.createDecimal(builder, 9, 2, 32));
			case "decimal64" -> field(builder, "x", Type.Decimal, Decimal.createDecimal(builder, 18, 2, 64));
			case "int128" -> field(builder, "x", Type.Int, Int.createInt(builder, 128, true));
			case "uint128" -> field(builder, "x", Type.Int, Int.createInt(builder, 128, false));
			case "binary(0)" ->
				field(builder, "x", Type.FixedSizeBinary, FixedSizeBinary.createFixedSizeBinary(builder, 0));
			case "type 99" -> field(builder, "x", (byte) 99, struct(builder));
			case "list of decimal64" ->
				list(builder, "x", field(builder, "item", Type.Decimal, Decimal.createDecimal(builder, 18, 2, 64)));
			case "indices of int128" -> indices(builder, Int.createInt(builder, 128, true));
			case "name" -> Field.createField(builder, builder.createByteVector(NO_TEXT), true, Type.Struct_,
					struct(builder), 0, 0, 0);
			case "long name" -> field(builder, "line\nbreak" + "x".repeat(200), Type.Decimal,
					Decimal.createDecimal(builder, 18, 2, 64));
			case "no name" -> Field.createField(builder, 0, true, Type.Struct_, struct(builder), 0, 0, 0);
			case "metadata" -> metadata(builder);
			case "schema metadata" -> field(builder, "x", Type.Struct_, struct(builder));
			case "time zone" -> field(builder, "x", Type.Timestamp,
					Timestamp.createTimestamp(builder, (short) 2, builder.createByteVector(NO_TEXT)));
			default -> throw new IllegalArgumentException(what);
		}, (builder) -> what.equals("schema metadata") ? entries(builder) : 0));
	}

	/**
	 * Write a stream of one batch of the numbers 1 and 2, with something that is no text
	 * in its metadata.
	 * @return the stream
	 */
	public static byte[] batchMetadata() {
		return stream(numbers(), batch(MetadataVersion.V5, 2, new long[][] { { 2, 0 } }, new long[] { 0, 16 },
				NOT_COMPRESSED, "key", NO_TEXT), body(16));
	}

	/**
	 * Write a stream of one batch with a compressed column of 64-bit numbers.
	 * @param codec how its buffers are compressed
	 * @param method what is compressed; 0 for each buffer
	 * @param rows number of rows
	 * @param values the buffer of its values, as it is sent
	 * @return the stream
	 */
	public static byte[] compressed(int codec, int method, int rows, byte[] values) {
		return stream(numbers(), batch(MetadataVersion.V5, rows, new long[][] { { rows, 0 } },
				new long[] { 0, values.length }, new byte[] { (byte) codec, (byte) method }, ""), values);
	}

	/**
	 * Write a batch that is marked as compressed as Arrow 0.17 did.
	 * @return the stream
	 */
	public static byte[] compressedAsIn017() {
		return stream(numbers(), batch(MetadataVersion.V4, 2, new long[][] { { 2, 0 } }, new long[] { 0, 16 },
				NOT_COMPRESSED, "ARROW:experimental_compression", (byte) 'Z'), body(16));
	}

	/**
	 * Return a compressed buffer as it is sent.
	 * @param size the size that it declares
	 * @param encoded its bytes
	 * @return the buffer
	 */
	public static byte[] compressedBuffer(long size, byte... encoded) {
		return ByteBuffer.allocate(Long.BYTES + encoded.length)
			.order(ByteOrder.LITTLE_ENDIAN)
			.putLong(size)
			.put(encoded)
			.array();
	}

	/**
	 * Write a struct of two members of one name.
	 * @return the stream, of one batch without rows
	 */
	public static byte[] equalMembers() {
		return stream(schema((builder) -> {
			int[] members = { field(builder, "a", Type.Int, Int.createInt(builder, 64, true)),
					field(builder, "a", Type.Int, Int.createInt(builder, 64, true)) };
			int children = Field.createChildrenVector(builder, members);
			return Field.createField(builder, builder.createString("x"), true, Type.Struct_, struct(builder), 0,
					children, 0);
		}, (builder) -> 0), batch(MetadataVersion.V5, 0, new long[3][2], new long[5], NOT_COMPRESSED, ""));
	}

	/**
	 * Write a sparse union of the numbers 1 and 2 as before Arrow 1.0, with validity.
	 * @param nulls how many nulls the union has of its own
	 * @return the stream
	 */
	public static byte[] oldUnion(int nulls) {
		// the validity, the types 5 and 5, the numbers
		byte[] body = new byte[32];
		body[0] = (byte) ((nulls == 0) ? 3 : 1);
		body[8] = 5;
		body[9] = 5;
		body[16] = 1;
		body[24] = 2;
		return stream(schema((builder) -> {
			int child = field(builder, "n", Type.Int, Int.createInt(builder, 64, true));
			int children = Field.createChildrenVector(builder, new int[] { child });
			int ids = Union.createTypeIdsVector(builder, new int[] { 5 });
			int union = Union.createUnion(builder, UnionMode.Sparse, ids);
			return Field.createField(builder, builder.createString("x"), true, Type.Union, union, 0, children, 0);
		}, (builder) -> 0), batch(MetadataVersion.V4, 2, new long[][] { { 2, nulls }, { 2, 0 } },
				new long[] { 8, 8, 0, 16 }, NOT_COMPRESSED, ""), body);
	}

	/**
	 * Frame a stream as Arrow did before 0.15.
	 * @param stream a whole stream of ours
	 * @return the same messages, without marks
	 */
	public static byte[] framedAsBefore015(byte[] stream) {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		ByteBuffer in = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
		while (in.hasRemaining()) {
			in.getInt();
			byte[] metadata = new byte[in.getInt()];
			in.get(metadata);
			if (metadata.length == 0) {
				out.writeBytes(new byte[Integer.BYTES]);
				continue;
			}
			// four bytes more, so that bodies begin at multiples of eight again
			byte[] padded = Arrays.copyOf(metadata, metadata.length + Integer.BYTES);
			out.writeBytes(
					ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(padded.length).array());
			out.writeBytes(padded);
			byte[] body = new byte[(int) Message
				.getRootAsMessage(ByteBuffer.wrap(metadata).order(ByteOrder.LITTLE_ENDIAN))
				.bodyLength()];
			in.get(body);
			out.writeBytes(body);
		}
		return out.toByteArray();
	}

	private static byte[] numbers() {
		return schema((builder) -> field(builder, "x", Type.Int, Int.createInt(builder, 64, true)), (builder) -> 0);
	}

	private static byte[] body(int length) {
		byte[] body = new byte[length];
		body[0] = 1;
		body[8] = 2;
		return body;
	}

	private static byte[] stream(byte[]... parts) {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		for (byte[] part : parts) {
			out.writeBytes(part);
		}
		out.writeBytes(END);
		return out.toByteArray();
	}

	private static byte[] schema(ToIntFunction<FlatBufferBuilder> column, ToIntFunction<FlatBufferBuilder> metadata) {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[] { column.applyAsInt(builder) });
		int entries = metadata.applyAsInt(builder);
		int schema = Schema.createSchema(builder, Endianness.Little, fields, entries, 0);
		return Messages.message(builder, schema, MetadataVersion.V5, MessageHeader.Schema, 0, 0);
	}

	private static byte[] batch(short version, int rows, long[][] nodes, long[] buffers, byte[] compression, String key,
			byte... text) {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		RecordBatch.startNodesVector(builder, nodes.length);
		for (int i = nodes.length - 1; i >= 0; i--) {
			FieldNode.createFieldNode(builder, nodes[i][0], nodes[i][1]);
		}
		int nodesOffset = builder.endVector();
		long length = Arrays.stream(buffers).sum();
		RecordBatch.startBuffersVector(builder, buffers.length);
		long end = length;
		for (int i = buffers.length - 1; i >= 0; i--) {
			end -= buffers[i];
			Buffer.createBuffer(builder, end, buffers[i]);
		}
		int buffersOffset = builder.endVector();
		int codec = (compression.length > 0)
				? BodyCompression.createBodyCompression(builder, compression[0], compression[1]) : 0;
		int entries = key.isEmpty() ? 0 : entries(builder, key, text);
		int batch = RecordBatch.createRecordBatch(builder, rows, nodesOffset, buffersOffset, codec, 0);
		return Messages.message(builder, batch, version, MessageHeader.RecordBatch, length, entries);
	}

	private static int field(FlatBufferBuilder builder, String name, byte type, int table) {
		int children = Field.createChildrenVector(builder, new int[0]);
		return Field.createField(builder, builder.createString(name), true, type, table, 0, children, 0);
	}

	private static int list(FlatBufferBuilder builder, String name, int item) {
		int children = Field.createChildrenVector(builder, new int[] { item });
		List.startList(builder);
		int table = List.endList(builder);
		return Field.createField(builder, builder.createString(name), true, Type.List, table, 0, children, 0);
	}

	private static int indices(FlatBufferBuilder builder, int type) {
		int dictionary = DictionaryEncoding.createDictionaryEncoding(builder, 0, type, false, (short) 0);
		int children = Field.createChildrenVector(builder, new int[0]);
		return Field.createField(builder, builder.createString("x"), true, Type.Struct_, struct(builder), dictionary,
				children, 0);
	}

	private static int struct(FlatBufferBuilder builder) {
		Struct_.startStruct_(builder);
		return Struct_.endStruct_(builder);
	}

	private static int metadata(FlatBufferBuilder builder) {
		int children = Field.createChildrenVector(builder, new int[0]);
		return Field.createField(builder, builder.createString("x"), true, Type.Struct_, struct(builder), 0, children,
				entries(builder));
	}

	private static int entries(FlatBufferBuilder builder) {
		return entries(builder, "key", NO_TEXT);
	}

	private static int entries(FlatBufferBuilder builder, String key, byte... text) {
		int value = builder.createByteVector(text);
		int entry = KeyValue.createKeyValue(builder, builder.createString(key), value);
		return Schema.createCustomMetadataVector(builder, new int[] { entry });
	}

}
