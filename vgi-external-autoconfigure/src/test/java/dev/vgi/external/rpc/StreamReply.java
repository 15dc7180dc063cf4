package dev.vgi.external.rpc;

import java.io.ByteArrayInputStream;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.jspecify.annotations.NullUnmarked;

/**
 * A reply of a stream route, taken apart: streams of batches, in the order they came.
 *
 * @param status HTTP status
 * @param flagged whether the error header is there
 * @param streams one list of batches per IPC stream
 */
@NullUnmarked
public record StreamReply(int status, boolean flagged, List<List<Batch>> streams) {

	public static StreamReply of(HttpResponse<byte[]> response, BufferAllocator allocator) {
		return of(response.statusCode(), response.headers().firstValue("X-VGI-RPC-Error").isPresent(), response.body(),
				allocator);
	}

	public static StreamReply of(int status, boolean flagged, byte[] body, BufferAllocator allocator) {
		List<List<Batch>> streams = new ArrayList<>();
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(body), body.length, allocator)) {
			while (reader.nextStream()) {
				List<Batch> batches = new ArrayList<>();
				streams.add(batches);
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					batches.add(Batch.of(batch));
				}
			}
		}
		return new StreamReply(status, flagged, streams);
	}

	/**
	 * Return the batches of the last stream.
	 */
	public List<Batch> data() {
		return this.streams.get(this.streams.size() - 1);
	}

	/**
	 * Return the kinds of the batches of the last stream, in their order.
	 */
	public List<BatchKind> kinds() {
		return data().stream().map(Batch::kind).toList();
	}

	/**
	 * Return the only batch of a kind in the last stream.
	 */
	public Batch only(BatchKind kind) {
		List<Batch> found = data().stream().filter((batch) -> batch.kind() == kind).toList();
		if (found.size() != 1) {
			throw new AssertionError("Expected one " + kind + " but found " + kinds());
		}
		return found.get(0);
	}

	public ErrorBatchException error() {
		return ErrorBatchException.from(only(BatchKind.ERROR).metadata());
	}

	/**
	 * Return the tokens, wherever they are: the call token may be missing.
	 */
	public BatchMetadata tokens() {
		BatchMetadata tokens = BatchMetadata.empty();
		for (Batch batch : data()) {
			for (String key : List.of(MetadataKeys.STREAM_STATE, MetadataKeys.CALL_STATE)) {
				String value = batch.metadata().get(key);
				tokens = (value != null) ? tokens.with(key, value) : tokens;
			}
		}
		return tokens;
	}

	/**
	 * One batch.
	 *
	 * @param kind what it is in a stream's response
	 * @param rows how many rows it has
	 * @param metadata its metadata
	 * @param columns its values by column
	 */
	public record Batch(BatchKind kind, int rows, BatchMetadata metadata, Map<String, List<Object>> columns) {

		static Batch of(AnnotatedBatch batch) {
			try (batch) {
				Map<String, List<Object>> columns = new LinkedHashMap<>();
				for (FieldVector vector : batch.root().getFieldVectors()) {
					List<Object> values = new ArrayList<>();
					for (int i = 0; i < batch.rowCount(); i++) {
						values.add(vector.getObject(i));
					}
					columns.put(vector.getName(), values);
				}
				return new Batch(BatchKind.ofStreamResponse(batch.rowCount(), batch.metadata()), batch.rowCount(),
						batch.metadata(), columns);
			}
		}

		LogMessage log() {
			return LogMessage.from(this.metadata);
		}

	}

}
