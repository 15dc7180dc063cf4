package dev.vgi.external.batch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.benchmark.Payloads;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A batch of 4 MiB out of a body in off-heap memory, and by Arrow's own reader out of the
 * same memory.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.SECONDS)
public class IpcStreamReaderBenchmark {

	private final BufferAllocator allocator = new RootAllocator();

	private final ArrowBuf body = body(this.allocator);

	private final ByteBuffer bytes = this.body.nioBuffer(0, (int) this.body.writerIndex());

	private static ArrowBuf body(BufferAllocator allocator) {
		try (VectorSchemaRoot root = Payloads.synthetic(allocator, Payloads.ROWS_4_MB);
				GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(AnnotatedBatch.of(root)))) {
			ArrowBuf body = allocator.buffer(stream.length());
			for (ByteBuffer segment : stream.segments()) {
				body.setBytes(body.writerIndex(), segment.duplicate());
				body.writerIndex(body.writerIndex() + segment.remaining());
			}
			return body;
		}
	}

	@Setup
	public void check() throws IOException {
		if (zeroCopyReader() != Payloads.ROWS_4_MB || stockReader() != Payloads.ROWS_4_MB) {
			throw new IllegalStateException("The readers disagree");
		}
	}

	@Benchmark
	public int zeroCopyReader() {
		try (IpcStreamReader reader = IpcStreamReader.of(this.body, this.body.writerIndex(), this.allocator)) {
			reader.nextStream();
			try (AnnotatedBatch batch = reader.next()) {
				return (batch != null) ? batch.rowCount() : 0;
			}
		}
	}

	@Benchmark
	public int stockReader() throws IOException {
		ReadableByteChannel channel = new MemoryChannel(this.bytes.duplicate());
		try (ArrowStreamReader reader = new ArrowStreamReader(channel, this.allocator)) {
			reader.loadNextBatch();
			return reader.getVectorSchemaRoot().getRowCount();
		}
	}

	@TearDown
	public void close() {
		this.body.close();
		this.allocator.close();
	}

	/**
	 * Memory that is read once.
	 *
	 * @param memory where the bytes are
	 */
	private record MemoryChannel(ByteBuffer memory) implements ReadableByteChannel {

		@Override
		public int read(ByteBuffer target) {
			if (!this.memory.hasRemaining()) {
				return -1;
			}
			int length = Math.min(target.remaining(), this.memory.remaining());
			target.put(this.memory.slice(this.memory.position(), length));
			this.memory.position(this.memory.position() + length);
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
