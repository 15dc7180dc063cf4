package dev.vgi.external.batch;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;

import com.google.flatbuffers.FlatBufferBuilder;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Tests for {@link BatchBuffers}, with streams that contain them.
 */
class BatchBuffersTests {

	// a limit shows allocations that nothing in the stream pays for
	private final RootAllocator allocator = new RootAllocator(1 << 26);

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void rowsThatNothingPaysForAreRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int[] columns = new int[50];
		Arrays.setAll(columns, (i) -> Messages.field(builder, new int[0]));
		int schema = Schema.createSchema(builder, Endianness.Little, Schema.createFieldsVector(builder, columns), 0, 0);
		byte[] start = Messages.message(builder, schema, MetadataVersion.V5);
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
		byte[] rest = Messages.message(batchBuilder, batch, MetadataVersion.V5, MessageHeader.RecordBatch);
		byte[] all = Arrays.copyOf(start, start.length + rest.length);
		System.arraycopy(rest, 0, all, start.length, rest.length);
		Messages.assertRefused(this.allocator, all, "more values than its body");
	}

	@Test
	void rowsThatNothingPaysForAreNotMadeForEveryMessage() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[] { Messages.field(builder, new int[0]) });
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		bytes.writeBytes(Messages.message(builder, Schema.createSchema(builder, Endianness.Little, fields, 0, 0),
				MetadataVersion.V5));
		// without validity, so that 4 MB of it are made
		for (int i = 0; i < 5; i++) {
			bytes.writeBytes(rows(1 << 25, 1, new long[] { 0 }));
		}
		Messages.assertRefused(this.allocator, bytes.toByteArray(), "more work than its bytes");
	}

	@Test
	void buffersThatShareBytesAreRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int[] columns = { Messages.field(builder, new int[0]), Messages.field(builder, new int[0]) };
		int fields = Schema.createFieldsVector(builder, columns);
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		bytes.writeBytes(Messages.message(builder, Schema.createSchema(builder, Endianness.Little, fields, 0, 0),
				MetadataVersion.V5));
		bytes.writeBytes(rows(64, 2, new long[] { 8, 8 }));
		bytes.writeBytes(new byte[8]);
		Messages.assertRefused(this.allocator, bytes.toByteArray(), "overlap");
	}

	@ParameterizedTest
	@CsvSource({ "-8, 8", "8, 16", "0, -8", "24, 0", "17, 0", "0, 17", "9223372036854775800, 8",
			"8, 9223372036854775807" })
	void buffersOutsideTheBodyAreRefused(long offset, long length) {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[] { Messages.field(builder, new int[0]) });
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		bytes.writeBytes(Messages.message(builder, Schema.createSchema(builder, Endianness.Little, fields, 0, 0),
				MetadataVersion.V5));
		FlatBufferBuilder batchBuilder = new FlatBufferBuilder();
		RecordBatch.startNodesVector(batchBuilder, 1);
		FieldNode.createFieldNode(batchBuilder, 8, 0);
		int nodes = batchBuilder.endVector();
		RecordBatch.startBuffersVector(batchBuilder, 1);
		Buffer.createBuffer(batchBuilder, offset, length);
		int batch = RecordBatch.createRecordBatch(batchBuilder, 8, nodes, batchBuilder.endVector(), 0, 0);
		bytes.writeBytes(Messages.message(batchBuilder, batch, MetadataVersion.V5, MessageHeader.RecordBatch, 16));
		bytes.writeBytes(new byte[16]);
		Messages.assertRefused(this.allocator, bytes.toByteArray(), "outside the body of its record batch");
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
		return Messages.message(builder, batch, MetadataVersion.V5, MessageHeader.RecordBatch, validity[0]);
	}

}
