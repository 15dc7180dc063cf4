package dev.vgi.external.rpc.server.http;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.UUID;

import dev.vgi.external.rpc.StreamStart;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The part of a stream that never changes. It is sent in the call token.
 *
 * @param id identifies the stream among all streams of the caller
 * @param input schema of the input batches, in message format, or {@code null} for a
 * producer
 * @param output schema of the output batches, in message format
 * @param maxResponseBytes the limit that the caller set at the start, or {@code null}
 */
record OpenStream(UUID id, @Nullable Schema input, Schema output, @Nullable Long maxResponseBytes) {

	/**
	 * Open a stream.
	 * @param start describes the start
	 * @param maxResponseBytes the limit that the caller set, or {@code null}
	 * @return the stream, with a new id
	 */
	static OpenStream start(StreamStart<?> start, @Nullable Long maxResponseBytes) {
		return new OpenStream(UUID.randomUUID(), start.input(), start.output(), maxResponseBytes);
	}

	byte[] toBytes() {
		return write((out) -> {
			out.writeLong(this.id.getMostSignificantBits());
			out.writeLong(this.id.getLeastSignificantBits());
			out.writeLong((this.maxResponseBytes != null) ? this.maxResponseBytes : -1);
			writeBlock(out, this.output.serializeAsMessage());
			writeBlock(out, (this.input != null) ? this.input.serializeAsMessage() : new byte[0]);
		});
	}

	static OpenStream from(byte[] bytes) {
		return read(bytes, (in) -> {
			UUID id = new UUID(in.readLong(), in.readLong());
			long limit = in.readLong();
			Schema output = Schema.deserializeMessage(ByteBuffer.wrap(readBlock(in)));
			byte[] input = readBlock(in);
			return new OpenStream(id, (input.length > 0) ? Schema.deserializeMessage(ByteBuffer.wrap(input)) : null,
					output, (limit >= 0) ? limit : null);
		});
	}

	/**
	 * Encode a turn's state for the cursor.
	 * @param type name of the state's class
	 * @param row the state as an IPC stream
	 * @return the content of a cursor of this stream
	 */
	byte[] cursor(String type, byte[] row) {
		return write((out) -> {
			out.writeLong(this.id.getMostSignificantBits());
			out.writeLong(this.id.getLeastSignificantBits());
			out.writeUTF(type);
			writeBlock(out, row);
		});
	}

	private static void writeBlock(DataOutputStream out, byte[] bytes) throws IOException {
		out.writeInt(bytes.length);
		out.write(bytes);
	}

	private static byte[] readBlock(DataInputStream in) throws IOException {
		return in.readNBytes(in.readInt());
	}

	private static byte[] write(Writing writing) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (DataOutputStream out = new DataOutputStream(bytes)) {
			writing.to(out);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	private static <T> T read(byte[] bytes, Reading<T> reading) {
		try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
			return reading.from(in);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * The content of a cursor.
	 *
	 * @param stream id of the stream it belongs to
	 * @param type name of the state's class
	 * @param row the state as an IPC stream
	 */
	record Cursor(UUID stream, String type, byte[] row) {

		static Cursor from(byte[] bytes) {
			return read(bytes, (in) -> new Cursor(new UUID(in.readLong(), in.readLong()), in.readUTF(), readBlock(in)));
		}

	}

	/**
	 * Writes content.
	 */
	@FunctionalInterface
	private interface Writing {

		void to(DataOutputStream out) throws IOException;

	}

	/**
	 * Reads content.
	 *
	 * @param <T> type of the content
	 */
	@FunctionalInterface
	private interface Reading<T> {

		T from(DataInputStream in) throws IOException;

	}

}
