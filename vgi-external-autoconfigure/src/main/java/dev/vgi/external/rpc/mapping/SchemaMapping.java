package dev.vgi.external.rpc.mapping;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.UnsupportedStreamException;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * A schema inside a binary value, as an IPC schema message in message format: a
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
		try {
			return IpcStreamReader.readSchema(((VarBinaryVector) vector).get(index), reading.allocator());
		}
		catch (UnsupportedStreamException ex) {
			throw mismatch("holds a schema that cannot be read. " + ex.getMessage());
		}
		catch (CorruptStreamException ex) {
			throw mismatch("holds no schema");
		}
	}

}
