package dev.vgi.external.benchmark;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * Synthetic batches: an integer walk, noise and short text, 32 bytes a row; or nothing
 * but noise.
 */
public final class Payloads {

	/** As many as make the 269 MB of S. */
	public static final int ROWS = 8_880_000;

	/** As many as make 4 MiB. */
	public static final int ROWS_4_MB = 140_000;

	private Payloads() {
	}

	/**
	 * Make a batch.
	 * @param allocator the owner of its memory
	 * @param rows how many rows
	 * @return the batch, always the same; the caller closes it
	 */
	public static VectorSchemaRoot synthetic(BufferAllocator allocator, int rows) {
		Random random = new Random(42);
		BigIntVector walk = new BigIntVector("walk", allocator);
		Float8Vector noise = new Float8Vector("noise", allocator);
		VarCharVector text = new VarCharVector("text", allocator);
		walk.allocateNew(rows);
		noise.allocateNew(rows);
		text.allocateNew(12L * rows, rows);
		long position = 0;
		for (int i = 0; i < rows; i++) {
			position += random.nextInt(100);
			walk.set(i, position);
			noise.set(i, random.nextDouble());
			text.setSafe(i, ("item-" + random.nextInt(100_000)).getBytes(StandardCharsets.UTF_8));
		}
		walk.setValueCount(rows);
		noise.setValueCount(rows);
		text.setValueCount(rows);
		return new VectorSchemaRoot(List.of(walk, noise, text));
	}

	/**
	 * Make a batch that no compressor makes smaller.
	 * @param allocator the owner of its memory
	 * @param rows how many rows of 64 KB
	 * @return the batch, always the same; the caller closes it
	 */
	static VectorSchemaRoot incompressible(BufferAllocator allocator, int rows) {
		Random random = new Random(42);
		VarBinaryVector noise = new VarBinaryVector("noise", allocator);
		byte[] row = new byte[64 << 10];
		noise.allocateNew((long) row.length * rows, rows);
		for (int i = 0; i < rows; i++) {
			random.nextBytes(row);
			noise.set(i, row);
		}
		noise.setValueCount(rows);
		return new VectorSchemaRoot(List.of(noise));
	}

}
