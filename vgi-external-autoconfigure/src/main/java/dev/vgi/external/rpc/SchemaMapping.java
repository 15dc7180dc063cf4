package dev.vgi.external.rpc;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;

import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.ipc.ReadChannel;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * A schema inside a binary value, as an IPC schema message; in message format, where a
 * dictionary column has the type of its values.
 */
final class SchemaMapping extends ValueMapping {

	SchemaMapping() {
		super(ArrowType.Binary.INSTANCE, VarBinaryVector.class);
	}

	@Override
	void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (WriteChannel channel = new WriteChannel(Channels.newChannel(bytes))) {
			MessageSerializer.serialize(channel, (Schema) value);
		}
		catch (IOException ex) {
			throw new IllegalStateException("Writing to memory failed", ex);
		}
		((VarBinaryVector) vector).setSafe(index, bytes.toByteArray());
	}

	@Override
	Object readPresent(FieldVector vector, int index, RowReading reading) {
		byte[] bytes = ((VarBinaryVector) vector).get(index);
		// Arrow allocates what the message says it needs: no more than there is.
		if (bytes.length < 8 || announcedLength(bytes) > bytes.length) {
			throw mismatch("holds no schema");
		}
		try (ReadChannel channel = new ReadChannel(Channels.newChannel(new ByteArrayInputStream(bytes)))) {
			return MessageSerializer.deserializeSchema(channel);
		}
		catch (IOException | RuntimeException ex) {
			throw mismatch("holds no schema");
		}
	}

	private static long announcedLength(byte[] bytes) {
		ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
		int first = buffer.getInt();
		int length = (first == MessageSerializer.IPC_CONTINUATION_TOKEN) ? buffer.getInt() : first;
		return (length < 0) ? Long.MAX_VALUE : length;
	}

}
