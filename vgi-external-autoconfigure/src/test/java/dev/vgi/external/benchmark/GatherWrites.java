package dev.vgi.external.benchmark;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;

/**
 * Our own writer against Arrow's.
 */
final class GatherWrites {

	private static final int WARM_UP = 3;

	private static final int SAMPLES = 9;

	private GatherWrites() {
	}

	// Throughput of a gather-write into memory that is used again, divided by that of
	// Arrow's own writer into a byte array.
	static Figure gatherWrite(VectorSchemaRoot root) throws IOException {
		ByteBuffer memory = ByteBuffer.allocateDirect(320 << 20);
		AnnotatedBatch batch = AnnotatedBatch.of(root);
		double[] ratios = new double[SAMPLES];
		for (int i = -WARM_UP; i < SAMPLES; i++) {
			long start = System.nanoTime();
			try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
				memory.clear();
				stream.writeTo(new MemoryChannel(memory));
			}
			long ours = System.nanoTime() - start;
			start = System.nanoTime();
			ByteArrayOutputStream bytes = new ByteArrayOutputStream();
			// Closing it would close the borrowed root.
			ArrowStreamWriter writer = new ArrowStreamWriter(root, null, bytes);
			writer.start();
			writer.writeBatch();
			writer.end();
			int length = bytes.toByteArray().length;
			long stock = System.nanoTime() - start;
			if (length != memory.position()) {
				throw new IllegalStateException("The writers disagree");
			}
			if (i >= 0) {
				ratios[i] = (double) stock / ours;
			}
		}
		return Figure.atLeast("gather-write-to-stock-writer", "times as fast", 4, ratios);
	}

	/**
	 * Memory that is used again.
	 *
	 * @param memory where the bytes go
	 */
	private record MemoryChannel(ByteBuffer memory) implements WritableByteChannel {

		@Override
		public int write(ByteBuffer source) {
			int length = source.remaining();
			this.memory.put(source);
			return length;
		}

		@Override
		public boolean isOpen() {
			return true;
		}

		@Override
		public void close() {
			// Nothing to close.
		}

	}

}
