package dev.vgi.external.web.client;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.TimeStampMicroTZVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Crafted bodies: one stream of {@code value int64}, or of no columns.
 */
final class ArrowBodies {

	static final Schema VALUES = new Schema(List.of(Field.nullable("value", new ArrowType.Int(64, true))));

	static final Schema NOTHING = new Schema(List.of());

	private ArrowBodies() {
	}

	static byte[] stream(Part... parts) {
		return stream(VALUES, parts);
	}

	static byte[] stream(Schema schema, Part... parts) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (BufferAllocator allocator = new RootAllocator();
				IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(bytes), schema,
						new DictionaryProvider.MapDictionaryProvider())) {
			for (Part part : parts) {
				part.write(writer, allocator);
			}
			writer.end();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	static byte[] concat(byte[]... streams) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		for (byte[] stream : streams) {
			bytes.writeBytes(stream);
		}
		return bytes.toByteArray();
	}

	static AnnotatedBatch values(BufferAllocator allocator, BatchMetadata metadata, long... values) {
		VectorSchemaRoot root = VectorSchemaRoot.create(VALUES, allocator);
		BigIntVector vector = (BigIntVector) root.getVector(0);
		vector.allocateNew(Math.max(1, values.length));
		for (int i = 0; i < values.length; i++) {
			vector.set(i, values[i]);
		}
		root.setRowCount(values.length);
		return AnnotatedBatch.of(root).withMetadata(metadata);
	}

	/**
	 * Vend one URL for both directions.
	 * @param url the URL
	 * @return the stream
	 */
	static byte[] uploadUrls(String url) {
		Schema schema = new Schema(List.of(Field.nullable("upload_url", ArrowType.Utf8.INSTANCE),
				Field.nullable("download_url", ArrowType.Utf8.INSTANCE),
				Field.nullable("expires_at", new ArrowType.Timestamp(TimeUnit.MICROSECOND, "UTC"))));
		return stream(schema, (writer, allocator) -> {
			VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
			((VarCharVector) root.getVector(0)).setSafe(0, url.getBytes(StandardCharsets.UTF_8));
			((VarCharVector) root.getVector(1)).setSafe(0, url.getBytes(StandardCharsets.UTF_8));
			((TimeStampMicroTZVector) root.getVector(2)).setSafe(0, 4_102_444_800_000_000L);
			root.setRowCount(1);
			try (AnnotatedBatch batch = AnnotatedBatch.of(root)) {
				writer.write(batch);
			}
		});
	}

	/**
	 * Answer a renewal.
	 * @param url the new link
	 * @return the stream
	 */
	static byte[] renewedUrl(String url) {
		Schema schema = new Schema(List.of(Field.notNullable("download_url", ArrowType.Utf8.INSTANCE),
				Field.nullable("expires_at", new ArrowType.Timestamp(TimeUnit.MICROSECOND, "UTC"))));
		return stream(schema, (writer, allocator) -> {
			VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
			((VarCharVector) root.getVector(0)).setSafe(0, url.getBytes(StandardCharsets.UTF_8));
			root.getVector(1).allocateNew();
			root.setRowCount(1);
			try (AnnotatedBatch batch = AnnotatedBatch.of(root)) {
				writer.write(batch);
			}
		});
	}

	static Part data(long... values) {
		return data(BatchMetadata.empty(), values);
	}

	static Part data(BatchMetadata metadata, long... values) {
		return (writer, allocator) -> {
			try (AnnotatedBatch batch = values(allocator, metadata, values)) {
				writer.write(batch);
			}
		};
	}

	static Part empty(String key, String value) {
		return empty(BatchMetadata.of(key, value));
	}

	static Part empty(BatchMetadata metadata) {
		return (writer, allocator) -> writer.writeEmpty(metadata);
	}

	static Part log(String message) {
		return (writer, allocator) -> writer.writeEmpty(new LogMessage("INFO", message, Map.of()).toMetadata());
	}

	static Part error(String type, String message, String kind) {
		return (writer,
				allocator) -> writer.writeEmpty(new LogMessage(LogMessage.EXCEPTION, type + ": " + message,
						Map.of("exception_type", type, "exception_message", message, "traceback", "remote trace"))
					.toMetadata()
					.with(MetadataKeys.ERROR_KIND, kind));
	}

	static Part token(String cursor) {
		return empty(MetadataKeys.STREAM_STATE, cursor);
	}

	static Part tokens(String cursor, String call) {
		return (writer, allocator) -> writer
			.writeEmpty(BatchMetadata.of(MetadataKeys.STREAM_STATE, cursor).with(MetadataKeys.CALL_STATE, call));
	}

	static Part pointer(String url) {
		return empty(MetadataKeys.LOCATION, url);
	}

	/**
	 * One batch of a stream.
	 */
	@FunctionalInterface
	interface Part {

		void write(IpcStreamWriter writer, BufferAllocator allocator) throws IOException;

	}

}
