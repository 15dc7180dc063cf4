package dev.vgi.external.test;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntFunction;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.codec.ContentCodec;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * What assertions look at, wherever it comes from.
 *
 * @param schema the schema in memory format
 * @param rowCount rows of all batches
 * @param metadata the metadata of each batch
 * @param columns the values of a column, by its position
 */
record Table(Schema schema, long rowCount, List<BatchMetadata> metadata, IntFunction<List<@Nullable Object>> columns) {

	/**
	 * Look at vectors.
	 * @param root borrowed, as long as the result is used
	 * @param dictionaries borrowed as well
	 * @param metadata the metadata of the batch
	 * @return the view
	 */
	static Table of(VectorSchemaRoot root, DictionaryProvider dictionaries, BatchMetadata metadata) {
		return new Table(root.getSchema(), root.getRowCount(), List.of(metadata),
				(column) -> ColumnValues.of(root.getVector(column), dictionaries));
	}

	/**
	 * Read everything that a reader still has.
	 * @param reader borrowed; at its end afterwards
	 * @return its values
	 * @throws UncheckedIOException if it fails
	 */
	static Table rest(ArrowReader reader) {
		try {
			VectorSchemaRoot root = reader.getVectorSchemaRoot();
			Values values = new Values(root.getSchema());
			while (reader.loadNextBatch()) {
				values.add(root, reader, BatchMetadata.empty());
			}
			return values.table();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * Read a stream.
	 * @param stream an Arrow IPC stream, coded with zstd or gzip or not at all
	 * @return its values, without those of log batches
	 */
	static Table of(byte[] stream) {
		Values[] values = new Values[1];
		try (RootAllocator allocator = new RootAllocator()) {
			read(stream, allocator, (reader) -> {
				values[0] = new Values(reader.schema());
				while (values[0].add(reader.next())) {
					// Until the end of the stream.
				}
			});
		}
		return values[0].table();
	}

	/**
	 * Read a stream.
	 * @param stream an Arrow IPC stream, coded with zstd or gzip or not at all
	 * @param allocator the owner of its batches
	 * @param action takes the batches
	 * @throws IllegalArgumentException if the stream is empty
	 */
	static void read(byte[] stream, BufferAllocator allocator, Consumer<IpcStreamReader> action) {
		try (InputStream plain = decoded(stream);
				IpcStreamReader reader = IpcStreamReader.of(plain, Long.MAX_VALUE, allocator)) {
			Assert.isTrue(reader.nextStream(), "There is no Arrow stream, but nothing at all");
			action.accept(reader);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static InputStream decoded(byte[] stream) throws IOException {
		ContentCodec codec = (stream.length < ContentCodec.HEAD) ? null
				: ContentCodec.forHead(Arrays.copyOf(stream, ContentCodec.HEAD));
		InputStream in = new ByteArrayInputStream(stream);
		return (codec != null) ? codec.decode(in) : in;
	}

	List<String> names() {
		return this.schema.getFields().stream().map(Field::getName).toList();
	}

	/**
	 * Return a row.
	 * @param index its position
	 * @return its values by the names of the columns
	 */
	Map<String, @Nullable Object> row(int index) {
		Map<String, @Nullable Object> row = new LinkedHashMap<>();
		for (int i = 0; i < names().size(); i++) {
			row.put(names().get(i), this.columns.apply(i).get(index));
		}
		return row;
	}

	/**
	 * Collects the values of batches that do not stay.
	 */
	private static final class Values {

		private final Schema schema;

		private final List<BatchMetadata> metadata = new ArrayList<>();

		private final List<List<@Nullable Object>> columns = new ArrayList<>();

		private long rowCount;

		Values(Schema schema) {
			this.schema = schema;
			schema.getFields().forEach((field) -> this.columns.add(new ArrayList<>()));
		}

		boolean add(@Nullable AnnotatedBatch next) {
			try (AnnotatedBatch batch = next) {
				if (batch != null && BatchKind.of(batch.rowCount(), batch.metadata()) != BatchKind.LOG) {
					add(batch.root(), batch.dictionaries(), batch.metadata());
				}
				return batch != null;
			}
		}

		void add(VectorSchemaRoot root, DictionaryProvider dictionaries, BatchMetadata metadata) {
			List<FieldVector> vectors = root.getFieldVectors();
			for (int i = 0; i < vectors.size(); i++) {
				this.columns.get(i).addAll(ColumnValues.of(vectors.get(i), dictionaries));
			}
			this.metadata.add(metadata);
			this.rowCount += root.getRowCount();
		}

		Table table() {
			return new Table(this.schema, this.rowCount, List.copyOf(this.metadata), this.columns::get);
		}

	}

}
