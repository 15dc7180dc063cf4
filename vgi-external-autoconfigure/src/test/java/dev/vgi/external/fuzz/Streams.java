package dev.vgi.external.fuzz;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.batch.SampleStreams;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.message.IpcOption;

/**
 * Sound streams that are taken apart and put together as a script says.
 */
final class Streams {

	private static final int PREFIX = 8;

	private Streams() {
	}

	/**
	 * Write the streams that other tests have: every type, plain and compressed, and
	 * dictionaries that grow.
	 * @return the streams
	 */
	static List<byte[]> samples() {
		List<Function<BufferAllocator, AnnotatedBatch>> batches = List.of(
				(allocator) -> SampleBatches.numbers(allocator, 5), (allocator) -> SampleBatches.flat(allocator, 11),
				(allocator) -> SampleBatches.flat(allocator, 0), (allocator) -> SampleBatches.nested(allocator, 9),
				SampleBatches::runs, SampleBatches::times, (allocator) -> SampleBatches.dictionaries(allocator, 7),
				SampleBatches::nestedDictionaries);
		List<byte[]> streams = new ArrayList<>();
		try (BufferAllocator allocator = new RootAllocator()) {
			for (Function<BufferAllocator, AnnotatedBatch> factory : batches) {
				try (AnnotatedBatch batch = factory.apply(allocator)
					.withMetadata(BatchMetadata.of(Map.of("key", "value")))) {
					streams.add(SampleBatches.stream(batch, new LogMessage("INFO", "message", Map.of("a", 1))));
					streams.add(compressed(CodecType.LZ4_FRAME, batch));
					streams.add(compressed(CodecType.ZSTD, batch));
				}
			}
			streams.add(SampleStreams.growingDictionary(allocator));
			streams.add(SampleStreams.growingNestedDictionaries(allocator));
		}
		return List.copyOf(streams);
	}

	private static byte[] compressed(CodecType codec, AnnotatedBatch batch) {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (ArrowStreamWriter writer = new ArrowStreamWriter(batch.root(), batch.dictionaries(),
				Channels.newChannel(out), IpcOption.DEFAULT, CommonsCompressionFactory.INSTANCE, codec)) {
			writer.start();
			writer.writeBatch();
			writer.writeBatch();
			writer.end();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return out.toByteArray();
	}

	/**
	 * Take a stream apart.
	 * @param stream a sound stream
	 * @return its messages, each with its length and body, and its end marker
	 */
	static List<byte[]> messages(byte[] stream) {
		List<byte[]> messages = new ArrayList<>();
		ByteBuffer buffer = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
		int at = 0;
		while (at + PREFIX <= stream.length) {
			int head = buffer.getInt(at + Integer.BYTES);
			int end = at + PREFIX;
			if (head > 0) {
				ByteBuffer message = buffer.slice(end, head).order(ByteOrder.LITTLE_ENDIAN);
				end += head + (int) Message.getRootAsMessage(message).bodyLength();
			}
			messages.add(Arrays.copyOfRange(stream, at, end));
			at = end;
		}
		return messages;
	}

	/**
	 * Make a stream as a script says: the bytes of the script itself, or messages of
	 * sound streams, damaged.
	 * @param script decides
	 * @param sound the streams
	 * @return the stream
	 */
	static byte[] of(Script script, List<List<byte[]>> sound) {
		int parts = script.octet();
		if (parts >= 0xE0) {
			return script.rest();
		}
		List<byte[]> chosen = new ArrayList<>(script.of(sound));
		for (int i = 0; i < (parts >> 5) && !chosen.isEmpty(); i++) {
			// A message of another stream at any place, or one less.
			List<byte[]> other = script.of(sound);
			int which = script.octet();
			int at = script.below(chosen.size() + 1);
			if (which >= 0xC0 && at < chosen.size()) {
				chosen.remove(at);
			}
			else {
				chosen.add(at, other.get(which % other.size()));
			}
		}
		return script.damage(joined(chosen));
	}

	private static byte[] joined(List<byte[]> parts) {
		ByteArrayOutputStream joined = new ByteArrayOutputStream();
		parts.forEach(joined::writeBytes);
		return joined.toByteArray();
	}

	/**
	 * A stream that arrives in small pieces.
	 * @param bytes the bytes
	 * @param most most bytes of a piece
	 * @return the stream
	 */
	static InputStream inPieces(byte[] bytes, int most) {
		return new FilterInputStream(new ByteArrayInputStream(bytes)) {

			@Override
			public int read(byte[] target, int offset, int length) throws IOException {
				return super.read(target, offset, Math.min(length, most));
			}

		};
	}

}
