package dev.vgi.external.benchmark;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * Synthetic batches: an integer walk, noise and short text, 32 bytes a row.
 */
final class Payloads {

	private Payloads() {
	}

	static VectorSchemaRoot synthetic(BufferAllocator allocator, int rows) {
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

}
