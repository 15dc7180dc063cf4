package dev.vgi.external.conformance;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * A result set whose values a client can compute: ascending numbers, the same as text
 * with every fifth missing, and the number of the batch as an encoded text. The
 * dictionary grows with each batch, and begins anew half way.
 */
final class ConformanceReader extends ArrowReader {

	private static final long DICTIONARY = 1;

	private static final Schema SCHEMA = new Schema(List.of(Field.notNullable("number", new ArrowType.Int(64, true)),
			Field.nullable("text", ArrowType.Utf8.INSTANCE),
			new Field("batch",
					new FieldType(true, ArrowType.Utf8.INSTANCE, new DictionaryEncoding(DICTIONARY, false, null)),
					null)));

	private final int batches;

	private final int rows;

	private final int failAt;

	private int loaded;

	/**
	 * Create a reader.
	 * @param allocator where its batches live
	 * @param batches number of batches
	 * @param rows rows of each batch
	 * @param failAt the batch that cannot be loaded, from 1 on; 0 for none
	 */
	ConformanceReader(BufferAllocator allocator, int batches, int rows, int failAt) {
		super(allocator);
		this.batches = batches;
		this.rows = rows;
		this.failAt = failAt;
	}

	@Override
	public boolean loadNextBatch() throws IOException {
		prepareLoadNextBatch();
		if (this.loaded == this.batches) {
			return false;
		}
		if (this.loaded + 1 == this.failAt) {
			throw new IOException("batch " + this.failAt + " cannot be loaded");
		}
		int half = this.batches / 2;
		int first = (this.loaded < half) ? 0 : half;
		VarCharVector names = (VarCharVector) Objects.requireNonNull(lookup(DICTIONARY)).getVector();
		for (int i = first; i <= this.loaded; i++) {
			names.setSafe(i - first, bytes("batch " + i));
		}
		names.setValueCount(this.loaded - first + 1);
		VectorSchemaRoot root = getVectorSchemaRoot();
		BigIntVector numbers = (BigIntVector) root.getVector("number");
		VarCharVector texts = (VarCharVector) root.getVector("text");
		IntVector indices = (IntVector) root.getVector("batch");
		for (int row = 0; row < this.rows; row++) {
			long number = (long) this.loaded * this.rows + row;
			numbers.setSafe(row, number);
			if (number % 5 != 0) {
				texts.setSafe(row, bytes("number " + number));
			}
			indices.setSafe(row, this.loaded - first);
		}
		root.setRowCount(this.rows);
		this.loaded++;
		return true;
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	@Override
	public long bytesRead() {
		return 0;
	}

	@Override
	protected void closeReadSource() {
	}

	@Override
	protected Schema readSchema() {
		return SCHEMA;
	}

}
