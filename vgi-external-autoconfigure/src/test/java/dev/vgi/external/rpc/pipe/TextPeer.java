package dev.vgi.external.rpc.pipe;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.ReadOptions;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * Calls methods that take a {@code text} and return one, with nothing but Arrow.
 *
 * @param pipe leads to the service
 * @param protocol the protocol of the methods
 * @param allocator the owner of the memory of calls
 */
public record TextPeer(Pipe pipe, String protocol, BufferAllocator allocator) {

	/**
	 * Call a method.
	 * @param method the method
	 * @param text the argument
	 * @return the result, or the message of the error
	 * @throws IOException if the connection breaks
	 */
	public String call(String method, String text) throws IOException {
		send(method, text);
		return receive();
	}

	/**
	 * Send a request.
	 * @param method the method
	 * @param text the argument
	 * @throws IOException if the connection breaks
	 */
	public void send(String method, String text) throws IOException {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, method)
			.with(MetadataKeys.REQUEST_VERSION, "1")
			.with(MetadataKeys.PROTOCOL, this.protocol);
		VarCharVector vector = new VarCharVector(Field.notNullable("text", ArrowType.Utf8.INSTANCE), this.allocator);
		vector.setSafe(0, text.getBytes(StandardCharsets.UTF_8));
		vector.setValueCount(1);
		AnnotatedBatch request = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector))).withMetadata(metadata);
		try (OutputCycle cycle = new OutputCycle(List.of(), request);
				GatheredStream stream = IpcStreamWriter.gather(cycle)) {
			this.pipe.send(stream);
		}
	}

	/**
	 * Receive an answer.
	 * @return the result, or the message of the error
	 * @throws IOException if the connection has ended
	 */
	public String receive() throws IOException {
		try (IpcStreamReader reader = this.pipe.reader(1 << 20, this.allocator, ReadOptions.defaults())) {
			if (!reader.nextStream()) {
				throw new IOException("There is no answer");
			}
			try (AnnotatedBatch answer = Objects.requireNonNull(reader.next())) {
				reader.endStream();
				return (answer.root().getRowCount() == 1) ? String.valueOf(answer.root().getVector(0).getObject(0))
						: String.valueOf(answer.metadata().get(MetadataKeys.LOG_MESSAGE));
			}
		}
	}

}
