package dev.vgi.external.rpc.mapping;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.ReadOptions;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * A batch inside a binary value, as a complete IPC stream: a record that is a parameter
 * or a result, or an embedded batch.
 */
abstract class StreamMapping extends ValueMapping {

	/**
	 * Most that a stream with compressed buffers decodes to: the usual cap of a request.
	 */
	private static final long MAX_DECODED_SIZE = 64L << 20;

	StreamMapping() {
		super(ArrowType.Binary.INSTANCE, VarBinaryVector.class);
	}

	/**
	 * Map a record to a stream of one row.
	 * @param row its components as columns
	 * @return the mapping
	 */
	static StreamMapping ofRecord(RecordRow row) {
		return new StreamMapping() {

			@Override
			void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
				try (AnnotatedBatch batch = row.write(value, BatchMetadata.empty(), writing.allocator(),
						writing.embedded())) {
					store(batch, (VarBinaryVector) vector, index);
				}
			}

			@Override
			Object readPresent(FieldVector vector, int index, RowReading reading) {
				try (AnnotatedBatch batch = load((VarBinaryVector) vector, index, reading.allocator())) {
					return row.read(batch, reading.allocator(), reading.embedded());
				}
			}

		};
	}

	/**
	 * Map a batch with its metadata and dictionaries.
	 * @return the mapping
	 */
	static StreamMapping ofBatch() {
		return new StreamMapping() {

			@Override
			void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
				AnnotatedBatch batch = (AnnotatedBatch) value;
				writing.embedded().accept(batch);
				store(batch, (VarBinaryVector) vector, index);
			}

			@Override
			Object readPresent(FieldVector vector, int index, RowReading reading) {
				AnnotatedBatch batch = load((VarBinaryVector) vector, index, reading.allocator());
				reading.embedded().accept(batch);
				return batch;
			}

		};
	}

	/**
	 * Map vectors without metadata.
	 * @return the mapping
	 */
	static StreamMapping ofRoot() {
		return new StreamMapping() {

			@Override
			void writePresent(FieldVector vector, int index, Object value, RowWriting writing) {
				VectorSchemaRoot root = (VectorSchemaRoot) value;
				writing.embedded().accept(root);
				if (hasDictionary(root.getSchema().getFields())) {
					throw new IllegalArgumentException("has dictionary columns: declare it as AnnotatedBatch");
				}
				// Borrowed: not closed here.
				store(new AnnotatedBatch(root, new DictionaryProvider.MapDictionaryProvider(), BatchMetadata.empty()),
						(VarBinaryVector) vector, index);
			}

			@Override
			Object readPresent(FieldVector vector, int index, RowReading reading) {
				AnnotatedBatch batch = load((VarBinaryVector) vector, index, reading.allocator());
				if (hasDictionary(batch.schema().getFields())) {
					batch.close();
					throw mismatch("has dictionary columns: declare it as AnnotatedBatch");
				}
				reading.embedded().accept(batch.root());
				return batch.root();
			}

		};
	}

	private static boolean hasDictionary(List<Field> fields) {
		return fields.stream().anyMatch((field) -> field.getDictionary() != null || hasDictionary(field.getChildren()));
	}

	private static void store(AnnotatedBatch batch, VarBinaryVector vector, int index) {
		try (GatheredStream stream = IpcStreamWriter.gather(batch.schema(), List.of(batch))) {
			if (stream.length() > Integer.MAX_VALUE) {
				throw new IllegalArgumentException("is too large for a binary value: " + stream.length() + " bytes");
			}
			int length = (int) stream.length();
			try (ArrowBuf bytes = vector.getAllocator().buffer(length)) {
				stream.segments().forEach((segment) -> {
					bytes.setBytes(bytes.writerIndex(), segment);
					bytes.writerIndex(bytes.writerIndex() + segment.limit());
				});
				vector.setSafe(index, 0, length, bytes);
			}
		}
	}

	private static AnnotatedBatch load(VarBinaryVector vector, int index, BufferAllocator allocator) {
		long start = vector.getStartOffset(index);
		long length = vector.getEndOffset(index) - start;
		try (IpcStreamReader reader = IpcStreamReader.of(vector.getDataBuffer().slice(start, length), length, allocator,
				ReadOptions.defaults().withMaxSize(Math.max(length, MAX_DECODED_SIZE)))) {
			AnnotatedBatch batch = reader.nextStream() ? reader.next() : null;
			if (batch == null) {
				throw mismatch("holds no batch");
			}
			return batch;
		}
	}

}
