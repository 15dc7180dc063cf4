package dev.vgi.external.batch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.benchmark.Payloads;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A large batch into memory that is used again, and by Arrow's own writer into a byte
 * array.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.SECONDS)
public class IpcStreamWriterBenchmark {

	private final BufferAllocator allocator = new RootAllocator();

	private final VectorSchemaRoot root = Payloads.synthetic(this.allocator, Payloads.ROWS);

	private final AnnotatedBatch batch = AnnotatedBatch.of(this.root);

	private final ByteBuffer memory = ByteBuffer.allocateDirect(320 << 20);

	@Setup
	public void check() throws IOException {
		if (gatherWrite() != stockWriter().length) {
			throw new IllegalStateException("The writers disagree");
		}
	}

	@Benchmark
	public int gatherWrite() throws IOException {
		this.memory.clear();
		try (GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(this.batch))) {
			stream.writeTo(new MemoryChannel(this.memory));
		}
		return this.memory.position();
	}

	@Benchmark
	public byte[] stockWriter() throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		// Closing it would close the root, which is used again.
		ArrowStreamWriter writer = new ArrowStreamWriter(this.root, null, bytes);
		writer.start();
		writer.writeBatch();
		writer.end();
		return bytes.toByteArray();
	}

	@TearDown
	public void close() {
		this.root.close();
		this.allocator.close();
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
