package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

import com.google.flatbuffers.FlatBufferBuilder;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.Struct_;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.memory.BufferAllocator;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Messages of which every part is chosen, for streams that no writer writes.
 */
final class Messages {

	private Messages() {
	}

	static int field(FlatBufferBuilder builder, int[] children) {
		int offset = Field.createChildrenVector(builder, children);
		Struct_.startStruct_(builder);
		int type = Struct_.endStruct_(builder);
		return Field.createField(builder, builder.createString("f"), true, Type.Struct_, type, 0, offset, 0);
	}

	static byte[] message(FlatBufferBuilder builder, int header, short version) {
		return message(builder, header, version, MessageHeader.Schema);
	}

	static byte[] message(FlatBufferBuilder builder, int header, short version, byte type) {
		return message(builder, header, version, type, 0);
	}

	static byte[] message(FlatBufferBuilder builder, int header, short version, byte type, long bodyLength) {
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

	static void assertRefused(BufferAllocator allocator, byte[] bytes, String reason) {
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, allocator)) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> {
				reader.nextStream();
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					batch.close();
				}
			}).withMessageContaining(reason);
		}
	}

}
